"""The page's figures: those that the list beside them names."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clear_bench.data.pictures import size_of
from clear_bench.report.figure_list import Listed, figures_of
from clear_bench.report.web.model import PagePicture

QUALITATIVE = ("qualitative", "attention")
"""How the keys of figures that show images begin."""
WIDE = 4.0
"""Inches from which on a figure takes a row of its own."""


@dataclass(frozen=True)
class Pictures:
    """What the list of figures says.

    Args:
        drawn: Figures that are there.
        notes: Those that are not, and why.
    """

    drawn: Sequence[PagePicture] = ()
    notes: Sequence[str] = ()

    def of_study(self, table: str) -> list[PagePicture]:
        """Return the figures of the study of a table, ``DATASET-SPEC-STUDY``."""
        dataset, _, rest = table.partition("-")
        wanted = {dataset, rest.partition("-")[2]}
        return [p for p in self.drawn if wanted <= set(p.stem.split("-")[1:])]


def pictures(folder: Path, beside: Path) -> Pictures:
    """Return the figures of a folder; none if it has no list of them.

    Args:
        folder: Of figures and ``figures.json``.
        beside: Folder of the page, from which their files are named.

    Raises:
        UserError: If the list cannot be read, or names a picture that is not there.
    """
    rows = figures_of(folder)
    drawn = [_picture(row, row.png, folder, beside) for row in rows if row.png]
    return Pictures(drawn, [_note(row) for row in rows if row.note])


def _note(row: Listed) -> str:
    """Return why a figure is not there."""
    return ": ".join(filter(None, [row.title, row.stem, row.note]))


def _picture(row: Listed, png: str, folder: Path, beside: Path) -> PagePicture:
    """Return one figure, with the size of its picture."""
    where = Path(os.path.relpath(folder, beside))
    return PagePicture(
        title=row.title,
        stem=row.stem,
        caption=row.caption,
        file=(where / png).as_posix(),
        pdf=(where / row.pdf).as_posix() if row.pdf else "",
        size=size_of(folder / png),
        wide=row.width > WIDE,
        qualitative=row.figure.startswith(QUALITATIVE),
    )
