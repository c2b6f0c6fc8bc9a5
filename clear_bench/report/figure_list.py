"""``figures.json``, the list of figures that the report draws, its page and its PDF read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, model_validator

from clear_bench.runs.fields import Name, OptionalName, clean
from clear_bench.utils.json_model import read_model

INDEX = "figures.json"
Words = Annotated[str, StringConstraints(max_length=20_000)]
Inches = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


@dataclass(frozen=True)
class Drawn:
    """One picture that was drawn, or the reason why it was not.

    Args:
        figure: Key of the figure's spec; "" for a note on a run that no figure shows.
        title: Of the figure, in print.
        stem: Name of the picture's files, without suffix.
        caption: What it shows, by which protocol, and what its intervals mean.
        runs: Ids of the runs behind it.
        files: Names of PDF and PNG; none if it could not be drawn.
        width: In inches.
        height: In inches.
        persons: Whether it shows pictures of persons.
        note: Why it could not be drawn; "" if it was.
    """

    figure: str
    title: str
    stem: str
    caption: str = ""
    runs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    width: float = 0.0
    height: float = 0.0
    persons: bool = False
    note: str = ""

    def __str__(self) -> str:
        if self.files:
            return f"figure: {self.stem} ({', '.join(self.files)})"
        return f"not drawn: {': '.join(filter(None, [self.stem, self.note]))}"


class Listed(BaseModel):
    """One picture that was drawn, or the reason why it was not; see `Drawn`."""

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
