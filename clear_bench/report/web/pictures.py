"""The page's figures: those that the list beside them names, each held by the page itself."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from clear_bench.data.pictures import recognised
from clear_bench.report.figure_list import Listed, figures_of
from clear_bench.report.web.model import PagePicture
from clear_bench.runs.code import sources
from clear_bench.utils.errors import UserError
from clear_bench.utils.kept_values import kept

QUALITATIVE = ("qualitative", "attention")
"""How the keys of figures that show images begin."""
WIDE = 4.0
"""Inches from which on a figure takes a row of its own."""
PIXELS = 96
"""Of an inch, on a page."""

DARK = "@media screen and (prefers-color-scheme: dark) {%s}"
TURNED = "svg {filter: invert(1) hue-rotate(180deg)}"
"""Lightness turned round, hues kept: black letters on no ground become white ones."""
LETTERS = "[id^=text_] > g:not([id], [style*='fill: #ffffff']) {fill: #e4e8ec !important}"
"""Of a picture with photographs, which stay as they are: only its dark letters change."""

NEEDLESS = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|(?<=\n)[ \t]+", re.DOTALL)
FINE = re.compile(r"(?<=[ \"\n])(-?\d+\.\d\d)\d+(?=[ \"\n])")
"""A number with digits beyond a hundredth of a point, which nobody sees."""

RASTER = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
QUALITY = 85
"""Of photographs in WebP: a tenth of the size, and no difference that is seen."""


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


def pictures(folder: Path) -> Pictures:
    """Return the figures of a folder; none if it has no list of them.

    Args:
        folder: Of figures and ``figures.json``.

    Raises:
        UserError: If the list cannot be read, or names a picture that is not there.
    """
    rows = figures_of(folder)
    drawn = [_picture(row, folder) for row in rows if row.files]
    return Pictures(drawn, [_note(row) for row in rows if row.note])


def _note(row: Listed) -> str:
    """Return why a figure is not there."""
    return ": ".join(filter(None, [row.title, row.stem, row.note]))


def _picture(row: Listed, folder: Path) -> PagePicture:
    """Return one figure with its picture."""
    file = folder / str(row.svg)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{file}: no such picture; draw the figures again") from None
    return PagePicture(
        title=row.title,
        stem=row.stem,
        caption=row.caption,
        source=kept(
            lambda: ["a picture of the page", text, row.persons, sources(), version("pillow")],
            lambda: address(text, persons=row.persons),
        ),
        size=(round(PIXELS * row.width), round(PIXELS * row.height)),
        wide=row.width > WIDE,
        qualitative=row.figure.startswith(QUALITATIVE),
    )


def address(svg: str, *, persons: bool) -> str:
    """Return an address that holds a picture, which follows the reader's light or dark mode.

    Args:
        svg: The picture.
        persons: Whether it shows photographs, which stay as they are.
    """
    rule = DARK % (LETTERS if persons else TURNED)
    text = svg[svg.index("<svg") :].replace("</style>", f"{rule}</style>", 1)
    if persons:
        text = RASTER.sub(_smaller, text)
    text = FINE.sub(r"\1", NEEDLESS.sub("", text))
    return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode("ascii")


def _smaller(found: re.Match[str]) -> str:
    """Return the address of a photograph in fewer bytes."""
    stream = io.BytesIO()
    with recognised(base64.b64decode(found[1]), Path("a picture inside a figure")) as image:
        image.save(stream, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
