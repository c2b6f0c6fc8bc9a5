"""The record of a run: one JSON file, the truth that tables and figures are made of."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from clear_bench.config.dotted import flatten
from clear_bench.config.numbers import identity
from clear_bench.runs.files import RECORD
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import write_text
from clear_bench.utils.json_model import read_model

SCHEMA: Literal[3] = 3
"""1 had no ``overrides``, 2 no ``numbers``."""


class Record(BaseModel):
    """Everything that is known of one run.

    ``metrics`` is checkpoint (``selected`` by the protocol's rule, ``last`` epoch or, if the
    protocol asks for it, ``oracle``: selected on test) -> split -> name -> value, fractions of 1;
    where val is trained on there is only test.  ``history`` has one entry an epoch.
    ``per_attribute`` is of test; its ``threshold`` is what val chose, if the protocol asks that.
    A failed run keeps ``reason`` instead.
    ``overrides`` is what `changes` finds between the run and its method's own recipe; None where
    an older record does not say.
    ``numbers`` are the numbers versions behind it and its parents, see
    `clear_bench.config.numbers`; ``code_hash`` is provenance alone.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1, 2, 3] = SCHEMA
    run_id: str
    status: Literal["finished", "failed"]
    reason: str = ""
    method: str
    task: str
    dataset: str
    profile: str
    seed: int
    parent: str = ""
    protocol: str
    config: dict[str, Any]
    overrides: dict[str, Any] | None = None
    numbers: dict[str, int] = Field(default_factory=dict)
    code_hash: str
    data: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, dict[str, dict[str, float]]] = Field(default_factory=dict)
    per_attribute: dict[str, list[Any]] = Field(default_factory=dict)
    history: list[dict[str, float]] = Field(default_factory=list)
    selected_epoch: int = 0
    oracle_epoch: int = 0
    cost: dict[str, Any] = Field(default_factory=dict)
    provenance: dict[str, Any] = Field(default_factory=dict)
    artefacts: dict[str, str] = Field(default_factory=dict)
    finished_at: str = ""

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

    def save(self, folder: Path) -> Path:
        """Write the record into a run directory, whole or not at all."""
        stamped = self.model_copy(update={"finished_at": datetime.now(UTC).isoformat()})
        text = json.dumps(stamped.model_dump(), indent=1, allow_nan=False)
        return write_text(folder / RECORD, text + "\n")

    @classmethod
    def load(cls, path: Path) -> "Record":
        """Read a record.

        Raises:
            UserError: If the file is missing, is not JSON, or breaks the schema.
        """
        file = path / RECORD if path.is_dir() else path
        return read_model(cls, file, "record", "the run has not finished")


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
    for file in sorted(root.rglob(RECORD)):
        yield file.parent, Record.load(file)


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
    if record.parent in known:
        ours = settings(known[record.parent], known)
        values |= {f"parent.{k}": v for k, v in ours.items()}
    return {k: v for k, v in values.items() if k.rsplit(".", 1)[-1] != "seed"}
