"""Figures: every spec draws, the same bytes each time, without torch; what is missing is said."""

import importlib.util
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from fake_runs import fake_bench, fake_run
from figure_world import DATA, figure_world
from layouts import write_market
from matplotlib.text import Text
from pdf_text import assert_fonts_are_embedded

from clear_bench.config import plugins
from clear_bench.config.plugins import title_of
from clear_bench.report import draw as figures
from clear_bench.report.draw import draw
from clear_bench.report.drawing import draw_all
from clear_bench.report.figure_list import INDEX
from clear_bench.report.figures.images import FLAG
from clear_bench.report.figures.material import LONG, Material
from clear_bench.report.figures.style import write
from clear_bench.report.figures.widths import COLUMN, WIDE
from clear_bench.results.load import Results
from clear_bench.utils.errors import UserError

FIGURES = sorted(plugins.available("figure"))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Runs on a small Market-1501 that is there, three studies, a failed and a stale run."""
    return figure_world(tmp_path_factory.mktemp("figures"))


def material(world, **options):
    options = {"publish": True, "data": world / "data", "attention": world / "attention", **options}
    return Material(Results.load(world / "runs"), **options)


@pytest.fixture(scope="module")
def canvases():
    """The pictures that `drawn` drew, by the name of their files."""
    return {}


@pytest.fixture(scope="module")
def drawn(world, canvases):
    def spy(figure, path):
        canvases[path.name] = figure
        return write(figure, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "write", spy)
        return draw_all(material(world), world / "out")


def test_every_figure_is_drawn_and_listed(world, drawn):
    files = {file for one in drawn for file in one.files}
    empty = set(FIGURES) - {one.figure for one in drawn if one.files}
    assert not empty, [one for one in drawn if one.figure in empty]
    assert files == {f.name for f in (world / "out").iterdir()} - {INDEX}
    listed = json.loads((world / "out" / INDEX).read_text())
    assert [row["stem"] for row in listed] == [one.stem for one in drawn]
    run_ids = set(Results.load(world / "runs").by_id)
    for one in drawn:
        assert bool(one.files) != bool(one.note), one
        assert set(one.runs) <= run_ids
        if one.files:
            assert one.width in (COLUMN, WIDE), one.stem
            assert one.height < 8, one.stem
            assert len(one.caption) > 40
            assert one.runs or one.figure == "search"
            pdf, png, svg = ((world / "out" / file).read_bytes() for file in one.files)
            assert pdf.startswith(b"%PDF")
            assert_fonts_are_embedded(world / "out" / one.files[0])
            assert png.startswith(b"\x89PNG")
            assert b"<svg" in svg and b"#ffffff" not in svg.split(b'<g id="axes_1">')[0]


def test_a_second_build_elsewhere_gives_the_same_bytes_and_imports_no_torch(world, drawn):
    code = f"""
