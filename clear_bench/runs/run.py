"""A run is the only noun that costs money: (method, task, data set, profile, overrides, seed)."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from clear_bench.config.compose import compose, for_task
from clear_bench.config.dataset_name import in_files
from clear_bench.config.dotted import changes
from clear_bench.config.numbers import VERSIONS, identity, versions_of
from clear_bench.config.protocol import Protocol, signature
from clear_bench.config.sections import Config
from clear_bench.data.dataset import Dataset
from clear_bench.data.images import RESAMPLING
from clear_bench.runs.code import code_of
from clear_bench.runs.files import RECORD, find_folder, place
from clear_bench.runs.record import Record
from clear_bench.utils.hashing import digest


@dataclass(frozen=True)
class Run:
    """One training of one method for one task; the same arguments always give the same id.

    Plain data: it can go to another process.

    Args:
        config: Resolved configuration, see `compose`.
        task: ``recognition`` or ``retrieval``.
        dataset: The data, read.
        root: Folder of all runs.
        parent: The recognition run whose features a retrieval run uses, or whose weights another
            recognition run starts from.
        home: Run directory, where it is not the one that the id gives (a run of other numbers).
        under: Folder below ``root`` for a new run: "" or `clear_bench.runs.files.STUDIES`.  One
            that is finished is found in either.
    """

    config: Config
    task: str
    dataset: Dataset
    root: Path
    parent: "Run | None" = None
    home: Path | None = None
    under: str = ""

    @property
    def section(self) -> dict[str, Any]:
        """The configuration of this task alone."""
        return self.config[self.task]

    @property
    def trains(self) -> bool:
        """Whether there is anything to learn."""
        return self.section["train"]["epochs"] > 0

    @property
    def seed(self) -> int:
        """Of everything random."""
        return self.config["seed"]

    @cached_property
    def own_numbers(self) -> dict[str, int]:
        """The numbers versions behind it, but for those behind its parent."""
        c = self.config
        return versions_of(c["method"], self.task, c["dataset"], text="text" in self.section)

    @property
    def numbers(self) -> dict[str, int]:
        """The numbers versions behind it, its parents' among them."""
        return {**(self.parent.numbers if self.parent else {}), **self.own_numbers}

    @cached_property
    def id(self) -> str:
        """Readable name and eight hex digits of everything that determines the numbers."""
        c = self.config
        key = {
            "config": identity(for_task(c, self.task)),
            "numbers": self.own_numbers,
            "data": self.dataset.fingerprint,
            "parent": self.parent.id if self.parent else "",
        }
        name = [c["method"], self.task, in_files(c["dataset"]), c["profile"], f"s{c['seed']}"]
        return "-".join([*name, digest(key)[:8]])

    @property
    def folder(self) -> Path:
        """Run directory; asked of the disk each time, since others make runs too."""
        c = self.config
        if self.home is not None:
            return self.home
        below = place(c["profile"], c["dataset"], c["method"], self.id)
        return find_folder(self.root, below, self.under)

    @property
    def finished(self) -> bool:
        """Whether it has a record that says so."""
        record = self.found()
        return record is not None and record.status == "finished"

    def found(self) -> Record | None:
        """Return its record, or None where there is none yet."""
        folder = self.folder
        return Record.load(folder) if (folder / RECORD).is_file() else None

    @property
    def line(self) -> "list[Run]":
        """Its ancestors, the first one first, and itself."""
        return [*(self.parent.line if self.parent else []), self]

    @cached_property
    def rules(self) -> Protocol:
        """The rules of its protocol; what an older record does not say is the default."""
        return Protocol.model_validate(self.config["protocol"])

    @property
    def measured(self) -> tuple[str, ...]:
        """The splits that it is measured on: those that it does not train on."""
        return ("val", "test") if self.config["data"]["train_on"] == "train" else ("test",)

    def judge(self, record: Record) -> float:
        """Return the number of a record that says, without test, how well it went.

        Its metric on val; where val is trained on, the loss of its last epoch, negative since less
        is better.
        """
        if "val" in self.measured:
            return record.metrics["selected"]["val"][self.metric]
        return -record.history[-1]["loss"] if record.history else 0.0

    def judged(self, value: float) -> str:
        """Return what `judge` found in words."""
        if "val" in self.measured:
            return f"val {self.metric} {100 * value:.2f}"
        return f"training loss {-value:.4g}"

    @property
    def metric(self) -> str:
        """Name of the metric that selects its checkpoint, if one does."""
        return str(getattr(self.rules, f"select_{self.task}"))

    @cached_property
    def protocol(self) -> str:
        """One line that says how the numbers are made; only equal lines may be compared."""
        return signature(
            self.rules,
            self.task,
            dataset=self.config["dataset"],
            attributes=len(self.dataset.schema),
            data=self.config["data"],
            resampling=RESAMPLING,
            partial=len(self.dataset.manifest) if self.dataset.partial else 0,
            more=self.dataset.signed,
            version=VERSIONS[f"protocol.{self.task}"],
        )

    @property
    def overrides(self) -> dict[str, Any]:
        """What differs from the method's own recipe: dotted keys to values."""
        return changes(for_task(self.config, self.task), for_task(self.recipe, self.task))

    @property
    def recipe(self) -> Config:
        """The configuration of its method as it is without overrides."""
        c = self.config
        return compose(c["method"], c["dataset"], c["profile"], c["seed"])

    def record(self, **found: Any) -> Record:
        """Return a record of this run with what was found."""
        c = self.config
        task: Any = self.task  # one of the two
        return Record(
            run_id=self.id,
            method=c["method"],
            task=task,
            dataset=c["dataset"],
            profile=c["profile"],
            seed=c["seed"],
            parent=self.parent.id if self.parent else "",
            protocol=self.protocol,
            config=for_task(c, self.task),
            overrides=self.overrides,
            numbers=self.numbers,
            code_hash=code_of(c["method"], self.task),
            **found,
        )
