"""Figures from records alone, as ``reports/specs/`` describes them: no torch, the same bytes."""

import inspect
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from clear_bench import plugins
from clear_bench.plots.material import Material
from clear_bench.plots.page import Figure, Gap
from clear_bench.plots.style import style, write
from clear_bench.record import write_text

INDEX = "figures.json"


@dataclass(frozen=True)
class Drawn:
    """One picture that was drawn, or the reason why it was not.

    Args:
        figure: Key of the figure's spec; "" for a note on a run that no figure shows.
        title: Of the figure, in print.
        stem: Name of the picture's files, without suffix.
        caption: What it shows, by which protocol, and what its intervals mean.
        runs: Ids of the runs behind it.
        files: PDF and PNG by name; none if it could not be drawn.
        note: Why it could not be drawn; "" if it was.
    """

    figure: str
    title: str
    stem: str
    caption: str = ""
    runs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    note: str = ""


def draw(name: str, material: Material, out: Path) -> list[Drawn]:
    """Draw one figure: a picture for each data set, task and protocol, or for each study.

    Args:
        name: Key of a spec.
        material: What is drawn.
        out: Folder of the pictures.

    Raises:
        UserError: If there is no figure of that name, or a record cannot be read.
    """
    module = plugins.load("figure", name)
    spec: Figure = module.FIGURE
    caption = " ".join(inspect.cleandoc(module.__doc__ or "").split())
    found = []
    with style():
        for page in spec.draw(material, **spec.options):
            stem = "-".join(filter(None, [name, page.stem]))
            if isinstance(page, Gap):
                found.append(Drawn(name, spec.title, stem, note=page.reason))
                continue
            files = tuple(file.name for file in write(page.canvas, out / stem))
            text = f"{caption} {page.caption}"
            found.append(Drawn(name, spec.title, stem, text, page.runs, files))
    return found


def draw_all(material: Material, out: Path) -> list[Drawn]:
    """Draw every figure, write an index of them and remove pictures that are no longer drawn.

    Args:
        material: What is drawn.
        out: Folder of the pictures and of ``figures.json``, a list of `Drawn`.

    Returns:
        What was drawn and what was not; and a note for each run that failed or is stale.

    Raises:
        UserError: If a record cannot be read.
    """
    found = [Drawn("", "Runs", "", note=line) for line in material.left_out]
    for name in sorted(plugins.available("figure")):
        found += draw(name, material, out)
    now = {file for drawn in found for file in drawn.files}
    for file in _drawn_before(out) - now:
        (out / file).unlink(missing_ok=True)
    write_text(out / INDEX, json.dumps([asdict(d) for d in found], indent=1) + "\n")
    return found


def _drawn_before(out: Path) -> set[str]:
    """Return the names of the pictures that the index of an earlier report lists."""
    file = out / INDEX
    if not file.is_file():
        return set()
    rows = json.loads(file.read_text(encoding="utf-8"))
    return {Path(name).name for row in rows for name in row["files"]}
