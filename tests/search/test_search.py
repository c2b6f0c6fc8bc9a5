"""Search by hand: the same ranking as the run's own, what is cached, what is written."""

import csv
import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from calling import base, call, unmirrored
from PIL import Image

from clear_bench import train
from clear_bench.data.sets.market1501_labels import SCHEMA
from clear_bench.search.__main__ import app
from clear_bench.training.plan import reopen

METHODS = {"clear": ["--set=text.encoder=glove"], "asmr": [], "likelihood": []}
"""Three kinds of method, which share one parent, with what is changed about them."""


@pytest.fixture(scope="module")
def world(market, tmp_path_factory):
    """Three methods trained on a small Market-1501, whose test images are a gallery."""
    root = tmp_path_factory.mktemp("search")
    (root / "market").symlink_to(market)
    shutil.copytree(root / "market/bounding_box_test", root / "own/b")
    shutil.copytree(root / "market/query", root / "own/a")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        unmirrored(patch)
        for method, changes in METHODS.items():
            assert call(patch, train.app, *base(), f"--method={method}", *changes) == 0
    return root


@pytest.fixture(autouse=True)
def here(request, monkeypatch):
    if "world" in request.fixturenames:
        monkeypatch.chdir(request.getfixturevalue("world"))


def run_of(world, method):
    return next(world.glob(f"runs/*/*/{method}/{method}-retrieval-*"))


