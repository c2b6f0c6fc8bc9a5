"""``figures.json``, the list of figures that the report draws, its page and its PDF read."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, model_validator

from clear_bench.runs.fields import Name, OptionalName, clean
from clear_bench.utils.json_model import read_model

INDEX = "figures.json"
Words = Annotated[str, StringConstraints(max_length=20_000)]
Inches = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


class Listed(BaseModel):
    """One picture that was drawn, or the reason why it was not; see `clear_bench.report.draw`."""

    model_config = ConfigDict(extra="forbid")

    figure: OptionalName
    title: Words
    stem: OptionalName
    caption: Words = ""
    runs: list[Name] = Field(default_factory=list)
    files: list[Name] = Field(default_factory=list)
    width: Inches = 0.0
    height: Inches = 0.0
    persons: bool = False
    note: Words = ""

    @model_validator(mode="after")
    def _can_be_shown(self) -> "Listed":
        clean([self.title, self.caption, self.note])
        if self.files and self.svg is None:
            raise ValueError(f"{self.stem} has no .svg")
        return self

    @property
    def svg(self) -> str | None:
        """The picture that a page shows."""
        return next((name for name in self.files if name.endswith(".svg")), None)

    @property
    def pdf(self) -> str | None:
        """The picture that a paper shows."""
        return next((name for name in self.files if name.endswith(".pdf")), None)


class _List(RootModel[list[Listed]]):
    """The whole file."""


def figures_of(folder: Path) -> list[Listed]:
    """Return the list of figures of a folder; none if it has no list.

    Raises:
        UserError: If it is damaged.
    """
    file = folder / INDEX
    if not file.is_file():
        return []
    return read_model(_List, file, "list of figures", "draw them again").root
