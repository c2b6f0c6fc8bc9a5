"""Progress of long work: a bar on a terminal, plain lines elsewhere.

rich is imported by what shows something: many short commands show nothing but their answer.
"""

import time
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
_quiet = False


def be_quiet() -> None:
    """Show nothing from this process any more, because several of them share a terminal."""
    global _quiet
    _quiet = True


def is_quiet() -> bool:
    """Return whether this process shows nothing."""
    return _quiet


def say(text: str) -> None:
    """Print a line on stderr, unless this process is quiet."""
    from rich.console import Console

    console = Console(stderr=True, quiet=_quiet, highlight=False, soft_wrap=True)
    console.print(text, markup=False)


def wide_console() -> "Console":
    """Return a console for tables on standard output: wide where it is no terminal."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=160)


class Counter:
    """A count of what is done and its rate, on a terminal; silent elsewhere.

    Args:
        unit: What is counted.
    """

    def __init__(self, unit: str) -> None:
        from rich.console import Console
        from rich.progress import Progress, TextColumn

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
    if _quiet or count < 8:
        return steps
    from rich.console import Console
    from rich.progress import track as progress_track

    console = Console(stderr=True)
    silent = not console.is_terminal
    return progress_track(
        steps, title, total=count, console=console, transient=True, disable=silent
    )
