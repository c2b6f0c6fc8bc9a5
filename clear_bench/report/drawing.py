"""All figures of a report: in processes beside it, or out of what was drawn before."""

import json
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import active_children
from pathlib import Path

from clear_bench.config import plugins
from clear_bench.report.figure_list import INDEX, Drawn, figures_of
from clear_bench.report.figures.material import Material
from clear_bench.report.kept_figures import KeptFigures
from clear_bench.utils.files import write_text
from clear_bench.utils.memory import collect_rarely
from clear_bench.utils.processes import end_with_parent


def draw_all(
    material: Material, out: Path, names: Iterable[str] | None = None, workers: int = 1
) -> list[Drawn]:
    """Draw every figure, see `drawing`."""
    with drawing(material, out, names, workers) as wait:
        return wait()


@contextmanager
def drawing(
    material: Material,
    out: Path,
    names: Iterable[str] | None = None,
    workers: int = 1,
    keep: Path | None = None,
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
        keep: Folder of what was drawn before: what would be the same is taken from there, and what
            is drawn is added.  None draws everything.
    """
    keys = sorted(plugins.available("figure")) if names is None else list(names)
    kept = KeptFigures(keep, material) if keep else None
    found = {key: kept.find(key, out) for key in keys} if kept else {}
    todo = [key for key in keys if found.get(key) is None]
    with _drawn(todo, material, out, workers) as fresh:

        def wait() -> list[Drawn]:
            for key, rows in zip(todo, fresh(), strict=True):
                found[key] = rows
                if kept:
                    kept.keep(key, rows, out)
            if kept:
                kept.shrink()
            return _finish(material, out, [found[key] or [] for key in keys])

        yield wait


@contextmanager
def _drawn(
    keys: list[str], material: Material, out: Path, workers: int
) -> Iterator[Callable[[], list[list[Drawn]]]]:
    """Yield the function that returns what was drawn, see `drawing`."""
    if workers == 1 or not keys:
        yield lambda: [_draw(key, material, out) for key in keys]
        return
    import clear_bench.report.draw  # noqa: F401 - once, before processes are forked

    collect_rarely()  # records stay to the end: neither they nor what is imported is garbage
    before = set(active_children())
    pool = ProcessPoolExecutor(workers, initializer=_receive, initargs=(material, out))
    try:
        jobs = [pool.submit(_draw_received, key) for key in keys]
        yield lambda: [job.result() for job in jobs]
    except BaseException:  # above all Ctrl-C: nobody waits for what is half drawn
        for process in set(active_children()) - before:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _draw(name: str, material: Material, out: Path) -> list[Drawn]:
    """Draw one figure; a report that draws none imports no matplotlib."""
    from clear_bench.report.draw import draw

    return draw(name, material, out)


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
    return _draw(name, *_received[0])
