"""How far runs are: each tells where it is, and somebody shows one line a run and the time left."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from clear_bench.utils.progress import is_quiet
from clear_bench.utils.run_state import AtWork, State

OFTEN = 0.5  # seconds between two reports of one run
UNKNOWN = "no estimate yet"


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
        listener(State(title, 0, epochs, 0.0, learns=False))


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
        self.running: dict[int, AtWork] = {}
        self.took: dict[str, list[float]] = {}
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
        now = time.perf_counter()
        run = self.running.get(state.process)
        told = run.state if run and run.state.title == state.title else None
        if run is None or told is None:
            run = self.running[state.process] = AtWork(state, now, state, now)
        elif not run.state.learns:
            run.first, run.trains_since = state, now
        run.state = state
        words = f"{state.words}, {self._left_of(run)}"
        if told is None or told.epoch != state.epoch:
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
        for process, run in list(self.running.items()):
            if run.state.title == title:
                self.took.setdefault(_kind(title), []).append(time.perf_counter() - run.began)
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
        known, missing = self._rests()
        if not known:
            return UNKNOWN
        seconds = max([sum(known) / max(self.workers, 1), *known])
        return f"{'at least' if missing else 'about'} {clock(seconds)} left"

    def _rests(self) -> tuple[list[float], int]:
        """Return the seconds of each run that has not ended, and of how many nothing is known."""
        at_work = {run.state.title: run for run in self.running.values()}
        each: list[float | None] = []
        for title in self.waiting:
            expected = self._expected(title)
            each.append(at_work[title].left(expected) if title in at_work else expected)
        each += [self._usual()] * (self.total - self.done - len(each))
        known = [seconds for seconds in each if seconds is not None]
        return known, len(each) - len(known)

    def _expected(self, title: str) -> float | None:
        """Return the seconds of a run by past ones, by those like it that ended here, or work."""
        expected, kind = self.waiting.get(title), _kind(title)
        if expected is not None:
            return expected
        alike = self.took.get(kind) or [
            run.whole
            for run in self.running.values()
            if run.whole is not None and _kind(run.state.title) == kind
        ]
        return sum(alike) / len(alike) if alike else None

    def _usual(self) -> float | None:
        """Return the mean seconds of what ended here, of which no more than its number is known."""
        ended = self.done - self.before
        passed = time.perf_counter() - self.began
        return passed * max(self.workers, 1) / ended if ended else None

    def _left_of(self, run: AtWork) -> str:
        """Return how long a run will still take, in words."""
        rest = run.left(self._expected(run.state.title))
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


def _kind(title: str) -> str:
    """Return what runs that differ in settings and seed alone have in common, by their ids."""
    return title.rpartition("-s")[0]


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
