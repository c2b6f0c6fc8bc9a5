"""Names beside points, where they cover neither points nor each other if that can be had."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

SIZE = 7.0  # points
NEAR, PASSES = 8, 4
OFFSETS = (
    (5, 0), (-5, 0), (0, 5), (0, -5), (5, 5), (5, -5), (-5, 5), (-5, -5),
    (14, 9), (14, -9), (-14, 9), (-14, -9), (0, 15), (0, -15), (20, 18), (20, -18), (-20, 18),
    (-20, -18), (0, 26), (0, -26), (26, 28), (26, -28), (-26, 28), (-26, -28),
)  # fmt: skip
"""Places of a name, in points from its point; the nearest that is free is taken."""


def place(
    axis: Axes,
    points: Mapping[str, tuple[float, float]],
    line: Iterable[tuple[float, float]] = (),
) -> None:
    """Write each name beside its point, with a thin line where it had to go further away.

    Args:
        axis: Where the points are drawn already, with its limits final.
        points: Name to (x, y) in data coordinates.
        line: Corners of a line of horizontal and vertical pieces that names should not cover.
    """
    figure = axis.get_figure(root=True)
    assert figure is not None  # noqa: S101 - an axis of ours has one
    figure.draw_without_rendering()  # type: ignore[attr-defined] # positions are known after it
    unit = figure.dpi / 72
    at = {name: axis.transData.transform(point) for name, point in points.items()}
    sizes = {name: _size(axis, name) for name in points}
    solid = [Bbox.from_bounds(x - 4 * unit, y - 4 * unit, 8 * unit, 8 * unit)
             for x, y in at.values()]  # fmt: skip
    corners = [axis.transData.transform(point) for point in line]
    solid += [_piece(a, b, unit) for a, b in zip(corners, corners[1:], strict=False)]
    frame = axis.get_window_extent()
    chosen: dict[str, int] = {}
    for _ in range(PASSES):
        for name in points:
            others = [_box(at[n], sizes[n], OFFSETS[k], unit) for n, k in chosen.items()
                      if n != name]  # fmt: skip
            boxes = [_box(at[name], sizes[name], offset, unit) for offset in OFFSETS]
            costs = [_cost(box, [*solid, *others], frame) + 0.3 * rank * unit
                     for rank, box in enumerate(boxes)]  # fmt: skip
            chosen[name] = int(np.argmin(costs))
    for name, number in chosen.items():
        _write(axis, name, points[name], OFFSETS[number])


def _write(axis: Axes, name: str, point: tuple[float, float], offset: tuple[int, int]) -> None:
    """Write one name at an offset in points from its point."""
    far = max(map(abs, offset)) > NEAR
    text = axis.annotate(
        name, point, offset, textcoords="offset points", fontsize=SIZE,
        ha=("right", "center", "left")[np.sign(offset[0]) + 1],
        va=("top", "center", "bottom")[np.sign(offset[1]) + 1],
        arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "0.4", "shrinkA": 0,
                    "shrinkB": 2} if far else None,
    )  # fmt: skip
    text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])


def _size(axis: Axes, name: str) -> tuple[float, float]:
    """Return width and height of a name in pixels."""
    text = axis.text(0, 0, name, fontsize=SIZE, transform=axis.transAxes)
    box = text.get_window_extent()
    text.remove()
    return box.width, box.height


def _box(
    point: np.ndarray, size: tuple[float, float], offset: tuple[int, int], unit: float
) -> Bbox:
    """Return where a name of that size comes to lie."""
    start = [
        p + unit * o - s * (1 - np.sign(o)) / 2 for p, o, s in zip(point, offset, size, strict=True)
    ]
    return Bbox.from_bounds(*start, *size)


def _piece(a: np.ndarray, b: np.ndarray, unit: float) -> Bbox:
    """Return the box of a horizontal or vertical piece of a line."""
    low, high = np.minimum(a, b) - unit, np.maximum(a, b) + unit
    return Bbox([low, high])


def _cost(box: Bbox, taken: list[Bbox], frame: Bbox) -> float:
    """Return how much of a box is covered or lies outside the frame, in square pixels."""
    area = box.width * box.height
    return sum(_overlap(box, other) for other in taken) + area - _overlap(box, frame)


def _overlap(a: Bbox, b: Bbox) -> float:
    """Return the area that two boxes share, in square pixels."""
    both = Bbox.intersection(a, b)
    return both.width * both.height if both is not None else 0.0
