"""The record of a run: one JSON file, the truth that tables and figures are made of."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clear_bench.config.dotted import flatten
from clear_bench.config.numbers import identity
from clear_bench.config.protocol import Protocol
from clear_bench.config.sections import Data
from clear_bench.runs.fields import (
    WIDEST,
    Count,
    DatasetName,
    Hex,
    Key,
    Name,
    Number,
    OptionalName,
    Signature,
    Time,
    clean,
    require_attributes,
    require_history,
    require_metrics,
    require_numbers,
    showable,
)
from clear_bench.runs.files import EXPORTED, RECORD, folders_of_runs
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import write_text
from clear_bench.utils.json_model import read_model
from clear_bench.utils.secrets import masked

SCHEMA: Literal[3] = 3
"""1 had no ``overrides``, 2 no ``numbers``."""


COUNTED = ("images", "queries", "categories", "labels", "pairs")
"""What the names of numbers in ``data`` end with."""


class Record(BaseModel):
    """Everything that is known of one run.

    ``metrics`` is checkpoint (``selected`` by the protocol's rule, ``last`` epoch or, if the
    protocol asks for it, ``oracle``: selected on test) -> split -> name -> value, fractions of 1;
    where val is trained on there is only test.  ``history`` has one entry an epoch.
    ``per_attribute`` is of test; its ``threshold`` is what val chose, if the protocol asks that,
    and its ``known`` is of how many images, if labels are unknown.
    A failed run keeps ``reason`` instead.
    ``overrides`` is what `changes` finds between the run and its method's own recipe; None where
    an older record does not say.
    ``numbers`` are the numbers versions behind it and its parents, see
    `clear_bench.config.numbers`; ``code_hash`` is provenance alone.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1, 2, 3] = SCHEMA
    run_id: Name
    status: Literal["finished", "failed"]
    reason: str = ""
    method: Name
    task: Literal["recognition", "retrieval"]
    dataset: DatasetName
    profile: Name
    seed: Count
    parent: OptionalName = ""
    protocol: Signature
    config: dict[str, Any]
    overrides: dict[Key, Any] | None = None
    numbers: dict[Key, Count] = Field(default_factory=dict)
    code_hash: Hex
    data: dict[Key, Any] = Field(default_factory=dict)
    metrics: dict[Name, dict[Name, dict[Name, Number]]] = Field(default_factory=dict)
    per_attribute: dict[Name, list[Any]] = Field(default_factory=dict)
    history: list[dict[Name, Number]] = Field(default_factory=list)
    selected_epoch: Count = 0
    oracle_epoch: Count = 0
    cost: dict[Name, Any] = Field(default_factory=dict)
    provenance: dict[Key, Any] = Field(default_factory=dict)
    artefacts: dict[Name, Hex] = Field(default_factory=dict)
    finished_at: Time = ""

    @model_validator(mode="after")
    def _is_a_record(self) -> "Record":
        """Hold each field against what it may be, and mask secrets that an older record kept."""
        for field in (
            "reason",
            "config",
            "overrides",
            "data",
            "per_attribute",
            "cost",
            "provenance",
        ):
            clean(getattr(self, field))
        require_metrics(self.metrics)
        require_history(self.history)
        require_attributes(self.per_attribute)
        require_numbers(self.cost, ("device",))
        counts = {k: v for k, v in self.data.items() if k.endswith(COUNTED)}
        require_numbers(counts, ())
        if self.parent == self.run_id:
            raise ValueError("parent is the run itself")
        for name in ("method", "dataset", "profile", "seed"):
            if self.config.get(name, getattr(self, name)) != getattr(self, name):
                raise ValueError(f"config.{name} is not {getattr(self, name)}")
        self.reason = masked(self.reason)
        if "command" in self.provenance:
            self.provenance["command"] = masked(str(self.provenance["command"]))
        return self

    @property
    def threshold(self) -> float | NDArray[np.float64]:
        """An attribute is predicted where its probability is greater: one, or one each ``(A,)``.

        Raises:
            UserError: If it is a record of retrieval, which predicts no attribute, and its
                protocol chooses thresholds on val: its parent's record knows them.
        """
        fixed = self.config["protocol"]["threshold"]
        if fixed != "val":
            return float(fixed)
        if "threshold" not in self.per_attribute:
            raise UserError(f"{self.run_id}: has no thresholds; its parent {self.parent} has")
        return np.array(self.per_attribute["threshold"], np.float64)

    @property
    def positive_shares(self) -> NDArray[np.float64]:
        """Each attribute's share of positives among the test images of which it is known ``(A,)``.

        NaN where it is known of none.
        """
        positives = np.array(self.per_attribute["positives"], np.float64)
        everywhere = np.full(len(positives), self.data["test_images"])
        images = np.array(self.per_attribute.get("known", everywhere), np.float64)
        shares = np.full(len(positives), np.nan)
        return np.divide(positives, images, out=shares, where=images > 0)

    def save(self, folder: Path) -> Path:
        """Write the record into a run directory, whole or not at all."""
        stamped = self.model_copy(update={"finished_at": datetime.now(UTC).isoformat()})
        text = json.dumps(showable(stamped.model_dump()), indent=1, allow_nan=False)
        return write_text(folder / RECORD, text + "\n", durable=True)

    @classmethod
    def load(cls, path: Path) -> "Record":
        """Read a record.

        Raises:
            UserError: If the file is missing, is not JSON, or breaks the schema.
        """
        file = path / RECORD if path.is_dir() else path
        if not file.exists() and (path / EXPORTED).is_file():
            raise UserError(f"{path}: is an exported model; this takes a run")
        record = read_model(cls, file, "record", "the run has not finished")
        try:
            _require_sections(record)
        except (ValidationError, KeyError, TypeError) as error:
            cause = str(error).splitlines()[0]
            raise UserError(f"{file}: not a record: lacks what a run has ({cause})") from None
        return record


