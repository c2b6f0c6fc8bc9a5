"""Whoever watches the folders of runs while these are made, and passes on what is new in them.

The folder of a run says it all: a note of its attempts once it has begun (`ATTEMPTS`), the epochs
that have ended (`HISTORY`), its record.  So it is the same who makes the run: this process, its
workers, torchrun.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from clear_bench.runs.attempts import MAKING, Attempts, read_attempts, read_history
from clear_bench.runs.files import ATTEMPTS, HISTORY, RECORD
from clear_bench.runs.provenance import provenance
from clear_bench.runs.record import Record
from clear_bench.runs.run import Run

EVERY = 1.0  # seconds between two looks
Times = tuple[int, ...]


@dataclass
class _Followed:
    """A run, what its folder was at the last look, and the making that is shown."""

    run: Run
    seen: Times = ()
    making: str = ""


class Follower(Thread):
    """Looks at folders of runs again and again, beside the command.

    Args:
        progress: Is given what the record of a run would be if it ended now, and when its first
            attempt began; returns whether it is shown here.
        recorded: Is given the folder of a run that has a record.
    """

    def __init__(
        self,
        progress: Callable[[Record, float], bool],
        recorded: Callable[[Path], object],
    ) -> None:
        super().__init__(daemon=True, name="follower")
        self.progress, self.recorded = progress, recorded
        self.followed: dict[str, _Followed] = {}
        self.lock = Lock()
        self.leave = Event()
        self.error: Exception | None = None

    def add(self, runs: Iterable[Run]) -> None:
        """Look at these runs too."""
        with self.lock:
            for run in runs:
                self.followed.setdefault(run.id, _Followed(run))

    def run(self) -> None:
        """Look until it is enough; an error is kept for `stop`."""
        try:
            while not self.leave.wait(EVERY):
                self.look()
        except Exception as error:
            self.error = error

    def stop(self, patience: float | None = None) -> bool:
        """End the thread and return whether it has ended.

        Args:
            patience: Seconds to wait for what it is at; None waits until it is through.

        Raises:
            Exception: What ended it before, which is a bug of ours.
        """
        self.leave.set()
        self.join(patience)
        if self.error:
            raise self.error
        return not self.is_alive()

    def unfinished(self, *, look: bool) -> list[str]:
        """Return the makings that were shown and have no record.

        Args:
            look: Whether to pass on what is new first.
        """
        if look:
            self.look()
        return [each.making for each in self.followed.values() if each.making]

    def look(self) -> None:
        """Pass on what is new since the last look: what is being made first, then records."""
        with self.lock:
            each = list(self.followed.values())
        folders = [one.run.folder for one in each]
        changed = [
            (one, folder, times)
            for one, folder in zip(each, folders, strict=True)
            if any(times := _times(folder)) and times != one.seen
        ]
        for one, folder, times in sorted(changed, key=lambda item: item[2][0] > 0):
            if times[0]:
                self.recorded(folder)
                one.making = ""
            elif note := read_attempts(folder):
                began = note.first or note.began
                shown = self.progress(self._so_far(one.run, folder, note), began)
                one.making = note.making if shown else ""
            one.seen = times

    def _so_far(self, run: Run, folder: Path, note: Attempts) -> Record:
        """Return what the record of a run would be if it ended now."""
        data = run.dataset
        counts = {f"{split}_images": len(data.rows(split)) for split in ("train", "val", "test")}
        return run.record(
            status="failed",
            history=read_history(folder),
            data={"fingerprint": data.fingerprint, **counts},
            provenance={**self.behind, MAKING: note.making},
        )

    @cached_property
    def behind(self) -> dict[str, Any]:
        """Code, machine and command."""
        return provenance()


def _times(folder: Path) -> Times:
    """Return when a folder's record, history and note of attempts were written; 0 for none."""
    return tuple(_time(folder / name) for name in (RECORD, HISTORY, ATTEMPTS))


def _time(file: Path) -> int:
    """Return when a file was written in nanoseconds; 0 if it is not there."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
