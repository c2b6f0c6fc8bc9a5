"""The record of a run: one JSON file, the truth that tables and figures are made of."""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clear_bench.errors import UserError

SCHEMA: Literal[2] = 2
"""1 had no ``overrides``."""

FILE = "record.json"
STUDIES = "studies"
"""Folder, below that of all runs, of the runs that studies asked for."""

CHECKPOINTS = {"selected": "selected", "last": "last", "oracle": "oracle: selected on test"}
"""Name of a checkpoint to its label in print."""


class Record(BaseModel):
    """Everything that is known of one run.

    ``metrics`` is checkpoint (``selected`` on val, ``last`` epoch or, if the protocol asks for it,
    ``oracle``: selected on test) -> split -> name -> value, fractions of 1.  ``history`` has one
    entry an epoch.  A failed run keeps ``reason`` instead.
    ``overrides`` is what `changes` finds between the run and its method's own recipe; None where
    an older record does not say.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1, 2] = SCHEMA
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

    def save(self, folder: Path) -> Path:
        """Write the record into a run directory, whole or not at all."""
        stamped = self.model_copy(update={"finished_at": datetime.now(UTC).isoformat()})
        text = json.dumps(stamped.model_dump(), indent=1, allow_nan=False)
        return write_text(folder / FILE, text + "\n")

    @classmethod
    def load(cls, path: Path) -> "Record":
        """Read a record.

        Raises:
            UserError: If the file is missing, is not JSON, or breaks the schema.
        """
        file = path / FILE if path.is_dir() else path
        try:
            return cls.model_validate_json(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{file}: no such record; the run has not finished") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(p) for p in first["loc"])
            raise UserError(f"{file}: not a record: {where} {first['msg']}") from None


def write_text(path: Path, text: str) -> Path:
    """Write a text file by way of a temporary name, so that nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return path


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
    for file in sorted(root.rglob(FILE)):
        yield file.parent, Record.load(file)


def find_run(root: Path, name: str) -> Path:
    """Return a run directory by its path, its id or the beginning of its id.

    Raises:
        UserError: If none or several fit.
    """
    if (Path(name) / FILE).is_file():
        return Path(name)
    fits = [f.parent for f in sorted(root.rglob(FILE)) if f.parent.name.startswith(name)]
    if not fits:
        raise UserError(f"{name}: no such finished run below {root}; see: ls -R {root}")
    if len(fits) > 1:
        raise UserError(f"{name}: {len(fits)} runs fit: {', '.join(f.name for f in fits[:4])}")
    return fits[0]


def settings(record: Record, known: Mapping[str, Record]) -> dict[str, Any]:
    """Return dotted keys to values of what makes a run, and its ancestors, but for seed and names.

    Args:
        record: Of the run.
        known: Run id to record, where its ancestors are looked for.
    """
    found = {"data.fingerprint": record.data.get("fingerprint"), **dict(flatten(record.config))}
    if record.parent in known:
        ours = settings(known[record.parent], known)
        found |= {f"parent.{k}": v for k, v in ours.items()}
    return {k: v for k, v in found.items() if k.rsplit(".", 1)[-1] != "seed"}


def flatten(config: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of nested mappings."""
    for key, value in config.items():
        path = f"{where}.{key}" if where else key
        if isinstance(value, Mapping):
            yield from flatten(value, path)
        else:
            yield path, value


def changes(
    config: Mapping[str, Any], default: Mapping[str, Any], where: str = ""
) -> dict[str, Any]:
    """Return dotted keys to values that make ``default`` the given configuration.

    A mapping with other keys than the default's is one change: it replaced the other whole.
    """
    found: dict[str, Any] = {}
    for key, value in config.items():
        path, old = f"{where}.{key}" if where else key, default.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and set(value) == set(old):
            found |= changes(value, old, path)
        elif value != old:
            found[path] = value
    return found


if __name__ == "__main__":
    from clear_bench import bundle, cli

    cli.main(bundle.app)
