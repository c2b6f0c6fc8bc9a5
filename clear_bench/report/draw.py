"""One figure from records alone, as ``reports/specs/`` describes it: no torch, the same bytes."""

import inspect
from collections.abc import Iterator
from pathlib import Path

from clear_bench.config import plugins
from clear_bench.report.figure_list import Drawn
from clear_bench.report.figures.material import Material
from clear_bench.report.figures.picture import FigureSpec, NotDrawn, Picture
from clear_bench.report.figures.style import style, write
from clear_bench.utils.errors import UserError


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