import sys, matplotlib
from pathlib import Path
matplotlib.rcParams["font.size"] = 30
from clear_bench.report.drawing import draw_all
from clear_bench.report.figures.material import Material
from clear_bench.results.load import Results
root = Path({str(world)!r})
found = Material(Results.load(root / "runs"), root / "data", True, root / "attention")
draw_all(found, root / "again", workers=2)
heavy = {{"torch", "mmengine", "timm", "transformers", "mlflow", "optuna"}} & set(sys.modules)
assert not heavy, heavy
"""
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    names = sorted(f.name for f in (world / "out").iterdir())
    assert names == sorted(f.name for f in (world / "again").iterdir())
    for name in names:
        assert (world / "out" / name).read_bytes() == (world / "again" / name).read_bytes(), name
        assert b"CreationDate" not in (world / "out" / name).read_bytes()


def test_letters_have_seven_to_nine_points(drawn, canvases):
    assert set(canvases) == {one.stem for one in drawn if one.files}
    for name, figure in canvases.items():
        texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text()]
        assert texts, name
        assert min(t.get_fontsize() for t in texts) >= 7, name
        assert max(t.get_fontsize() for t in texts) <= 9, name


def test_what_is_not_shown_is_said(world, drawn):
    notes = [one.note for one in drawn if not one.figure]
    assert len(notes) == 2
    assert any(n.startswith("vit-recognition") and "failed (diverged)" in n for n in notes)
    assert any(n.startswith("swin-recognition") and "made by other code" in n for n in notes)
    hidden = {n.split(":")[0] for n in notes}
    assert not hidden & {run for one in drawn for run in one.runs}
    missing = {one.stem for one in drawn if one.figure == "curves" and one.note}
    assert missing == {"curves-data_size", "curves-image_size"}
    assert str(next(one for one in drawn if one.note)).startswith("not drawn: ")


def test_variants_of_studies_are_no_methods(world):
    for board in material(world).leaderboards:
        assert {group.method for group in board.methods.values()} == set(board.methods)
        assert all(board.mean(a) >= board.mean(b) for a, b in pairwise(board.ranked))


def test_a_method_is_shown_by_its_own_recipe_and_the_rest_is_counted(tmp_path):
    for overrides in ({}, {"retrieval.text.encoder": "glove"}, {"retrieval.model.depth": 3}):
        fake_run(tmp_path, "clear", "retrieval", overrides=overrides)
        fake_run(tmp_path, "asmr", "retrieval", overrides={"retrieval.model.depth": 2, **overrides})
    (board,) = Material(Results.load(tmp_path)).leaderboards
    assert [label for label in board.methods if label.startswith("clear")] == ["clear"]
    assert board.others == 2
    assert "; 2 further settings are in the tables" in board.caption
    titles = {board.title(label) for label in board.methods}
    assert titles == {
        "CLEAR", "ASMR (depth=2)", "ASMR (depth=3)", "ASMR (depth=2, encoder=glove)",
    }  # fmt: skip


def test_long_names_are_cut_unless_that_makes_them_equal(tmp_path):
    for value in (1, 2):
        long = {f"retrieval.model.some_very_long_name_{k}": 7 for k in range(3)}
        changes = {"retrieval.text.encoder": "glove", **long, "retrieval.model.z": value}
        fake_run(tmp_path, "clear", "retrieval", overrides=changes)
    (board,) = Material(Results.load(tmp_path)).leaderboards
    assert len({board.title(label) for label in board.methods}) == 2
    fake_run(tmp_path, "asmr", "retrieval", overrides=changes)
    (board,) = Material(Results.load(tmp_path)).leaderboards
    (asmr,) = (label for label in board.methods if label.startswith("asmr"))
    assert len(board.title(asmr)) <= LONG < len(asmr)


def test_pictures_of_persons_need_leave(world, tmp_path):
    for name in ("qualitative", "attention"):
        rows = draw(name, material(world, publish=False), tmp_path)
        assert [one.files for one in rows] == [()]
        assert FLAG in rows[0].note
        assert DATA in rows[0].note
    assert not list(tmp_path.iterdir())
    flag = {name: plugins.load("figure", name).FIGURE.persons for name in FIGURES}
    assert {name for name, value in flag.items() if value} == {"qualitative", "attention"}


def test_other_or_missing_data_give_no_pictures(world, tmp_path):
    rows = draw("qualitative", material(world, data=tmp_path), tmp_path / "out")
    assert f"{tmp_path / DATA}: no such folder" in rows[0].note
    write_market(tmp_path / DATA, test=9)
    rows = draw("qualitative", material(world, data=tmp_path), tmp_path / "out")
    assert "not the data that" in rows[0].note
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_to_draw_is_a_note(tmp_path, name):
    empty = Material(Results(tmp_path / "runs", ()), tmp_path / "data", attention=tmp_path / "att")
    rows = draw(name, empty, tmp_path / "out")
    assert rows
    assert all(one.note and not one.files for one in rows)


def test_a_broken_file_is_a_note_and_the_other_figures_are_drawn(tmp_path):
    records = fake_bench(tmp_path / "runs", seeds=(0,), recognition=(), retrieval=("clear", "asmr"))
    broken = tmp_path / "runs/default/synthped/clear" / records[0].run_id / "predictions.npz"
    whole = broken.read_bytes()
    for content in (b"", b"text", whole[:500]):
        broken.write_bytes(content)
        half_broken = Material(Results.load(tmp_path / "runs"), attention=tmp_path)
        for name in ("precision_recall", "pairwise_wins", "qualitative", "embeddings"):
            (one,) = draw(name, half_broken, tmp_path / "out")
            assert f"{broken}: not readable arrays" in one.note
        assert draw("comparison", half_broken, tmp_path / "out")[0].files


def test_a_picture_that_is_no_longer_drawn_goes(tmp_path):
    records = fake_bench(tmp_path / "runs", seeds=(0,), recognition=("clear", "vtb"), retrieval=())
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.pdf").write_text("not ours")
    names = ("comparison",)
    rows = draw_all(Material(Results.load(tmp_path / "runs")), out, names)
    files = set(rows[0].files)
    assert len(files) == 3
    folder = tmp_path / "runs/default/synthped/vtb" / records[1].run_id
    (folder / "record.json").unlink()
    draw_all(Material(Results.load(tmp_path / "runs")), out, names)
    assert {f.name for f in out.iterdir()} == {INDEX, "mine.pdf"}


def test_unknown_figures_say_the_nearest(tmp_path):
    with pytest.raises(UserError, match="unknown figure 'comparisn'; did you mean comparison"):
        draw("comparisn", Material(Results(tmp_path, ())), tmp_path)


def test_titles_are_the_methods_own():
    for key in ("clear", "asmr", "chance"):
        file = importlib.util.find_spec(plugins.available("method")[key]).origin
        assert f'METHOD = Method(\n    title="{title_of(key)}",' in Path(file).read_text()
    assert title_of("no_such_method") == "no_such_method"
