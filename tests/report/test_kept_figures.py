"""Figures are kept under all that they come from: whatever of it changes, they are drawn anew."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from fake_runs import fake_bench, fake_run, fake_study

from clear_bench.report import draw as drawing_one
from clear_bench.report import kept_figures, what_is_shown
from clear_bench.report.drawing import drawing
from clear_bench.report.figure_list import INDEX, Drawn
from clear_bench.report.figures.material import Material
from clear_bench.results.load import Results
from clear_bench.results.missing import Expected
from clear_bench.runs.code import SUFFIXES, _sources, sources
from clear_bench.runs.files import PREDICTIONS, RECORD
from clear_bench.utils.files import write_text

NAME = "comparison"


@pytest.fixture
def world(tmp_path):
    """Two runs, a study, a data set of one picture, and an attention map."""
    fake_bench(tmp_path / "runs", recognition=("clear", "vtb"), retrieval=(), seeds=(0,), epochs=2)
    fake_study(tmp_path / "runs", seeds=(0,), epochs=2)
    for place in ("data/synthped/images", "attention/default"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "data/synthped/images/one.png").write_bytes(b"a picture")
    np.savez(tmp_path / "attention/default/map.npz", pixels=np.zeros(3))
    return tmp_path


@pytest.fixture
def drawings(monkeypatch):
    """How many figures have been drawn; in place of a figure there is one small picture."""
    names = []

    def draw(name, material, out):
        names.append(name)
        out.mkdir(parents=True, exist_ok=True)
        for suffix in ("pdf", "svg"):
            (out / f"{name}.{suffix}").write_text(f"{suffix} {len(names)}")
        files = (f"{name}.pdf", f"{name}.svg")
        return [Drawn(name, "Title", name, "caption", ("a-run",), files, 3.25, 2.0, True),
                Drawn(name, "Title", f"{name}-other", note="a gap")]  # fmt: skip

    monkeypatch.setattr(drawing_one, "draw", draw)
    return names


def material(world, **more):
    return Material(Results.load(world / "runs", **more), world / "data",
                    attention=world / "attention")  # fmt: skip


def report(world, made=None, names=(NAME,)):
    with drawing(made or material(world), world / "out", names, keep=world / "kept") as wait:
        return wait()


def test_what_is_kept_is_what_was_drawn(world, drawings):
    first = report(world)
    before = {f.name: f.read_bytes() for f in (world / "out").iterdir()}
    assert report(world) == first
    assert {f.name: f.read_bytes() for f in (world / "out").iterdir()} == before
    shutil.rmtree(world / "out")
    assert report(world) == first
    assert {f.name: f.read_bytes() for f in (world / "out").iterdir()} == before
    assert drawings == [NAME]
    assert set(before) == {INDEX, f"{NAME}.pdf", f"{NAME}.svg"}


def test_real_figures_have_the_same_bytes_with_and_without(world):
    names = ("deltas", "search")
    with drawing(material(world), world / "bare", names) as wait:
        bare = wait()
    for _ in range(2):
        assert report(world, names=names) == bare
        for file in (world / "bare").iterdir():
            assert (world / "out" / file.name).read_bytes() == file.read_bytes(), file.name
        shutil.rmtree(world / "out")
    assert len(list((world / "kept").iterdir())) == 2


def _record(world, patch):
    (file,) = (world / "runs/default/synthped/vtb").glob(f"*/{RECORD}")
    content = json.loads(file.read_text())
    content["metrics"]["selected"]["test"]["mA"] += 1e-12
    write_text(file, json.dumps(content))


def _predictions(world, patch):
    (file,) = (world / "runs/default/synthped/vtb").glob(f"*/{PREDICTIONS}")
    file.write_bytes(file.read_bytes() + b"\0")


def _no_predictions(world, patch):
    (file,) = (world / "runs/default/synthped/vtb").glob(f"*/{PREDICTIONS}")
    file.unlink()


def _study(world, patch):
    (file,) = (f for f in (world / "runs").rglob("*.json") if "lm_choice" in f.name)
    write_text(file, file.read_text().replace("What does", "Why does"))


def _picture(world, patch):
    file = world / "data/synthped/images/one.png"
    status = file.stat()
    file.write_bytes(b"o picture")  # as large, and said to be as old
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def _new_picture(world, patch):
    (world / "data/synthped/two.png").write_bytes(b"")


def _map(world, patch):
    np.savez(world / "attention/default/map.npz", pixels=np.ones(3))


def _code(world, patch):
    patch.setattr(what_is_shown, "sources", lambda: "other")


def _library(world, patch):
    what_is_shown.libraries.cache_clear()
    patch.setattr(what_is_shown, "version", lambda name: "4.0" if name == "matplotlib" else "1")


def _font(world, patch):
    patch.setattr(what_is_shown, "fonts", lambda: ["other"])


CHANGES = (_record, _predictions, _no_predictions, _study, _picture, _new_picture, _map, _code,
           _library, _font)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__[1:])
def test_every_input_that_changes_is_seen(world, drawings, monkeypatch, change):
    report(world)
    change(world, monkeypatch)
    report(world)
    report(world)
    what_is_shown.libraries.cache_clear()
    assert drawings == [NAME, NAME]


def test_every_option_is_seen(world, drawings):
    same = material(world)
    plan = Expected("default", ("synthped",), ("clear",), 3)
    others = [
        replace(same, publish=True),
        replace(same, width="text"),
        replace(same, data=world / "elsewhere"),
        replace(same, attention=world / "elsewhere"),
        material(world, stale=lambda record: "old"),
        material(world, stale=lambda record: "old", show_stale=True),
        material(world, expected=plan),
    ]
    for made in [same, *others, *others, same]:
        report(world, made)
    assert len(drawings) == 1 + len(others)


def test_code_is_every_letter_of_every_file(tmp_path):
    found = {sources()}
    for place in ("one", "two"):
        for suffix in SUFFIXES:
            for content in ("x = 1", "x = 2"):
                (tmp_path / f"{place}{suffix}").write_text(content)
                _sources.cache_clear()
                found.add(_sources(tmp_path))
    assert len(found) == 1 + 2 * 2 * len(SUFFIXES)
    _sources.cache_clear()


@pytest.mark.parametrize("harm", ["cut", "changed", "empty", "foreign"])
def test_what_is_damaged_is_said_and_drawn_again(world, drawings, capsys, harm):
    first = report(world)
    (file,) = (world / "kept").iterdir()
    whole = file.read_bytes()
    middle = whole.index(b"pdf 1") + 2
    file.write_bytes({
        "cut": whole[:-30], "changed": whole[:middle] + b"X" + whole[middle + 1:], "empty": b"",
        "foreign": whole.replace(b'"comparison.pdf"', b'"../parison.pdf"'),
    }[harm])  # fmt: skip
    assert report(world) == first
    assert f"{file}: damaged" in capsys.readouterr().err
    assert drawings == [NAME, NAME]
    assert (world / "out" / f"{NAME}.pdf").read_text() == "pdf 2"
    assert report(world) == first
    assert drawings == [NAME, NAME]
    assert not list(world.glob("*.pdf"))


def test_what_was_of_no_use_for_longest_goes(world, drawings, monkeypatch):
    for name in ("a", "b", "c"):
        report(world, names=(name,))
    size = max(file.stat().st_size for file in (world / "kept").iterdir())
    for age, file in enumerate(sorted((world / "kept").iterdir())):
        os.utime(file, (1000 + age, 1000 + age))
    report(world, names=("a",))
    monkeypatch.setattr(kept_figures, "MOST", 2 * size)
    report(world, names=("a",))
    assert sorted(f.name[0] for f in (world / "kept").iterdir()) == ["a", "c"]


def test_a_run_more_is_another_figure(world, drawings):
    report(world)
    fake_run(world / "runs", "alm", epochs=2)
    report(world)
    assert drawings == [NAME, NAME]
