"""Where a run lies and what its files are called: the one place that knows."""

import os
from collections.abc import Iterator
from pathlib import Path

from clear_bench.config.dataset_name import in_files
from clear_bench.utils.hashing import file_sha256

RECORD = "record.json"
SELECTED = "selected.pth"
"""Weights of the epoch that val selected; `LAST` has all that training needs to go on."""

LAST = "last.pth"
ORACLE = "oracle.pth"
"""Weights of the epoch that is best on test, see `clear_bench.training.checkpoints`."""

EPOCH = "epoch-{:04d}.pth"
"""Weights of one epoch, kept while a run trains that wants `ORACLE`."""

START = "start.pth"
"""Weights that training starts from, if not at random; there until it has trained."""

PREDICTIONS = "predictions.npz"
SCHEMA = "schema.json"
TABLE = "table.npz"
"""What a retrieval model reads of the training split."""

PHRASES = "phrases.npz"
"""The attributes' text embeddings, of a recognition method that reads text."""

VAL = "val.npz"
"""What a retrieval run validates on; there while it trains."""

LOG = "train.log"
ERROR = "error.txt"
"""The traceback of a run that ended in a bug."""

ATTEMPTS = ".attempts.json"
"""How long a run has taken so far; there until it has finished."""

HISTORY = "history.json"
"""The epochs that have ended, of a run that is being made; then its record has them."""

LOCK = ".lock"

STUDIES = "studies"
"""Folder, below that of all runs, of the runs that studies asked for."""

MANIFEST = "config.json"
"""Of an exported model: what it is, and the sha256 of each of its files."""

EXPORTED = "run.json"
"""The record of an exported model's run; it is no run itself, and has no `RECORD`."""

WEIGHTS = "model.safetensors"
"""`SELECTED` of an exported model."""

PARENT = "recognition"
"""Folder of an exported retrieval model with the recognition model under it."""

KEPT = (SELECTED, LAST, ORACLE, PREDICTIONS, SCHEMA, TABLE, PHRASES)
"""What a finished run leaves beside its record."""


def place(profile: str, dataset: str, method: str, run_id: str) -> Path:
    """Return where a run lies, below the folder of all runs or of those of studies."""
    return Path(profile) / in_files(dataset) / method / run_id


def find_folder(root: Path, below: Path, under: str = "") -> Path:
    """Return the folder of a run: where its record is, or where it would be made.

    Args:
        root: Folder of all runs.
        below: From `place`.
        under: Where a new run goes: "" or `STUDIES`.  A record is found in either.
    """
    homes = [root / below, root / STUDIES / below]
    home_of_record = next((home for home in homes if (home / RECORD).is_file()), None)
    return home_of_record or root / under / below


def folders_of_runs(root: Path) -> Iterator[Path]:
    """Yield every folder below another that holds a record, in order of path."""
    return (file.parent for file in sorted(_records(root)))


def _records(root: Path) -> Iterator[Path]:
    """Yield every record below a folder; hidden folders hold what is not whole yet."""
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".")]
        if RECORD in names:
            yield Path(folder, RECORD)


def artefacts(folder: Path) -> dict[str, str]:
    """Return the sha256 of the files that a run leaves beside its record."""
    return {name: file_sha256(folder / name) for name in KEPT if (folder / name).is_file()}
