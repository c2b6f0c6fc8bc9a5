"""How far runs are: each tells where it is, and somebody shows one line a run and the time left."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from clear_bench.utils.progress import is_quiet

OFTEN = 0.5  # seconds between two reports of one run
ENOUGH = 30.0  # seconds of a first epoch that say how long a run will take
UNKNOWN = "no estimate yet"


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
    """

    title: str
    epoch: int
    epochs: int
    share: float
    rate: float = 0.0
    found: str = ""
    process: int = field(default_factory=os.getpid)

    @property
    def words(self) -> str:
        """Epoch, what was found, and speed."""
        found = f", {self.found}" if self.found else ""
        rate = f", {self.rate:.0f} images/s" if self.rate else ""
        return f"epoch {self.epoch}/{self.epochs}{found}{rate}"


Listener = Callable[[State], object]
_listeners: list[Listener] = []


@contextmanager
def reporting(listener: Listener) -> Iterator[None]:
    """Tell somebody of every run of this process, as long as the body runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def begun(title: str, epochs: int) -> None:
    """Tell whoever listens that this process is at a run, before its first step."""
    for listener in _listeners:
        listener(State(title, 0, epochs, 0.0))


class EpochProgress:
    """Progress of one run over epochs of equally many steps.

    Args:
        title: What is running.
        log: File that gets one line an epoch, appended.
        epochs: How many there will be.
        steps: Steps an epoch.
    """

    def __init__(self, title: str, log: Path, epochs: int, steps: int) -> None:
        self.title, self.log, self.epochs, self.steps = title, log, epochs, steps

    def start(self, done: int) -> None:
        """Begin after ``done`` finished epochs."""
        self.done, self.ended, self.passed = done, done, done * self.steps
        self.images, self.found = 0, ""
        self.began = time.perf_counter()
        self._report()

    def step(self, images: int) -> None:
        """Count one step over some images."""
        self.images += images
        self.passed += 1
        if time.perf_counter() - self.told > OFTEN:
            self._report()

    @property
    def rate(self) -> float:
        """Images per second since the start, validation included."""
        return self.images / max(time.perf_counter() - self.began, 1e-9)

    def epoch(self, number: int, loss: float, metric: str, value: float | None) -> None:
        """Write the line of a finished epoch; ``value`` is None where nothing was measured."""
        self.ended, self.passed = number, number * self.steps
        val = "" if value is None else f", val {metric} {100 * value:.2f}"
        self.found = f"loss {loss:.4g}{val}"
        each = (time.perf_counter() - self.began) / (number - self.done)
        line = f"{self.title}: {self.state.words}, {clock(each * (self.epochs - number))} left"
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
        if not _listeners:
            console = Console(stderr=True, quiet=is_quiet(), highlight=False, soft_wrap=True)
            console.print(line, markup=False)
        self._report()

    @property
    def state(self) -> State:
        """How far it is now."""
        share = self.passed / (self.epochs * self.steps)
        rate = self.rate if self.images else 0.0
        return State(self.title, self.ended, self.epochs, share, rate, self.found)

    def _report(self) -> None:
        """Tell whoever listens."""
        self.told = time.perf_counter()
        for listener in _listeners:
            listener(self.state)


class RunsProgress:
    """Runs: a bar for all and one for each that is at work on a terminal, plain lines elsewhere.

    Args:
        name: What they are for.
        total: Runs.
        before: Runs that had finished before.
        workers: Processes that carry out the rest.
        expected: Title of each run that is to be carried out to the seconds that it will take, by
            past ones; None where nothing is known.
    """

    def __init__(
        self,
        name: str,
        total: int,
        before: int,
        workers: int,
        expected: Mapping[str, float | None] | None = None,
    ) -> None:
        self.total, self.done, self.before, self.workers = total, before, before, workers
        self.waiting = dict(expected or {})
        self.began = time.perf_counter()
        self.running: dict[int, tuple[State, float]] = {}
        self.rows: dict[int, TaskID] = {}
        self.console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=is_quiet())
        rest = f", {workers} side by side" if total > before and workers > 1 else ""
        left = f", {self.left}" if total > before else ""
        self.console.print(f"{name}: {total} runs, {before} finished before{rest}{left}")
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}", markup=False),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal or total == before,
        )
        self.all = self.bar.add_task(name, total=total, completed=before, words=self.left)

    def update(self, state: State) -> None:
        """Show how far a run is: on a terminal in its row, else a line where an epoch has ended."""
        known, since = self.running.get(state.process, (None, 0.0))
        if known is None or known.title != state.title:
            known, since = None, time.perf_counter()
        self.running[state.process] = (state, since)
        words = f"{state.words}, {self._left_of(state, since)}"
        if known is None or known.epoch != state.epoch:
            self._print(f"{state.title}: {words}")
        if state.process not in self.rows:
            self.rows[state.process] = self.bar.add_task(state.title, total=state.epochs, words="")
        self.bar.update(
            self.rows[state.process],
            description=state.title,
            total=state.epochs,
            completed=state.epoch,
            words=words,
        )
        self.bar.update(self.all, words=self.left)

    def tell(self, text: str, title: str = "") -> None:
        """Say that a run has ended, how, and how long the rest will take.

        Args:
            text: What became of it.
            title: The run, as in ``expected``.
        """
        self.done += 1
        self.waiting.pop(title, None)
        for process, (state, _) in list(self.running.items()):
            if state.title == title:
                del self.running[process]
                if process in self.rows:
                    self.bar.remove_task(self.rows.pop(process))
        self.bar.update(self.all, completed=self.done, words=self.left)
        self.console.print(f"[{self.done}/{self.total}] {text}, {self.left}", markup=False)

    @property
    def left(self) -> str:
        """How long the rest will take, in words."""
        if self.total <= self.done:
            return f"about {clock(0)} left"
        seconds = self._seconds()
        return UNKNOWN if seconds is None else f"about {clock(seconds)} left"

    def _seconds(self) -> float | None:
        """Return the seconds until all have ended; None if nothing says so."""
        usual = self._usual()
        at_work = {state.title: (state, since) for state, since in self.running.values()}
        each = []
        for title, expected in self.waiting.items():
            value = _rest(expected, *at_work[title]) if title in at_work else expected
            each.append(usual if value is None else value)
        each += [usual] * (self.total - self.done - len(each))
        known = [value for value in each if value is not None]
        if len(known) < len(each):
            return None
        return max([sum(known) / max(self.workers, 1), *known])

    def _usual(self) -> float | None:
        """Return the seconds of a run like those that ended here, are expected, or are at work."""
        ended = self.done - self.before
        if ended:
            return (time.perf_counter() - self.began) * max(self.workers, 1) / ended
        known = [value for value in self.waiting.values() if value is not None]
        if not known:
            each = [_own(state, since) for state, since in self.running.values()]
            known = [whole for whole in each if whole is not None]
        return sum(known) / len(known) if known else None

    def _left_of(self, state: State, since: float) -> str:
        """Return how long a run will still take, in words."""
        rest = _rest(self.waiting.get(state.title), state, since)
        return UNKNOWN if rest is None else f"{clock(rest)} left"

    def _print(self, line: str) -> None:
        """Print a line where there is no terminal."""
        if not self.console.is_terminal:
            self.console.print(line, markup=False)

    def __enter__(self) -> "RunsProgress":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))


def _own(state: State, since: float) -> float | None:
    """Return the seconds that a run will have taken, by itself; its first steps say nothing."""
    elapsed = time.perf_counter() - since
    if not state.share or (not state.epoch and elapsed < ENOUGH):
        return None
    return elapsed / state.share


def _rest(expected: float | None, state: State, since: float) -> float | None:
    """Return the seconds that a run will still take.

    What past runs say counts less the further it is, and its own speed more.
    """
    elapsed, share, own = time.perf_counter() - since, state.share, _own(state, since)
    whole = own if expected is None else (1 - share) * expected + share * (own or expected)
    return None if whole is None else max(0.0, whole - elapsed)
