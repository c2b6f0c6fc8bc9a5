"""What a figure's file exposes, what drawing one gives, and what is said where one cannot be."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure as Canvas


@dataclass(frozen=True)
class Picture:
    """One drawn picture of a figure.

    Args:
        stem: What tells it from the figure's other pictures, for example ``synthped-retrieval``.
        canvas: The picture.
        caption: What of it the figure's own caption cannot say: data, protocol, seeds.
        runs: Ids of the runs whose numbers it shows.
    """

    stem: str
    canvas: Canvas
    caption: str
    runs: tuple[str, ...]


@dataclass(frozen=True)
class NotDrawn:
    """A picture that cannot be drawn.

    Args:
        stem: As of a `Picture`.
        reason: What is missing and what to do, one line.
    """

    stem: str
    reason: str


@dataclass(frozen=True)
class FigureSpec:
    """What a file of ``reports/specs/`` exposes as ``FIGURE``; its docstring is the caption.

    Args:
        title: In print.
        draw: ``(material, **options)`` yields the pictures, one a data set, task and protocol, or
            one a study; see `clear_bench.report.figures.material.Material`.
        options: Its further arguments.
        persons: Whether it shows pictures of persons.
    """

    title: str
    draw: Callable[..., Iterator[Picture | NotDrawn]]
    options: Mapping[str, Any] = field(default_factory=dict)
    persons: bool = False
