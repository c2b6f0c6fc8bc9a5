"""Figures as a reader sees them: a look a method, letters of print, names that cover nothing."""

import colorsys
import re
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from fake_runs import fake_bench
from figure_world import figure_world
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text
from pdf_text import assert_fonts_are_embedded

from clear_bench.config import plugins
from clear_bench.config.compose import PROFILES, compose
from clear_bench.report import draw as figures
from clear_bench.report.draw import draw
from clear_bench.report.drawing import draw_all
from clear_bench.report.figures.cost import varies
from clear_bench.report.figures.labels import place, shared_area
from clear_bench.report.figures.looks import HUES, OURS, family_of, legend_of, look_of
from clear_bench.report.figures.material import Material
from clear_bench.report.figures.schematic import sizes
from clear_bench.report.figures.style import DPI, _print_pdf, settle, style
from clear_bench.report.figures.widths import WIDTHS
from clear_bench.results.load import Results
from clear_bench.utils.errors import UserError

METHODS = sorted(plugins.available("method"))
RECOGNITION = (
    "clear", "c2t_net", "vtb", "parformer", "swin", "vit", "strong_baseline", "dafl", "alm", "ssc",
    "clear_soft", "chance", "label_prior",
)  # fmt: skip
RETRIEVAL = (
    "clear", "clear_soft", "clear_hard", "asmr", "sal", "aihm", "cmce", "two_way_net", "deep_cca",
    "likelihood", "l1_distance", "chance",
)  # fmt: skip
LONG = {"retrieval.model.some_long_name": 7, "retrieval.text.encoder": "glove"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Every figure's material; and on another data set many methods, some of long names."""
    root = figure_world(tmp_path_factory.mktemp("faces"))
    fake_bench(root / "runs", recognition=RECOGNITION, retrieval=RETRIEVAL, seeds=(0, 1))
    fake_bench(root / "runs", recognition=(), retrieval=("asmr", "sal"), seeds=(0, 1),
               datasets=("peta",), overrides=LONG)  # fmt: skip
    return root


@pytest.fixture(scope="module", params=["column", pytest.param("text", marks=pytest.mark.slow)])
def drawn(request, world):
    """All pictures of one width: what was drawn, and stem -> canvas; a PDF of each figure's first.

    The other pictures of a figure have the same fonts, and `test_figures.py` prints them all.
    """
    canvases = {}

    def spy(figure, path):
        settle(figure)
        file = path.with_name(f"{path.name}.pdf")
        if not any(stem.partition("-")[0] == path.name.partition("-")[0] for stem in canvases):
            _pdf(figure, file)
        canvases[path.name] = figure
        return [file]

    made = Material(Results.load(world / "runs"), world / "data", True, world / "attention",
                    request.param)  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "write", spy)
        rows = draw_all(made, world / request.param)
    return request.param, rows, canvases, world / request.param


@pytest.fixture(scope="module")
def seen(drawn):
    """Stem -> the texts of a picture with their boxes, see `texts_of`."""
    with style():
        return {name: texts_of(figure) for name, figure in drawn[2].items()}


@pytest.fixture(autouse=True)
def _same_fonts():
    """Measure with the fonts that were drawn with: a family is looked up when text is drawn."""
    with style():
        yield


def _pdf(figure, file):
    """Print a picture as PDF alone: the others take longer and say nothing more."""
    file.parent.mkdir(exist_ok=True)
    with file.open("wb") as stream:
        _print_pdf(figure, stream)


def texts_of(figure):
    """Return the texts that are seen, with their boxes ``(T, 4)`` in pixels."""
    FigureCanvasAgg(figure)
    figure.set_dpi(DPI)
    figure.draw_without_rendering()
    ticks = {label for tick in figure.findobj(Tick) for label in (tick.label1, tick.label2)}
    sides = [side for axis in figure.axes if axis.axison for side in (axis.xaxis, axis.yaxis)]
    drawn_ticks = [tick for side in sides for tick in side._update_ticks()]
    hidden = ticks - {label for tick in drawn_ticks for label in (tick.label1, tick.label2)}
    texts = [t for t in figure.findobj(Text)
             if t.get_visible() and t.get_text().strip() and t not in hidden]  # fmt: skip
    return texts, np.array([t.get_window_extent().extents for t in texts])


