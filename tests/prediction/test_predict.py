"""``predict`` on a trained run: every form, bad files, videos, attention."""

import csv
import io
import json

import numpy as np
import pytest
from calling import call
from PIL import Image

from clear_bench import predict
from clear_bench.data.sets.upar_labels import SCHEMA
from clear_bench.engine.inference import encode
from clear_bench.prediction.output import Upar, Wanted
from clear_bench.prediction.sources import Crop
from clear_bench.prediction.why import over, side_by_side
from clear_bench.training.trained_model import open_model
from clear_bench.utils.errors import UserError


@pytest.fixture
def here(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crops").mkdir()
    rng = np.random.default_rng(0)
    for k in range(5):
        Image.fromarray(rng.integers(0, 256, (60, 30, 3), dtype=np.uint8)).save(f"crops/{k}.png")
    return tmp_path


def asked(monkeypatch, capsys, trained, *words, status=0):
    run = trained.records[0].run_id
    assert (
        call(monkeypatch, predict.app, "--run", run, "--runs", str(trained.root), *words) == status
    )
    return capsys.readouterr()


@pytest.fixture
def expected(trained, here):
    """Names, thresholds, and the probabilities of each picture alone."""
    opened = open_model(trained.records[0].run_id, trained.root)
    pixels = [opened.read(here / f"crops/{k}.png") for k in range(5)]
    found = [encode(opened.model, p[None], np.arange(1))[1][0] for p in pixels]
    return opened.schema.names, float(opened.record.threshold), np.array(found)


def test_all_forms_say_the_same(monkeypatch, capsys, trained, expected, here):
    import pandas as pd

    names, threshold, values = expected
    out = asked(monkeypatch, capsys, trained, "crops", "--format=csv", "--all").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 5 * len(names)
    for row in rows:
        value = values[int(row["image"][6]), names.index(row["attribute"])]
        assert float(row["probability"]) == pytest.approx(value, abs=1e-4)
        assert row["present"] == str(bool(value > threshold))
    out = asked(monkeypatch, capsys, trained, "crops", "--format=json", "--all").out
    assert json.loads(out) == [
        {"image": r["image"], "attribute": r["attribute"], "probability": float(r["probability"]),
         "present": r["present"] == "True"} for r in rows
    ]  # fmt: skip
    lines = asked(monkeypatch, capsys, trained, "crops", "--format=jsonl").out.splitlines()
    for k, line in enumerate(map(json.loads, lines)):
        assert line["image"] == f"crops/{k}.png"
        assert list(line["probabilities"].values()) == pytest.approx(values[k], abs=1e-4)
        assert line["present"] == [names[c] for c in np.flatnonzero(values[k] > threshold)]
    wide = pd.read_csv(
        io.StringIO(asked(monkeypatch, capsys, trained, "crops", "--format=wide").out)
    )
    said = asked(monkeypatch, capsys, trained, "crops", "--format=parquet", "--out=p.parquet").out
    assert said.startswith("p.parquet: 5 images by ")
    for table in (wide, pd.read_parquet("p.parquet")):
        assert list(table.columns) == ["image", *names]
        assert list(table["image"]) == [f"crops/{k}.png" for k in range(5)]
        assert table[names].to_numpy() == pytest.approx(values, abs=1e-4)


def test_a_bad_file_is_one_line_and_the_others_are_predicted(monkeypatch, capsys, trained, here):
    (here / "crops/2.png").write_bytes(b"broken")
    words = ["crops", "none.png", "--format=jsonl", "--out=a.jsonl"]
    found = asked(monkeypatch, capsys, trained, *words, status=2)
    lines = (here / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["image"] for line in lines] == [f"crops/{k}.png" for k in (0, 1, 3, 4)]
    told = found.err.splitlines()
    assert told[0] == "none.png: no such image"
    assert told[1].startswith("crops/2.png: not a readable image")
    assert told[2].startswith("error: 2 could not be predicted, all others were: none.png")
    assert len(told) == 3


def test_a_bug_leaves_no_half_written_file(monkeypatch, capsys, trained, here):
    monkeypatch.setattr("clear_bench.prediction.output.JsonLines.add", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        words = ["--run", trained.records[0].run_id, "--runs", str(trained.root)]
        monkeypatch.setattr("sys.argv", ["x", *words, "crops", "--format=jsonl", "--out=a.jsonl"])
        predict.app(standalone_mode=False)
    assert [f.name for f in here.iterdir()] == ["crops"]


def test_a_frame_with_boxes_has_its_place_in_the_answer(monkeypatch, capsys, trained, here):
    import cv2

    video = cv2.VideoWriter("clip.avi", cv2.VideoWriter.fourcc(*"MJPG"), 5, (32, 64))
    for number in range(7):
        video.write(np.full((64, 32, 3), 30 * number, np.uint8))
    video.release()
    (here / "b.csv").write_text("image,frame,x,y,width,height\nclip.avi,5,1,2,8,16\n")
    words = ["clip.avi", "--format=wide"]
    found = asked(monkeypatch, capsys, trained, *words)
    rows = list(csv.DictReader(io.StringIO(found.out)))
    assert [(r["frame"], r["time"]) for r in rows] == [("0", "0.0"), ("5", "1.0")]
    assert "whole frames" in found.err
    found = asked(monkeypatch, capsys, trained, *words, "--boxes=b.csv")
    (row,) = csv.DictReader(io.StringIO(found.out))
    assert [row[k] for k in ("frame", "x", "y", "width", "height")] == [
        "5",
        "1.0",
        "2.0",
        "8.0",
        "16.0",
    ]
    assert found.err == ""


def test_why_writes_a_picture_beside_the_answer(monkeypatch, capsys, trained, here):
    (here / "out").mkdir()
    asked(
        monkeypatch,
        capsys,
        trained,
        "crops",
        "crops/0.png",
        "--why",
        "--format=csv",
        "--out=out/a.csv",
    )
    files = sorted(f.name for f in (here / "out").iterdir())
    assert files == ["0-2.why.png", *(f"{k}.why.png" for k in range(5)), "a.csv"]
    with Image.open("out/0.why.png") as picture:
        assert picture.height == 256
        panels = np.asarray(picture)
    opened = open_model(trained.records[0].run_id, trained.root)
    pixels = opened.read(here / "crops/0.png")
    assert np.array_equal(panels[::4, : 4 * 32 : 4], pixels)


def test_a_map_is_grey_where_it_is_dark_and_bright_where_it_is_looked_at():
    pixels = np.full((4, 2, 3), 100, np.uint8)
    found = over(pixels, np.array([[0.0], [1.0]]))
    assert (found[0] == found[1]).all() and (found[2] == found[3]).all()
    dark, bright = np.array([68, 1, 84]), np.array([253, 231, 37])  # viridis' ends
    assert np.allclose(found[0, 0], 45 + 0.55 * dark, atol=2)
    assert np.allclose(found[2, 0], 45 + 0.55 * bright, atol=2)
    assert side_by_side([found, found]).shape == (256, 2 * 128 + 4, 3)


def test_upar_has_its_official_header():
    stream = io.StringIO()
    wanted = Wanted(SCHEMA.names, np.full(40, 0.5), False, ("image",))
    Upar(stream, wanted).add([Crop("x/a.png", None)], np.full((1, 40), 0.25))
    head, row = stream.getvalue().splitlines()
    assert head.split(",") == ["# Image", *SCHEMA.names]
    assert row.split(",") == ["x/a.png", *["0.2500"] * 40]
    with pytest.raises(UserError, match="other attributes than UPAR"):
        Upar(stream, Wanted(["a"], np.zeros(1), False, ("image",)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["crops", "--format=cvs"], "unknown format 'cvs'; did you mean csv"),
        (["crops", "--format=parquet"], "say where to by --out"),
        (["crops", "--format=upar"], "other attributes than UPAR"),
        (["crops", "--every=1x"], "must be as 1s"),
        (["crops", "--boxes=none.csv"], "no such table of boxes"),
        (["@none"], "none: no such list of images"),
    ],
)
def test_bad_words_are_one_line(monkeypatch, capsys, trained, here, words, message):
    told = asked(monkeypatch, capsys, trained, *words, status=2).err
    assert message in told
    assert told.count("\n") == 1
