"""How each method looks in every figure: its hue says its family, its marker and shade itself.

A look depends on which methods there are and not on what is drawn, so a method is the same in every
figure of every report.  Within a family older papers come first: a new method changes no other's.
"""

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from clear_bench.config import plugins

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.lines import Line2D

OWN = "ours"
OURS = ("clear", "clear_hard", "clear_soft")
"""CLEAR and its parts, whatever their files say of a family."""

HUES: dict[str, tuple[float, float]] = {  # degrees, saturation
    OWN: (18, 1.0),
    "convolutional": (212, 0.85),
    "transformer": (140, 0.75),
    "language-based": (275, 0.55),
    "recognition scores": (75, 0.75),
    "joint embedding": (188, 0.85),
    "adversarial": (328, 0.75),
    "other": (40, 0.25),
    "floor": (0, 0.0),
}
"""Family to its hue; what no file names is ``other``."""

SHADES = (0.41, 0.25, 0.52)  # lightness
MARKERS = ("D", "o", "s", "^", "v", "P", "X", "<", ">", "p")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
TITLES = {OWN: "CLEAR and its parts", "floor": "floors, which learn nothing"}
UNDATED = 9999
LEAST = 3.1
"""Contrast of a mark with white: 3 and a little, since colours are rounded."""


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of a method."""

    color: str
    marker: str
    line: Any


def family_of(method: str) -> str:
    """Return what a method stands among: a key of `HUES`."""
    if method in OURS:
        return OWN
    family = _written(method, "family", "other")
    return family if family in HUES else "other"


def look_of(method: str) -> Look:
    """Return how a method looks.  All methods without a file are black crosses."""
    return _looks().get(method, Look("#000000", "x", "-"))


def legend_of(titles: Mapping[str, str]) -> "list[Artist]":
    """Return a legend's entries: what is CLEAR's each by itself, and the families of the others.

    Args:
        titles: Keys of methods that are drawn to their names in print.
    """
    from matplotlib.patches import Patch

    entries: list[Artist] = []
    for method, title in titles.items():
        if family_of(method) == OWN:
            entries.append(mark_of(method, title))
    present = {family_of(method) for method in titles} - {OWN}
    return entries + [
        Patch(color=_color(family, 0), label=TITLES.get(family, family))
        for family in HUES
        if family in present
    ]


def mark_of(method: str, label: str) -> "Line2D":
    """Return a legend's entry of one method, which says whether it is a part of CLEAR."""
    from matplotlib.lines import Line2D

    look = look_of(method)
    part = " (a part of CLEAR)" if method in OURS[1:] else ""
    return Line2D([], [], linestyle="", color=look.color, marker=look.marker, label=label + part)


@cache
def _looks() -> dict[str, Look]:
    """Return the look of each method that has a file."""
    members: dict[str, list[str]] = {}
    for method in sorted(plugins.available("method"), key=lambda m: (_year(m), m)):
        members.setdefault(family_of(method), []).append(method)
    return {
        method: Look(
            _color(family, place),
            MARKERS[(list(HUES).index(family) + place) % len(MARKERS)],
            LINES[place % len(LINES)],
        )
        for family, methods in members.items()
        for place, method in enumerate(methods)
    }


def _color(family: str, place: int) -> str:
    """Return the colour of a family's member."""
    from matplotlib.colors import to_hex

    hue, saturation = HUES[family]
    lightness = SHADES[place % len(SHADES)]
    while contrast(color := colorsys.hls_to_rgb(hue / 360, lightness, saturation)) < LEAST:
        lightness -= 0.02  # yellows and greens are lighter than they are said to be
    return to_hex(color)


def contrast(color: tuple[float, float, float]) -> float:
    """Return the contrast of a colour, each part from 0 to 1, with white, as WCAG defines it."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    red, green, blue = parts
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _year(method: str) -> int:
    """Return when a method was published; one without a paper comes last."""
    papers = _written(method, "papers", ())
    if isinstance(papers, str):  # those of another method
        return _year(papers)
    return int(papers[0]["year"]) if papers else UNDATED


def _written(method: str, name: str, default: Any) -> Any:
    """Return what a method's file says, or the default."""
    if method not in plugins.available("method"):
        return default
    return plugins.written("method", method, name, default)