def _require_sections(record: Record) -> None:
    """Raise an error of whatever kind if a record lacks what everybody reads of it."""
    config = record.config
    Data.model_validate(config["data"])
    Protocol.model_validate(config["protocol"])
    section = config[record.task]
    for name, value in (("threads", config["threads"]), ("epochs", section["train"]["epochs"])):
        if not isinstance(value, int) or not 0 <= value < WIDEST:
            raise TypeError(name)
    if not isinstance(section["model"], dict):
        raise TypeError("model")
    held_out = {"val"} if config["data"].get("train_on", "train") == "train" else set()
    if record.status == "finished" and not {"test", *held_out} <= set(record.metrics["selected"]):
        raise KeyError("selected")


def plain(values: Any) -> Any:
    """Return arrays and numpy numbers as JSON values; a value that is not a number is None."""
    if isinstance(values, dict):
        return {k: plain(v) for k, v in values.items()}
    if isinstance(values, np.ndarray | list | tuple):
        return [plain(v) for v in values]
    if isinstance(values, float | np.floating):
        return float(values) if np.isfinite(values) else None
    return values.item() if isinstance(values, np.generic) else values


def records(root: Path) -> Iterator[tuple[Path, Record]]:
    """Yield every record below a folder with its run directory, in order of path."""
    for folder in folders_of_runs(root):
        yield folder, Record.load(folder)


def require_no_circle(known: Mapping[str, Record]) -> None:
    """Raise a `UserError` if a record is its own ancestor.

    Args:
        known: Run id to record.
    """
    for run_id in known:
        seen, above = {run_id}, known[run_id].parent
        while above in known:
            if above in seen:
                raise UserError(f"{run_id}: the record is its own ancestor, by way of {above}")
            seen.add(above)
            above = known[above].parent


def settings(record: Record, known: Mapping[str, Record]) -> dict[str, Any]:
    """Return dotted keys to values of what makes a run, and its ancestors, but for seed and names.

    Args:
        record: Of the run.
        known: Run id to record, where its ancestors are looked for.
    """
    values: dict[str, Any] = {
        "data.fingerprint": record.data.get("fingerprint"),
        **dict(flatten(identity(record.config))),
    }
    if record.parent in known:  # which is no circle, see `require_no_circle`
        ours = settings(known[record.parent], known)
        values |= {f"parent.{k}": v for k, v in ours.items()}
    return {k: v for k, v in values.items() if k.rsplit(".", 1)[-1] != "seed"}
