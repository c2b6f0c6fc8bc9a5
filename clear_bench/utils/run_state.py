"""How far a run is, and how long it will take by its own speed and by past ones."""

import os
import time
from dataclasses import dataclass, field

ENOUGH = 30.0  # seconds of a first epoch that say how long a run will take


@dataclass(frozen=True)
class State:
    """How far a run is.

    Args:
        title: The run.
        epoch: Epochs that have ended.
        epochs: How many there will be.
        share: Of all steps, from 0 to 1.
        rate: Images per second since it began here, validation included.
        found: Loss and val metric of the last epoch, in words.
        process: Who is at it; a process is at one run.
        learns: Whether it has begun to train; before, it reads its data.
    """

    title: str
    epoch: int
    epochs: int
    share: float
    rate: float = 0.0
    found: str = ""
    process: int = field(default_factory=os.getpid)
    learns: bool = True

    @property
    def words(self) -> str:
        """Epoch, what was found, and speed."""
        found = f", {self.found}" if self.found else ""
        rate = f", {self.rate:.0f} images/s" if self.rate else ""
        return f"epoch {self.epoch}/{self.epochs}{found}{rate}"


@dataclass
class AtWork:
    """A run at work: how far it is, when it began, and how far it was when it began to train."""

    state: State
    began: float
    first: State
    trains_since: float

    @property
    def own(self) -> float | None:
        """Seconds that it will still take by its own speed; its first steps say nothing."""
        elapsed = time.perf_counter() - self.trains_since
        gained = self.state.share - self.first.share
        if gained <= 0 or (self.state.epoch == self.first.epoch and elapsed < ENOUGH):
            return None
        return elapsed / gained * (1 - self.state.share)

    @property
    def whole(self) -> float | None:
        """Seconds that it will have taken, by its own speed."""
        own = self.own
        return None if own is None else time.perf_counter() - self.began + own

    def left(self, expected: float | None) -> float | None:
        """Return the seconds that it will still take; None if nothing says so.

        What past runs say counts less the further it is, and its own speed more.
        """
        own, share = self.own, self.state.share
        if expected is None:
            return own
        rest = expected - (time.perf_counter() - self.began)
        return max(0.0, rest if own is None else (1 - share) * rest + share * own)
