"""Runs that go: whole, with their folder, and none that another one needs."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from filelock import Timeout

from clear_bench.runs.files import LOCK
from clear_bench.runs.record import records
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import temporary
from clear_bench.utils.locks import locked


def require_removable(root: Path, folders: Sequence[Path]) -> None:
    """Raise a `UserError` if a run that stays was trained on one that would go.

    Args:
        root: Folder of all runs.
        folders: Of the runs that would go.
    """
    going = {folder.name for folder in folders}
    for _, record in records(root):
        if record.parent in going and record.run_id not in going:
            raise UserError(
                f"{record.parent}: {record.run_id} needs it, for it reads its features or started "
                "from its weights; remove that one too"
            )


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def remove(folders: Sequence[Path]) -> None:
    """Remove run directories; one that a killed command left half-removed is no run any more.

    Raises:
        UserError: If another process is at one of them; then none is removed.
    """
    with ExitStack() as held:
        for folder in folders:
            try:
                held.enter_context(locked(folder / LOCK, timeout=0))
            except Timeout:
                raise UserError(f"{folder}: another process is at it; stop that first") from None
        going = [(folder, temporary(folder)) for folder in folders]
        for folder, hidden in going:
            folder.rename(hidden)  # at once and whole; what is hidden is nobody's, see `sweep`
    for _, hidden in going:
        shutil.rmtree(hidden)
