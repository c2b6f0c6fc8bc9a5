"""What came out of a study, as data: the runs behind each of its variants."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clear_bench.config.dataset_name import in_files
from clear_bench.runs.fields import Count, DatasetName, Key, Name, OptionalName, clean
from clear_bench.runs.files import STUDIES, find_folder, place
from clear_bench.runs.record import Record
from clear_bench.utils.files import write_text
from clear_bench.utils.json_model import read_model

SUFFIX = ".study.json"


class VariantResult(BaseModel):
    """What became of one variant.

    ``status`` is ``finished`` (every seed has a record), ``failed``, ``unavailable`` (it cannot be
    had on this machine, for instance a text encoder's weights) or ``missing`` (not run yet); the
    last three keep a ``reason``.  ``runs`` is seed -> run id of those seeds that have finished.
    ``method`` is "" where it is the study's own.
    """

    model_config = ConfigDict(extra="forbid")

    label: str
    method: OptionalName = ""
    levels: dict[str, Any]
    overrides: dict[str, Any]
    checkpoint: str = "selected"
    reference: bool = False
    status: Literal["finished", "failed", "unavailable", "missing"]
    reason: str = ""
    runs: dict[Count, Name] = Field(default_factory=dict)


class SearchTrial(BaseModel):
    """One trial of a search: its val metric only; the test split is never seen by a search."""

    model_config = ConfigDict(extra="forbid")

    number: int
    state: Literal["complete", "pruned", "failed"]
    values: dict[str, float]
    val: float | None = None


class SearchResult(BaseModel):
    """What a search found.  ``runs`` is seed -> run id of the best trial, trained on all seeds."""

    model_config = ConfigDict(extra="forbid")

    metric: str
    budget: int
    trials: list[SearchTrial]
    best: dict[str, float] = Field(default_factory=dict)
    importance: dict[str, float] = Field(default_factory=dict)
    runs: dict[Count, Name] = Field(default_factory=dict)


class StudyResult(BaseModel):
    """Everything a table or figure of a study needs besides the records of its runs.

    It lies at ``runs/studies/PROFILE/DATASET/NAME.study.json``; the records of its runs lie
    anywhere below ``runs``.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    study: Name
    question: str
    method: Name
    task: Literal["recognition", "retrieval"]
    dataset: DatasetName
    profile: Name
    metrics: list[Name]
    factors: list[Key]
    seeds: list[Count]
    variants: list[VariantResult]
    search: SearchResult | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_clean(cls, values: Any) -> Any:
        """Refuse what may not be shown, see `clean`."""
        return clean(values) if isinstance(values, dict) else values

    def save(self, root: Path) -> Path:
        """Write it below the folder of all runs, whole or not at all."""
        return write_text(
            result_file(root, self.study, self.profile, self.dataset),
            json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n",
            durable=True,
        )

    def with_earlier_search(self, root: Path) -> "StudyResult":
        """Return this with the search that its file holds, if it has none of its own."""
        file = result_file(root, self.study, self.profile, self.dataset)
        if self.search or not file.is_file():
            return self
        return self.model_copy(update={"search": StudyResult.load(file).search})

    @property
    def run_ids(self) -> set[str]:
        """Ids of all runs that it names, those of its search too."""
        named = {run_id for variant in self.variants for run_id in variant.runs.values()}
        return named | set(self.search.runs.values() if self.search else ())

    def record(self, root: Path, run_id: str, method: str = "") -> tuple[Path, Record]:
        """Return run directory and record of one of its runs.

        Args:
            root: Folder of all runs.
            run_id: The run.
            method: Of the variant; "" is the study's own.

        Raises:
            UserError: If it is not there.
        """
        folder = find_folder(
            root, place(self.profile, self.dataset, method or self.method, run_id), STUDIES
        )
        return folder, Record.load(folder)

    @classmethod
    def load(cls, file: Path) -> "StudyResult":
        """Read one.

        Raises:
            UserError: If the file is missing, is not JSON, or breaks the schema.
        """
        return read_model(cls, file, "study", "run python -m clear_bench.ablate")


def result_file(root: Path, study: str, profile: str, dataset: str) -> Path:
    """Return where a study's result lies below the folder of all runs."""
    return root / STUDIES / profile / in_files(dataset) / f"{study}{SUFFIX}"


def all_results(root: Path) -> list[StudyResult]:
    """Return the results of all studies of all profiles, in order of place."""
    return [
        StudyResult.load(f) for f in sorted((root / STUDIES).glob(f"[!.]*/[!.]*/[!.]*{SUFFIX}"))
    ]


def results(root: Path, profile: str) -> list[StudyResult]:
    """Return the results of all studies of a profile, in order of data set and name."""
    folder = root / STUDIES / profile
    return [StudyResult.load(file) for file in sorted(folder.glob(f"*/*{SUFFIX}"))]
