"""Figures from records alone, as ``reports/specs/`` describes them: no torch, the same bytes."""

import gc
import inspect
import json
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import active_children
from pathlib import Path

from clear_bench.config import plugins
from clear_bench.report.figure_list import INDEX, figures_of
from clear_bench.report.figures.material import Material
from clear_bench.report.figures.picture import FigureSpec, NotDrawn, Picture
from clear_bench.report.figures.style import style, write
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import write_text
from clear_bench.utils.processes import end_with_parent


@dataclass(frozen=True)
class Drawn:
    """One picture that was drawn, or the reason why it was not.

    Args:
        figure: Key of the figure's spec; "" for a note on a run that no figure shows.
        title: Of the figure, in print.
        stem: Name of the picture's files, without suffix.
        caption: What it shows, by which protocol, and what its intervals mean.
        runs: Ids of the runs behind it.
        files: Names of PDF and PNG; none if it could not be drawn.
        width: In inches.
        height: In inches.
        persons: Whether it shows pictures of persons.
        note: Why it could not be drawn; "" if it was.
    """

    figure: str
    title: str
    stem: str
    caption: str = ""
    runs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    width: float = 0.0
    height: float = 0.0
    persons: bool = False
    note: str = ""

    def __str__(self) -> str:
        if self.files:
            return f"figure: {self.stem} ({', '.join(self.files)})"
        return f"not drawn: {': '.join(filter(None, [self.stem, self.note]))}"


def draw(name: str, material: Material, out: Path) -> list[Drawn]:
    """Draw one figure: a picture for each data set, task and protocol, or for each study.

    Args:
        name: Key of a spec.
        material: What is drawn.
        out: Folder of the pictures.

    Returns:
        What was drawn; what could not be says why.

    Raises:
        UserError: If there is no figure of that name.
    """
    module = plugins.load("figure", name)
    spec: FigureSpec = module.FIGURE
    caption = " ".join(inspect.cleandoc(module.__doc__ or "").split())
    rows = []
    with style():
        for picture in _pictures(spec, material):
            stem = "-".join(filter(None, [name, picture.stem]))
            if isinstance(picture, NotDrawn):
                rows.append(Drawn(name, spec.title, stem, note=picture.reason))
                continue
            files = tuple(file.name for file in write(picture.canvas, out / stem))
            width, height = (round(float(x), 2) for x in picture.canvas.get_size_inches())
            text = f"{caption} {picture.caption}"
            rows.append(
                Drawn(
                    name, spec.title, stem, text, picture.runs, files, width, height, spec.persons
                )
            )
    return rows


def _pictures(spec: FigureSpec, material: Material) -> Iterator[Picture | NotDrawn]:
    """Yield a figure's pictures; a file that cannot be read ends them with a gap."""
    try:
        yield from spec.draw(material, **spec.options)
    except UserError as error:
        yield NotDrawn("", str(error))


def draw_all(
    material: Material, out: Path, names: Iterable[str] | None = None, workers: int = 1
) -> list[Drawn]:
    """Draw every figure, see `drawing`."""
    with drawing(material, out, names, workers) as wait:
        return wait()


@contextmanager
def drawing(
    material: Material, out: Path, names: Iterable[str] | None = None, workers: int = 1
) -> Iterator[Callable[[], list[Drawn]]]:
    """Draw every figure while the body does something else, and yield the function that waits.

    That one writes an index of them and removes pictures that are no longer drawn.  Its result is
    what was drawn and what was not; first a note for each run that failed or is stale.

    Args:
        material: What is drawn.
        out: Folder of the pictures and of ``figures.json``, a list of `Drawn`.
        names: Keys of the figures to draw; None draws all.
        workers: Processes to draw in; the pictures are the same.  One draws in this process, when
            it is waited for.
    """
    keys = sorted(plugins.available("figure")) if names is None else list(names)
    if workers == 1:
        yield lambda: _finish(material, out, [draw(key, material, out) for key in keys])
        return
    gc.freeze()  # records stay to the end: neither they nor what is imported is garbage
    before = set(active_children())
    pool = ProcessPoolExecutor(workers, initializer=_receive, initargs=(material, out))
    try:
        jobs = [pool.submit(_draw_received, key) for key in keys]
        yield lambda: _finish(material, out, [job.result() for job in jobs])
    except BaseException:  # above all Ctrl-C: nobody waits for what is half drawn
        for process in set(active_children()) - before:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _finish(material: Material, out: Path, figures: list[list[Drawn]]) -> list[Drawn]:
    """Write the index of figures, remove pictures that it no longer lists, and return its rows."""
    before = {name for listed in figures_of(out) for name in listed.files}
    rows = [Drawn("", "Runs", "", note=line) for line in material.left_out]
    rows += [drawn for figure in figures for drawn in figure]
    now = {file for drawn in rows for file in drawn.files}
    for file in before - now:
        (out / file).unlink(missing_ok=True)
    write_text(out / INDEX, json.dumps([asdict(d) for d in rows], indent=1) + "\n")
    return rows


_received: list[tuple[Material, Path]] = []


def _receive(material: Material, out: Path) -> None:
    """Take what a process draws from, once for all of its figures."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the process that started this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    _received[:] = [(material, out)]


def _draw_received(name: str) -> list[Drawn]:
    """Draw one figure from what the process was given."""
    return draw(name, *_received[0])
