"""What of seaborn stands written out, since its import takes as long as three pictures."""

import matplotlib as mpl
import seaborn as sns

from clear_bench.report.figures.style import PALETTE, RC, luminance

OTHERS = {"font.family", "font.sans-serif", "image.cmap", "axes.grid", "grid.color",
          "axes.spines.right", "axes.spines.top"}  # fmt: skip
"""What is chosen here, or was never drawn with."""


def test_palette_and_style_are_seaborns():
    assert list(sns.color_palette("colorblind").as_hex()) == PALETTE
    for key, value in sns.axes_style("ticks").items():
        if key not in OTHERS:
            assert RC.get(key, mpl.rcParamsDefault[key]) == value, key


def test_luminance_is_seaborns():
    for color in mpl.colormaps["PuOr"]([0, 0.1, 0.25, 0.5, 0.77, 1]):
        assert abs(luminance(color) - sns.utils.relative_luminance(color)) < 1e-12