def test_every_picture_has_the_width_asked_for_and_letters_of_print(drawn, seen):
    width, rows, _, _ = drawn
    assert {row.width for row in rows if row.files} == {WIDTHS[width]}
    for name, (texts, _) in seen.items():
        sizes_of = {t.get_fontsize() for t in texts}
        assert sizes_of, name
        assert min(sizes_of) >= 7, name
        assert max(sizes_of) <= 9, name


def test_no_text_covers_another_or_leaves_the_picture(drawn, seen):
    _, _, canvases, _ = drawn
    for name, (texts, boxes) in seen.items():
        figure = canvases[name]
        shared = shared_area(boxes[:, None], boxes[None])
        np.fill_diagonal(shared, 0)
        pairs = [(texts[a].get_text(), texts[b].get_text())
                 for a, b in np.argwhere(np.triu(shared) > 4)]  # fmt: skip
        assert not pairs, (name, pairs)
        whole = np.array([-2, -2, figure.bbox.x1 + 2, figure.bbox.y1 + 2])
        outside = shared_area(boxes, boxes) - shared_area(boxes, whole)
        gone = [(t.get_text(), b) for t, b, o in zip(texts, boxes, outside, strict=True) if o > 4]
        assert not gone, (name, gone, whole)


def test_fonts_are_embedded(drawn):
    _, rows, _, folder = drawn
    files = list(folder.glob("*.pdf"))
    assert len(files) == len({row.figure for row in rows if row.files})
    for file in files:
        assert_fonts_are_embedded(file)


def test_each_method_has_a_colour_and_marker_of_its_own():
    looks = [(look_of(m).color, look_of(m).marker) for m in METHODS]
    assert len(set(looks)) == len(METHODS)
    for method in METHODS:
        hue, saturation = HUES[family_of(method)]
        found, _, strength = colorsys.rgb_to_hls(*to_rgb(look_of(method).color))
        assert strength == pytest.approx(saturation, abs=0.02)
        if saturation:
            assert found * 360 == pytest.approx(hue, abs=2)
    assert {family_of(method) for method in OURS} == {"ours"}
    red, green, blue = (
        np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        for c in np.array([to_rgb(color) for color, _ in looks]).T
    )
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert (1.05 / (luminance + 0.05)).min() >= 3  # WCAG: of marks against white


def test_hues_of_families_are_apart():
    hues = [hue for hue, saturation in HUES.values() if saturation]
    gaps = [min((a - b) % 360, (b - a) % 360) for a, b in combinations(hues, 2)]
    assert min(gaps) >= 20


def test_a_method_looks_the_same_in_every_figure(drawn):
    _, _, canvases, _ = drawn
    wanted = {plugins.written("method", m, "title", m): look_of(m) for m in METHODS}
    found = {title: set() for title in wanted}
    for figure in canvases.values():
        for axis in figure.axes:
            names = [t.get_text() for t in axis.get_yticklabels()]
            if len(names) > 2 and names[0] in wanted and axis.containers:
                for bar in axis.containers:
                    (mark,) = [x for x in bar.get_children() if isinstance(x, Line2D)][:1]
                    found[names[round(mark.get_ydata()[0])]].add(_face(mark))
            title = axis.get_title().replace("\n", " ")
            if title in wanted:
                found[title] |= {_face(x) for x in axis.lines if x.get_marker() not in ("None", "")}
        for entry in (e for legend in figure.legends for e in legend.get_lines()):
            label = re.sub(r" \(a part of CLEAR\)$", "", entry.get_label().replace("\n", " "))
            if label in wanted:
                found[label].add(_face(entry))
    seen = {title: faces for title, faces in found.items() if faces}
    assert {"CLEAR", "VTB", "ASMR", "CLEAR, soft only"} <= set(seen)
    for title, faces in seen.items():
        assert faces == {(wanted[title].color, wanted[title].marker)}, title


