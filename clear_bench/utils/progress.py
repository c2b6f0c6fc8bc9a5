"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterable, Sized
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress import track as progress_track

T = TypeVar("T")
_quiet = False


def be_quiet() -> None:
    """Show nothing from this process any more, because several of them share a terminal."""
    global _quiet
    _quiet = True


def say(text: str) -> None:
    """Print a line on stderr, unless this process is quiet."""
    console = Console(stderr=True, quiet=_quiet, highlight=False, soft_wrap=True)
    console.print(text, markup=False)


def wide_console() -> Console:
    """Return a console for tables on standard output: wide where it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


class EpochProgress:
    """Progress over epochs of equally many steps.

    Args:
        title: What is running.
        log: File that gets one line an epoch, appended.
        epochs: How many there will be.
        steps: Steps an epoch.
    """

    def __init__(self, title: str, log: Path, epochs: int, steps: int) -> None:
        self.title, self.log, self.epochs, self.steps = title, log, epochs, steps
        self.console = Console(stderr=True, quiet=_quiet)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.0f} images/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[best]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )

    def start(self, done: int) -> None:
        """Begin after ``done`` finished epochs."""
        self.done = done
        self.images, self.began = 0, time.perf_counter()
        self.task = self.bar.add_task(
            self.title,
            total=self.epochs * self.steps,
            completed=done * self.steps,
            rate=0.0,
            best="",
        )
        self.bar.start()

    def step(self, images: int) -> None:
        """Count one step over some images."""
        self.images += images
        self.bar.update(self.task, advance=1, rate=self.rate)

    @property
    def rate(self) -> float:
        """Images per second since the start, validation included."""
        return self.images / (time.perf_counter() - self.began)

    def epoch(self, number: int, loss: float, metric: str, value: float | None) -> None:
        """Write the line of a finished epoch; ``value`` is None where nothing was measured."""
        each = (time.perf_counter() - self.began) / (number - self.done)
        left = timedelta(seconds=round(each * (self.epochs - number)))
        found = "" if value is None else f"val {metric} {100 * value:.2f}"
        words = f"loss {loss:.4g}" + (f", {found}" if found else "")
        line = (
            f"{self.title}: epoch {number}/{self.epochs}, {words}, "
            f"{self.rate:.0f} images/s, {left} left"
        )
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
        self.bar.update(self.task, best=found)
        if not self.console.is_terminal:
            self.console.print(line, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the bar away."""
        self.bar.stop()


class RunsProgress:
    """Many runs: a bar on a terminal, and one line a run that has ended.

    Args:
        name: What they are for.
        total: Runs.
        before: Runs that had finished before.
        workers: Processes that carry out the rest.
    """

    def __init__(self, name: str, total: int, before: int, workers: int) -> None:
        self.total, self.done, self.before = total, before, before
        self.began = time.perf_counter()
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        rest = f", {workers} side by side" if total > before else ""
        self.console.print(f"{name}: {total} runs, {before} finished before{rest}")
        self.bar = Progress(
            TextColumn(name),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal or total == before,
        )
        self.task = self.bar.add_task(name, total=total, completed=before, left="")

    def tell(self, text: str) -> None:
        """Say that a run has ended, how, and how long the rest will take."""
        self.done += 1
        each = (time.perf_counter() - self.began) / (self.done - self.before)
        left = f"about {timedelta(seconds=round(each * (self.total - self.done)))} left"
        self.bar.update(self.task, completed=self.done, left=left)
        self.console.print(f"[{self.done}/{self.total}] {text}, {left}", markup=False)

    def __enter__(self) -> "RunsProgress":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()


class Counter:
    """A count of what is done and its rate, on a terminal; silent elsewhere.

    Args:
        unit: What is counted.
    """

    def __init__(self, unit: str) -> None:
        self.count, console = 0, Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.completed:.0f} " + unit),
            TextColumn("{task.fields[rate]:.0f}/s"),
            console=console,
            transient=True,
            disable=_quiet or not console.is_terminal,
        )
        self.began = time.perf_counter()
        self.task = self.bar.add_task(unit, total=None, rate=0.0)

    def add(self, count: int) -> None:
        """Count some more."""
        self.count += count
        rate = self.count / (time.perf_counter() - self.began)
        self.bar.update(self.task, advance=count, rate=rate)

    def __enter__(self) -> "Counter":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()


def track(steps: Iterable[T], title: str, total: int | None = None) -> Iterable[T]:
    """Iterate with a bar on a terminal; silent elsewhere, and where there are few steps.

    Args:
        steps: What is iterated over.
        title: What is being done.
        total: How many there are, if ``steps`` has no length.
    """
    count = len(steps) if isinstance(steps, Sized) else total or 0
    console = Console(stderr=True)
    silent = _quiet or count < 8 or not console.is_terminal
    return progress_track(
        steps, title, total=count, console=console, transient=True, disable=silent
    )
