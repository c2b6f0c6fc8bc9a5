"""``python -m clear_bench.data verify``: what it says, and with which status it leaves."""

import hashlib
import shutil
import sys
from pathlib import Path

import pytest
from releases import RELEASES
from rich.console import Console

from clear_bench.config.plugins import available
from clear_bench.data import __main__ as command
from clear_bench.data.load import find_source
from clear_bench.data.sets import peta
from clear_bench.data.verify import facts
from clear_bench.utils.command_line import main

SHARED = Path(__file__).parents[3] / "shared/data"
OFFICIAL = [n for n in sorted(available("data set")) if find_source(n).generate is None]


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["data", *map(str, words)])
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as left:
        main(command.app)
    return left.value.code


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_whole_copy_passes_and_a_damaged_one_is_told_exactly(tmp_path, monkeypatch, capsys, name):
    root = RELEASES[name].make(tmp_path / "данные", monkeypatch)
    source = find_source(name)
    key = f"{source.splits[0]}/{source.label_sets[0]}"
    dataset = source.read(root, source.splits[0], source.label_sets[0])
    monkeypatch.setitem(source.official, key, facts(dataset))
    for file in source.files:
        path = next(root.rglob(file))
        monkeypatch.setitem(source.files, file, hashlib.sha256(path.read_bytes()).hexdigest())
    assert call(monkeypatch, "verify", name, "--data-root", root) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    picture = root / dataset.manifest["path"].iloc[3]
    picture.write_bytes(picture.read_bytes()[:40])
    monkeypatch.setitem(source.official, key, {"images": len(dataset.manifest) + 1})
    assert call(monkeypatch, "verify", name, "--data-root", root) == 2
    said = capsys.readouterr()
    count = len(dataset.manifest)
    assert f"images: {count}, the official release has {count + 1}" in said.out
    assert picture.name in said.out
    assert said.err.strip().endswith("2 things are wrong, see above")


@pytest.mark.parametrize("name", OFFICIAL)
def test_an_absent_copy_is_answered_with_where_to_ask_and_the_terms(
    tmp_path, monkeypatch, capsys, name
):
    assert call(monkeypatch, "verify", name, "--data-root", tmp_path / "none") == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    assert find_source(name).obtain in line


def test_annotation_alone_needs_a_source_that_has_one(monkeypatch, capsys, tmp_path):
    words = ("verify", "synthped", "--annotation-only", "--data-root", tmp_path)
    assert call(monkeypatch, *words) == 2
    assert "no annotation that could be read without" in capsys.readouterr().err


def test_overlaps_are_notes_and_not_faults(tmp_path, monkeypatch, capsys):
    root = RELEASES["peta"].make(tmp_path / "peta", monkeypatch)
    dataset = peta.read_peta(root, "random0", "35")
    train, val = (
        root / dataset.manifest["path"].iloc[dataset.rows(p)[0]] for p in ("train", "val")
    )
    shutil.copy(train, val)
    monkeypatch.setitem(peta.SOURCE.official, "random0/35", {})
    monkeypatch.setitem(peta.SOURCE.digests, "random0/35", "")
    assert call(monkeypatch, "verify", "peta", "--data-root", root) == 0
    said = capsys.readouterr().out
    assert f"{val.name} (val) is the same file as images/{train.name} (train)" in said
    assert "persons are in both train and test" in said
    assert "% of the test images show a person who is in train+val" in said


def test_a_terminal_gets_a_progress_bar(tmp_path, monkeypatch, capsys):
    from clear_bench.data import verify

    root = RELEASES["pa100k"].make(tmp_path / "pa", monkeypatch)
    monkeypatch.setattr(verify, "BLOCK", 4)
    monkeypatch.setattr(Console, "is_terminal", True)
    verify.verify(find_source("pa100k").read(root, "official", "26"), {})
    assert "read pa100k" in capsys.readouterr().err


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no official annotation in {SHARED}")
def test_official_annotations_pass_by_the_command(monkeypatch, capsys):
    words = ("verify", "market1501", "--data-root", SHARED / "market_attribute")
    assert call(monkeypatch, *words, "--annotation-only") == 0
    said = capsys.readouterr().out
    assert "508" in said
    assert "484" in said
    words = ("verify", "peta", "--data-root", SHARED / "PETA", "--annotation-only")
    assert call(monkeypatch, *words) == 0
    said = capsys.readouterr().out
    assert "2242" in said
    assert "57.7 % of the test images show a person who is in train+val" in said
