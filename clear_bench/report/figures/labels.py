"""Names beside points, where they cover neither points nor each other if that can be had."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

SIZE = 7.0  # points
APART = np.array([6, 0])  # pixels between names that stand side by side
NEAR, PASSES = 8, 8
OFFSETS = np.array([
    (5, 0), (-5, 0), (0, 5), (0, -5), (5, 5), (5, -5), (-5, 5), (-5, -5),
    (14, 9), (14, -9), (-14, 9), (-14, -9), (0, 15), (0, -15), (20, 18), (20, -18), (-20, 18),
    (-20, -18), (0, 26), (0, -26), (26, 28), (26, -28), (-26, 28), (-26, -28), (0, 38), (0, -38),
    (34, 9), (34, -9), (-34, 9), (-34, -9), (38, 40), (38, -40), (-38, 40), (-38, -40),
    (56, 14), (56, -14), (-56, 14), (-56, -14), (0, 52), (0, -52), (54, 54), (-54, -54),
])  # fmt: skip
"""Places of a name, in points from its point; the nearest that is free is taken."""

Boxes = NDArray[np.float64]  # (..., 4): left, bottom, right, top in pixels


def place(
    axis: Axes,
    points: Mapping[str, tuple[float, float]],
    line: Iterable[tuple[float, float]] = (),
) -> bool:
    """Write each name beside its point, with a thin line where it had to go further away.

    Return whether they fit; where two names would cover each other, or one lies outside, none is
    written.

    Args:
        axis: Where the points are drawn already, of a picture whose layout is settled.
        points: Name to (x, y) in data coordinates.
        line: Corners of a line of horizontal and vertical pieces that names should not cover.
    """
    figure = axis.get_figure(root=True)
    assert figure is not None  # noqa: S101 - an axis of ours has one
    unit = figure.dpi / 72
    at = {name: axis.transData.transform(point) for name, point in points.items()}
    boxes = {name: _places(at[name], _size(axis, name), unit) for name in points}
    solid = [np.concatenate([p - 4 * unit, p + 4 * unit]) for p in at.values()]
    corners = [axis.transData.transform(point) for point in line]
    solid += [np.concatenate([np.minimum(a, b) - unit, np.maximum(a, b) + unit])
              for a, b in pairwise(corners)]  # fmt: skip
    frame = np.array(axis.get_window_extent().extents)
    chosen: dict[str, int] = {}
    far = np.abs(OFFSETS).max(axis=1) > NEAR  # a little overlap is better than a line to follow
    effort = 0.3 * np.arange(len(OFFSETS)) + 80 * far
    for _ in range(PASSES):
        for name, mine in boxes.items():
            others = [boxes[n][k] for n, k in chosen.items() if n != name]
            covered = shared_area(mine[:, None], np.array(solid + others)[None]).sum(axis=1)
            outside = shared_area(mine, mine) - shared_area(mine, frame)
            cost = covered + outside + unit * effort
            chosen[name] = int(np.argmin(cost))
    final = np.array([boxes[name][number] for name, number in chosen.items()]).reshape(-1, 4)
    final[:, 2:] -= APART
    if not _apart(final, frame):
        return False
    for name, number in chosen.items():
        _write(axis, name, points[name], OFFSETS[number])
    return True


def _apart(boxes: Boxes, frame: NDArray[np.float64]) -> bool:
    """Return whether no two boxes share a square pixel and all lie in a frame."""
    shared = shared_area(boxes[:, None], boxes[None])
    own = np.diag(shared).copy()
    np.fill_diagonal(shared, 0)
    return bool((shared < 1).all() and (own - shared_area(boxes, frame) < 1).all())


def _write(axis: Axes, name: str, point: tuple[float, float], offset: NDArray[Any]) -> None:
    """Write one name at an offset in points from its point."""
    far = np.abs(offset).max() > NEAR
    text = axis.annotate(
        name, point, (float(offset[0]), float(offset[1])), textcoords="offset points",
        fontsize=SIZE,
        ha=("right", "center", "left")[np.sign(offset[0]) + 1],
        va=("top", "center", "bottom")[np.sign(offset[1]) + 1],
        arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "0.4", "shrinkA": 0,
                    "shrinkB": 2} if far else None,
    )  # fmt: skip
    text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])


def _size(axis: Axes, name: str) -> NDArray[np.float64]:
    """Return width and height of a name in pixels."""
    text = axis.text(0, 0, name, fontsize=SIZE, transform=axis.transAxes)
    box = text.get_window_extent()
    text.remove()
    return np.array([box.width, box.height]) + APART


def _places(point: NDArray[Any], size: NDArray[np.float64], unit: float) -> Boxes:
    """Return where a name comes to lie at each of `OFFSETS`."""
    start = point + unit * OFFSETS - size * (1 - np.sign(OFFSETS)) / 2
    return np.concatenate([start, start + size], axis=1)


def shared_area(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """Return the areas that boxes share, in square pixels, broadcast over the leading axes."""
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., 2:], b[..., 2:])
    return np.clip(high - low, 0, None).prod(axis=-1)