def _face(line):
    return line.get_color(), line.get_marker()


def test_the_legend_says_what_is_of_clear():
    entries = legend_of({"clear": "CLEAR", "clear_soft": "CLEAR, soft only", "vtb": "VTB"})
    labels = [entry.get_label() for entry in entries]
    assert labels[:2] == ["CLEAR", "CLEAR, soft only (a part of CLEAR)"]
    assert labels[2:] == [family_of("vtb")]


def test_costs_that_do_not_vary_are_no_axis(tmp_path):
    assert varies({"a": (1.0, 0), "b": (2.0, 0)})
    assert not varies({"a": (1.0, 0), "b": (1.02, 0)})
    assert not varies({})
    fake_bench(tmp_path / "runs", recognition=("clear", "vtb"), retrieval=())
    (row,) = draw("accuracy_cost", Material(Results.load(tmp_path / "runs")), tmp_path / "out")
    assert not row.files
    assert "all methods cost the same: MFLOPs per image and training (s)" in row.note


def test_names_that_cannot_fit_are_not_written():
    figure = Figure(figsize=(1.0, 1.0))
    axis = figure.subplots()
    points = {f"a rather long name {k}": (0.001 * k, 0.5) for k in range(30)}
    axis.plot(*zip(*points.values(), strict=True), "o")
    assert not place(axis, points)
    assert not axis.texts


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_schematic_says_the_sizes_of_a_profile(profile):
    config = compose("clear", "peta", profile)
    words = sizes(config)
    height, width = config["data"]["image_size"]
    trunk, head = config["recognition"]["model"], config["retrieval"]["model"]
    assert f"{height} × {width}" in words["image"]
    assert words["feature"].endswith(f" {2 * trunk['dim']}")
    assert words["f_text"].endswith(f"to {head['dim']}")
    assert words["f_vis"].endswith(f"to {2 * head['dim']}")
    assert f"{trunk['heads']} heads" in words["vit_cross"]
    assert ("width 128" in words["vit"]) == ("embed_dim" in trunk["vit"])


def test_words_of_the_schematic_lie_in_their_boxes(drawn):
    _, _, canvases, _ = drawn
    figure = canvases["schematic-default"]
    figure.draw_without_rendering()
    boxes = {p.get_gid(): p.get_window_extent().extents for p in figure.findobj(FancyBboxPatch)
             if p.get_gid()}  # fmt: skip
    words = {t.get_gid(): t.get_window_extent().extents for t in figure.findobj(Text)
             if t.get_gid()}  # fmt: skip
    assert set(boxes) == set(words)
    assert len(boxes) > 15
    for name, box in boxes.items():
        assert (words[name][:2] >= box[:2] - 1).all(), name
        assert (words[name][2:] <= box[2:] + 1).all(), name


def test_the_schematic_refuses_what_it_does_not_draw(world, monkeypatch):
    def soft(*arguments):
        config = compose(*arguments)
        config["retrieval"]["model"]["embedding"] = "soft"
        return config

    monkeypatch.setattr("clear_bench.report.figures.schematic.compose", soft)
    material = Material(Results.load(world / "runs"))
    (row,) = draw("schematic", material, world / "none")
    assert "the schematic is of a query of both text and one-hot code" in row.note


def test_unknown_widths_are_one_line(tmp_path):
    with pytest.raises(UserError, match="width"):
        Material(Results(tmp_path, ()), width="colum")
    command = [sys.executable, "-m", "clear_bench.report", "--width", "colum", "--runs", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "did you mean column" in done.stderr
    assert "Traceback" not in done.stderr
