"""verify: official files, pictures alike in two splits, attributes that never meet, the sheet."""

import hashlib
import sys
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from releases import RELEASES
from scipy.io import loadmat, savemat

from clear_bench.data import __main__ as command
from clear_bench.data.contact_sheet import attribute_sheet
from clear_bench.data.dataset import Dataset
from clear_bench.data.images import read_image
from clear_bench.data.known_files import check_files, label_digest, never_meet
from clear_bench.data.load import find_source
from clear_bench.data.near_duplicates import BITS, LEVELS, hashes, near_pairs
from clear_bench.data.schema import Attribute, Schema
from clear_bench.data.sets import peta
from clear_bench.data.verify import verify
from clear_bench.utils.command_line import main
from clear_bench.utils.errors import UserError


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A small PETA whose files are the official ones."""
    root = RELEASES["peta"].make(tmp_path / "peta", monkeypatch)
    dataset = peta.read_peta(root, "random0", "35")
    digest = hashlib.sha256((root / "PETA.mat").read_bytes()).hexdigest()
    monkeypatch.setitem(peta.SOURCE.files, "PETA.mat", digest)
    monkeypatch.setitem(peta.SOURCE.digests, "random0/35", label_digest(dataset))
    monkeypatch.setitem(peta.SOURCE.official, "random0/35", {"images": 80})
    return root


def change(root, flip):
    raw = loadmat(root / "PETA.mat")["peta"]
    content = {n: raw[0, 0][n] for n in raw.dtype.names}
    if flip:
        content["data"][11, 9] ^= 1
    savemat(root / "PETA.mat", {"peta": content}, do_compression=True)


def test_one_flipped_label_is_found_and_a_file_saved_again_is_not_blamed(root):
    check = lambda: check_files(peta.read_peta(root, "random0", "35"), peta.SOURCE)  # noqa: E731
    assert check()[0] == []
    assert "PETA.mat is the official file" in check()[1][0]
    change(root, flip=False)
    assert check()[0] == []
    assert "it was saved again" in check()[1][0]
    change(root, flip=True)
    assert "nor are its persons, labels and splits" in check()[0][0]
    assert check_files(peta.read_peta(root, "random0", "35"), peta.SOURCE, partial=True)[0] == []


def textured(rng, height=96, width=48):
    """Return a picture with structure, as a person has and noise has not."""
    coarse = rng.integers(0, 256, (12, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def test_a_copy_with_other_compression_or_size_is_found_in_another_split(root):
    rng = np.random.default_rng(0)
    dataset = peta.read_peta(root, "random0", "35")
    for path in dataset.manifest["path"]:
        textured(rng).save(root / path)
    train, val, test = (dataset.manifest["path"].iloc[dataset.rows(s)] for s in
                        ("train", "val", "test"))  # fmt: skip
    picture = Image.open(root / train.iloc[2]).convert("RGB")
    picture.resize((24, 48)).save(root / "x.jpg", quality=70)
    Image.open(root / "x.jpg").save(root / val.iloc[1])
    picture.save(root / "x.jpg", quality=50)
    Image.open(root / "x.jpg").save(root / test.iloc[3])
    (root / "x.jpg").unlink()
    notes = [note for note in verify(dataset, {}).notes if "looks the same" in note]
    assert f"{val.iloc[1]} (val) looks the same as {train.iloc[2]} (train)" in notes
    assert f"{test.iloc[3]} (test) looks the same as {train.iloc[2]} (train)" in notes
    assert f"{test.iloc[3]} (test) looks the same as {val.iloc[1]} (val)" in notes
    assert len(notes) == 3


def slow_pairs(grey, split, splits):
    """Compare every two pictures, one bit after the other."""
    code = [[int(g[y, x + 1] > g[y, x]) for y in range(16) for x in range(8)] for g in grey]
    found = []
    for k, one in enumerate(splits):
        for other in splits[k + 1 :]:
            for row in np.flatnonzero(split == other):
                like = []
                for twin in np.flatnonzero(split == one):
                    apart = sum(a != b for a, b in zip(code[row], code[twin], strict=True))
                    level = np.abs(grey[row].astype(float) - grey[twin].astype(float)).mean()
                    if apart <= BITS and level <= LEVELS:
                        like.append((level, int(twin)))
                if like:
                    found.append((int(row), min(like)[1]))
    return found


def test_near_pairs_are_those_of_a_loop(monkeypatch):
    rng = np.random.default_rng(1)
    base = rng.integers(0, 250, (12, 16, 9))
    grey = np.clip(base[rng.integers(0, 12, 60)] + rng.integers(-3, 4, (60, 16, 9)), 0, 255)
    grey = grey.astype(np.uint8)
    split = rng.choice(["train", "val", "test", ""], 60)
    monkeypatch.setattr("clear_bench.data.near_duplicates.BLOCK", 30)
    found = near_pairs(grey, split, ("train", "val", "test"))
    assert sorted(found) == sorted(slow_pairs(grey, split, ("train", "val", "test")))
    assert len(found) > 20


@pytest.mark.slow
def test_a_hundred_thousand_pictures_take_a_minute_at_most():
    grey = np.random.default_rng(0).integers(0, 256, (100_000, 16, 9), dtype=np.uint8)
    split = np.repeat(["train", "val", "test"], [80_000, 10_000, 10_000])
    start = time.monotonic()
    assert near_pairs(grey, split, ("train", "val", "test")) == []
    assert time.monotonic() - start < 60
    assert hashes(grey[:3]).shape == (3, 2)


def made(labels, groups=("", "", "")):
    schema = Schema(tuple(Attribute(n, "wearing", n, f"no {n}", group=g)
                          for n, g in zip("abc", groups, strict=True)))  # fmt: skip
    head = pd.DataFrame({"path": [f"{k}.png" for k in range(len(labels))], "split": "train",
                         "person": "1", "camera": ""})  # fmt: skip
    table = pd.concat([head, pd.DataFrame(labels, columns=list("abc")).astype(np.uint8)], axis=1)
    return Dataset("made", "s", "l", peta.Path(), schema, table)


def test_attributes_that_never_meet():
    labels = [[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 0]]
    table = never_meet(made(labels))
    assert table.values.tolist() == [["a", "b", 1.0], ["b", "c", 0.5]]
    assert len(never_meet(made(labels, ("g", "g", "")))) == 1  # a group is not to meet
    assert len(never_meet(made([[0, 0, 0], [1, 0, 0]]))) == 0  # nobody has b or c


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["data", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main(command.app)
    return left.value.code


def test_the_answer_is_short_and_long_if_asked(root, tmp_path, monkeypatch, capsys):
    assert call(monkeypatch, "verify", "peta", "--data-root", root) == 0
    short = capsys.readouterr().out.splitlines()
    assert len(short) < 30
    assert short[0].startswith("PETA, split random0, label set 35: nothing wrong, ")
    assert short[-1].startswith(f"{root}: nothing is wrong; ")
    assert call(monkeypatch, "verify", "peta", "--data-root", root, "--all") == 0
    long = capsys.readouterr().out
    assert "positive images" in long
    assert "personalMale" in long
    change(root, flip=True)
    assert call(monkeypatch, "verify", "peta", "--data-root", root) == 2
    said = capsys.readouterr()
    assert "1 wrong" in said.out.splitlines()[0]
    assert said.err.strip().endswith("1 thing is wrong, see above")


def test_a_sheet_of_ten_pictures_an_attribute(root, tmp_path, monkeypatch, capsys):
    out = tmp_path / "sheet.png"
    words = ("verify", "peta", "--data-root", root, "--sheet", out)
    assert call(monkeypatch, *words) == 0
    dataset = peta.read_peta(root, "random0", "35")
    page = np.asarray(Image.open(out))
    assert page.shape[0] == 35 * 96
    rows = np.flatnonzero(dataset.labels[:, 3])
    first = read_image(root / dataset.manifest["path"].iloc[rows[0]], (96, 48))
    left = page.shape[1] - 10 * 48
    assert (page[3 * 96 : 4 * 96, left : left + 48] == first).all()
    assert call(monkeypatch, *words, "--annotation-only") == 2
    assert "--sheet shows pictures" in capsys.readouterr().err
    with pytest.raises(UserError, match="must end as a picture's"):
        attribute_sheet(dataset, tmp_path / "sheet.xyz")


def test_the_known_files_are_named_as_readers_name_them():
    for name in ("peta", "market1501"):
        source = find_source(name)
        assert all(len(sha) == 64 for sha in source.files.values())
        keys = {f"{s}/{labels}" for s in source.splits for labels in source.label_sets}
        assert set(source.digests) <= keys