def ranked(out):
    with (out / "ranking.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def full_query(vector):
    """Return a query that says every attribute."""
    pairs = (f"{n}={'yes' if v else 'no'}" for n, v in zip(SCHEMA.names, vector, strict=True))
    return f"--attributes={', '.join(pairs)}"


def own_scores(run, query):
    """Return file name -> score of the run's own test ranking, computed one by one."""
    kept = np.load(run.folder / "predictions.npz")
    paths = run.dataset.manifest["path"]
    if run.config["method"] != "likelihood":
        asked = kept["queries"][query]
        cosine = {
            paths[row]: sum(float(a) * float(b) for a, b in zip(image, asked, strict=True))
            for row, image in zip(kept["rows"], kept["images"], strict=True)
        }
        return {path.split("/")[-1]: score for path, score in cosine.items()}
    parent = np.load(run.parent.folder / "predictions.npz")
    vector = kept["vectors"][query]
    return {
        paths[row].split("/")[-1]: sum(
            np.log(p if y else 1 - p) for y, p in zip(vector, shares, strict=True)
        )
        for row, shares in zip(parent["test_rows"], parent["test_probabilities"], strict=True)
    }


@pytest.mark.parametrize("method", ["clear", "asmr", "likelihood"])
def test_ranking_is_the_runs_own(monkeypatch, capsys, world, method):
    folder = run_of(world, method)
    run = reopen(folder, world / "runs", world / "market")
    vectors = np.load(folder / "predictions.npz")["vectors"]
    for query in (0, len(vectors) - 1):
        options = [f"--run={folder}", "--gallery=own", full_query(vectors[query]), "--out=same"]
        assert call(monkeypatch, app, *options) == 0
        scores = own_scores(run, query)
        rows = ranked(world / "same")
        assert [int(row["rank"]) for row in rows] == list(range(1, len(scores) + 1))
        score_of = {row["file"].split("/")[-1]: float(row["score"]) for row in rows}
        assert score_of == pytest.approx(scores, abs=2e-5, rel=1e-4)
        order = [scores[name] for name in score_of]
        assert all(a >= b - 4e-5 * max(1, abs(a)) for a, b in pairwise(order))


def test_predicted_attributes_are_those_of_predict(monkeypatch, capsys, world):
    from clear_bench import predict

    options = [f"--run={run_of(world, 'clear')}", "--gallery=own", "--attributes=hat"]
    assert call(monkeypatch, app, *options) == 0
    row = ranked(world / "search")[0]
    capsys.readouterr()
    options = [f"--run={run_of(world, 'clear')}", f"own/{row['file']}", "--format=json"]
    assert call(monkeypatch, predict.app, *options) == 0
    present = {row_of["attribute"] for row_of in json.loads(capsys.readouterr().out)}
    assert set(filter(None, row["attributes"].split(";"))) == present


def test_text_is_embedded_and_the_hard_part_said(monkeypatch, capsys, world):
    options = [f"--run={run_of(world, 'clear')}", "--gallery=own", "--out=text"]
    scores = {}
    for text in ("a woman with a red top", "a woman with a red top near a river"):
        assert call(monkeypatch, app, *options, f"--text={text}") == 0
        told = capsys.readouterr().out
        assert "soft part: the sentence as it is; hard part: recognised in the words" in told
        assert "female, upred;" in told
        scores[text] = {row["file"]: row["score"] for row in ranked(world / "text")}
    assert len({tuple(sorted(s.items())) for s in scores.values()}) == 2  # the words do count
    asmr = [f"--run={run_of(world, 'asmr')}", "--gallery=own"]
    assert call(monkeypatch, app, *asmr, "--text=a woman") == 0
    assert "soft part: none, the method reads no text" in capsys.readouterr().out
    assert call(monkeypatch, app, *asmr, "--text=a lady") == 2
    assert "asmr reads no text, and no attribute" in capsys.readouterr().err


def without_torch(options, queries):
    """Ask one query after the other in a process that cannot import torch."""
    code = (
        "import sys\n"
        "for name in ('torch', 'mmengine', 'transformers', 'timm'): sys.modules[name] = None\n"
        "from clear_bench.utils.command_line import main\n"
        "from clear_bench.search.__main__ import app\n"
        f"for query in {queries!r}:\n"
        f"    sys.argv = ['search', *{options!r}, query]\n"
        "    try: main(app)\n"
        "    except SystemExit as end:\n"
        "        if end.code: raise\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_a_second_query_loads_neither_backbone_nor_torch(monkeypatch, world):
    shutil.copytree(world / "own", world / "again")
    options = [f"--run={run_of(world, 'clear')}", "--gallery=again", "--out=second"]
    assert call(monkeypatch, app, *options, "--attributes=hat") == 0
    first = (world / "second/ranking.csv").read_bytes()
    queries = ["--attributes=hat", "--attributes=gender=man, backpack, upper_color=green, hat",
               "--text=a sentence never said before", "--attributes=hat"]  # fmt: skip
    done = without_torch(options, queries)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("second/ranking.csv") == len(queries), done.stdout
    assert (world / "second/ranking.csv").read_bytes() == first


def test_only_new_images_are_encoded(monkeypatch, world):
    from clear_bench.engine import inference

    seen = []
    original = inference.encode

    def counted(model, pixels, rows, **rest):
        seen.append(len(rows))
        return original(model, pixels, rows, **rest)

    monkeypatch.setattr(inference, "encode", counted)
    shutil.copytree(world / "own/a", world / "grows")
    before = len(list((world / "grows").iterdir()))
    options = ["--gallery=grows", "--attributes=hat", "--out=grown"]
    assert call(monkeypatch, app, f"--run={run_of(world, 'clear')}", *options) == 0
    shutil.copy(next((world / "own/b").iterdir()), world / "grows/new.jpg")
    assert call(monkeypatch, app, f"--run={run_of(world, 'clear')}", *options) == 0
    # Another method on the same parent needs no encoding either.
    assert call(monkeypatch, app, f"--run={run_of(world, 'likelihood')}", *options) == 0
    assert seen == [before, 1]
    assert len(ranked(world / "grown")) == before + 1


def test_runs_need_no_data_set_and_can_be_moved(monkeypatch, world):
    shutil.copytree(world / "runs/smoke/market1501", world / "elsewhere/smoke/m", symlinks=True)
    folder = next((world / "elsewhere/smoke/m/clear").glob("clear-retrieval-*"))
    (world / "market").rename(world / "hidden")
    try:
        options = [f"--run={folder}", "--gallery=own", "--attributes=hat", "--runs=nowhere"]
        assert call(monkeypatch, app, *options, "--cache=fresh", "--out=moved") == 0
    finally:
        (world / "hidden").rename(world / "market")
    assert len(ranked(world / "moved")) == 30


def test_sheet_shows_frames_and_pictures(monkeypatch, world):
    options = [f"--run={run_of(world, 'clear')}", "--gallery=own", "--attributes=hat", "--top=3"]
    assert call(monkeypatch, app, *options, "--format=jpg", "--out=sheet") == 0
    assert call(monkeypatch, app, *options, "--out=sheet") == 0
    assert {f.name for f in (world / "sheet").iterdir()} == {
        "sheet.png", "sheet.jpg", "ranking.csv"
    }  # fmt: skip
    page = np.asarray(Image.open(world / "sheet/sheet.png"))
    frame = (page == (0, 90, 160)).all(axis=2)
    tops = frame.any(axis=1)
    assert tops.sum() > 192  # one row of tiles
    line = frame[np.flatnonzero(tops)[0] + 50]
    edges = np.flatnonzero(np.diff(line.astype(int)) == 1)
    assert len(edges) == 6  # the left and right sides of three frames
    best = Image.open(world / "own" / ranked(world / "sheet")[0]["file"]).resize((96, 192))
    left, top = edges[0] + 4, np.flatnonzero(tops)[0] + 3
    shown = page[top : top + 192, left : left + 96].astype(float)
    assert np.abs(shown - np.asarray(best, float)).mean() < 12


def test_any_file_name_will_do(monkeypatch, capsys, world):
    (world / "odd/deep").mkdir(parents=True)
    names = [b"a,b.JPG", "Stra\u00dfe \u4eba.jpg".encode(), b"deep/latin\xe9.jpg", b"n\new.jpg"]
    for name in names:
        shutil.copyfile(next((world / "own/a").iterdir()), b"odd/" + name)
    options = [
        f"--run={run_of(world, 'clear')}",
        "--gallery=odd",
        "--attributes=hat",
        "--out=names",
    ]
    assert call(monkeypatch, app, *options) == 0
    with (world / "names/ranking.csv").open(newline="", errors="surrogateescape") as stream:
        listed = {os.fsencode(row["file"]) for row in csv.DictReader(stream)}
    assert listed == set(names)


def test_unreadable_images_are_named_and_can_be_skipped(monkeypatch, capsys, world):
    shutil.copytree(world / "own/a", world / "broken")
    (world / "broken/empty.jpg").touch()
    whole = next((world / "own/b").iterdir()).read_bytes()
    (world / "broken/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (world / "broken/notes.txt").write_text("no picture")
    (world / "broken/.hidden.jpg").touch()
    (world / "broken/link.jpg").symlink_to("nowhere.jpg")
    options = [f"--run={run_of(world, 'clear')}", "--gallery=broken", "--attributes=hat"]
    assert call(monkeypatch, app, *options, "--out=none") == 2
    told = capsys.readouterr()
    assert "1 files of broken are no pictures by name" in told.out
    lines = told.err.strip().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "broken/cut.jpg", "broken/empty.jpg", "broken/link.jpg", "error"
    ]  # fmt: skip
    assert "3 of 13 images cannot be read" in lines[-1]
    assert not (world / "none").exists()
    for _ in range(2):  # the cache remembers what was left out
        assert call(monkeypatch, app, *options, "--skip-unreadable", "--out=some") == 0
        told = capsys.readouterr().err
        assert told.count("left out: ") == 3
    assert len(ranked(world / "some")) == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--attributes=backpak"], "did you mean backpack"),
        (["--gallery=nowhere", "--attributes=hat"], "nowhere: no such folder"),
        (["--gallery=void", "--attributes=hat"], "void: no pictures in it"),
        (["--run=clear-recognition", "--attributes=hat"], "takes a retrieval run"),
        (["--run=nothing", "--attributes=hat"], "nothing: no such finished run"),
        (["--attributes=hat", "--text=a hat"], "give either --attributes or --text"),
        ([], "give either --attributes or --text"),
        (["--attributes=hat", "--format=pngg"], "did you mean png"),
        (["--attributes=hat", "--unspecified=absnt"], "did you mean absent"),
        (["--attributes=hat", "--out=own/bad"], "lies in the gallery"),
        (["--attributes=hat", "--top=0"], "Invalid value for '--top'"),
    ],
)
def test_bad_input_is_one_line_and_status_2(monkeypatch, capsys, world, options, message):
    (world / "void").mkdir(exist_ok=True)
    usual = [f"--run={run_of(world, 'clear')}", "--gallery=own", "--out=bad"]
    assert call(monkeypatch, app, *usual, *options) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert not (world / "bad").exists()
