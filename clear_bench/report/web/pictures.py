"""The page's figures: those that the list beside them names."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clear_bench.report.web.model import PagePicture
from clear_bench.utils.errors import UserError

INDEX = "figures.json"
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
    file = folder / INDEX
    if not file.is_file():
        return Pictures()
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        drawn = [_picture(row, folder, beside) for row in rows if row["files"]]
        notes = [_note(row) for row in rows if row["note"]]
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        cause = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{file}: not a list of figures ({cause}); draw them again") from None
    return Pictures(drawn, notes)


def _note(row: Mapping[str, Any]) -> str:
    """Return why a figure is not there."""
    return ": ".join(filter(None, [row["title"], row["stem"], row["note"]]))


def _picture(row: Mapping[str, Any], folder: Path, beside: Path) -> PagePicture:
    """Return one figure, with the size of its picture."""
    from PIL import Image

    png = next(name for name in row["files"] if name.endswith(".png"))
    pdf = next((name for name in row["files"] if name.endswith(".pdf")), "")
    try:
        with Image.open(folder / png) as image:
            size = image.size
    except OSError:
        raise UserError(f"{folder / png}: no such picture; draw the figures again") from None
    where = Path(os.path.relpath(folder, beside))
    return PagePicture(
        title=row["title"],
        stem=row["stem"],
        caption=row["caption"],
        file=(where / png).as_posix(),
        pdf=(where / pdf).as_posix() if pdf else "",
        size=size,
        wide=row["width"] > WIDE,
        qualitative=row["figure"].startswith(QUALITATIVE),
    )
