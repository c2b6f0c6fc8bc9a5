"""Numbers of persons, images and splits are whole or refused; no picture is in two splits."""

import json

import numpy as np
import pytest
from releases import RELEASES, write_upar
from scipy.io import loadmat, savemat

from clear_bench.data.load import find_source
from clear_bench.data.reading.matfile import check_labels, load_variables
from clear_bench.data.reading.split_rules import whole
from clear_bench.data.sets import peta
from clear_bench.utils.errors import UserError


@pytest.fixture
def root(tmp_path, monkeypatch):
    return RELEASES["peta"].make(tmp_path / "peta", monkeypatch)


@pytest.mark.parametrize(
    "numbers", ['[0.7]', '[1.0]', '[-0.9, 1]', '["1e1"]', '["3"]', '[1e1]', '[true]', '[null]',
                '[NaN]', '[Infinity]', '[[1], [2, 3]]', '[]', '{"a": 1}', '3'],
)  # fmt: skip
def test_a_split_file_lists_whole_numbers_alone(root, numbers):
    parts = json.loads((root / "zs.json").read_text())
    text = json.dumps({p: parts[p] for p in ("train", "test")})
    (root / "zs.json").write_text(f'{text[:-1]}, "val": {numbers}}}')
    with pytest.raises(UserError, match=r"zs\.json: (no list of image numbers for 'val'|not JSON)"):
        peta.read_peta(root, "zs", "35")


def test_a_split_file_with_a_key_twice(root):
    text = (root / "zs.json").read_text()
    (root / "zs.json").write_text(f'{text[:-1]}, "val": [1]}}')
    with pytest.raises(UserError, match=r"zs\.json: not JSON \('val' is there twice\)"):
        peta.read_peta(root, "zs", "35")


@pytest.mark.parametrize(
    "values",
    [[True, False], ["1"], [1.5], [np.nan], [np.inf], [1, [2, 3]], [2**70], [b"1"], [None]],
)
def test_what_is_no_whole_number(values):
    with pytest.raises(UserError, match="odd"):
        whole(values, "odd")


def test_what_is_a_whole_number():
    for values in ([1, 2], [1.0, 2.0], np.array([1, 2], np.uint8), range(1, 3), np.array([1.0, 2])):
        assert whole(values, "odd").tolist() == [1, 2]
    assert whole([], "odd").tolist() == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1, 0, 1.5])
@pytest.mark.parametrize("name", ["peta", "upar"])
def test_a_person_is_a_whole_number(tmp_path, monkeypatch, bad, name):
    root = RELEASES["peta"].make(tmp_path / "UPAR/PETA", monkeypatch)
    raw = loadmat(root / "PETA.mat")["peta"]
    content = {n: raw[0, 0][n] for n in raw.dtype.names}
    data = content["data"].astype(float)
    data[6, 1] = bad
    savemat(root / "PETA.mat", {"peta": content | {"data": data}})
    if name == "upar":
        write_upar(tmp_path / "UPAR")
        with pytest.raises(UserError, match=r"PETA\.mat: image 00007: its person is "):
            find_source("upar").read(tmp_path / "UPAR", "all", "40")
    else:
        with pytest.raises(UserError, match=r"PETA\.mat: image 00007: its person is "):
            peta.read_peta(root, "random0", "35")


def test_a_person_of_rapv2_is_a_whole_number(tmp_path, monkeypatch):
    root = RELEASES["rapv2"].make(tmp_path / "rap", monkeypatch)
    path = root / "RAP_annotation/RAP_annotation.mat"
    raw = loadmat(path)["RAP_annotation"]
    content = {n: raw[0, 0][n] for n in raw.dtype.names}
    persons = content["person_identity"].astype(float)
    persons[2] = np.nan
    savemat(path, {"RAP_annotation": content | {"person_identity": persons}})
    with pytest.raises(UserError, match=r"mat: person_identity: not whole numbers"):
        find_source("rapv2").read(root, "random0", "54")


def test_labels_that_are_texts_are_none():
    with pytest.raises(UserError, match="file: labels are no numbers"):
        check_labels(np.array([["1"], ["0"]]), ["hat"], 1, "file")


@pytest.mark.parametrize("head", [b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512), b""])
def test_matlab_7_3_is_told_what_to_do(tmp_path, head):
    path = tmp_path / "PETA.mat"
    path.write_bytes(head + b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    with pytest.raises(UserError, match=r"PETA\.mat: a MATLAB 7\.3 .* save it with -v7, in MATLAB"):
        load_variables(path, ["peta"])


def test_the_same_picture_in_two_splits_of_upar(tmp_path, monkeypatch):
    root = RELEASES["upar"].make(tmp_path / "upar", monkeypatch)
    train, val = (root / f"annotations/task1/{part}/gt.csv" for part in ("train", "val"))
    line = train.read_text().splitlines()[1]
    val.write_text(val.read_text() + line + "\n")
    with pytest.raises(UserError, match=r"upar: Market1501/.* is in test and (train|val)"):
        find_source("upar").read(root, "all", "40")


def test_the_same_picture_in_two_parts_of_pa100k(tmp_path, monkeypatch):
    root = RELEASES["pa100k"].make(tmp_path / "pa", monkeypatch)
    content = loadmat(root / "annotation.mat")
    content["test_images_name"][3] = content["train_images_name"][5]
    kept = {k: v for k, v in content.items() if not k.startswith("__")}
    savemat(root / "annotation.mat", kept)
    with pytest.raises(UserError, match=r"pa100k: .*000006\.jpg is in test and train"):
        find_source("pa100k").read(root, "official", "26")


def test_the_same_picture_twice_in_one_split_is_said(tmp_path, monkeypatch, capsys):
    from clear_bench.data.verify import verify
    from clear_bench.training.plan import plan

    root = RELEASES["pa100k"].make(tmp_path / "pa", monkeypatch)
    content = loadmat(root / "annotation.mat")
    content["train_images_name"][3] = content["train_images_name"][5]
    kept = {k: v for k, v in content.items() if not k.startswith("__")}
    savemat(root / "annotation.mat", kept)
    dataset = find_source("pa100k").read(root, "official", "26")
    twice = dataset.manifest["path"].iloc[5]
    assert dataset.doubles == [twice]
    assert f"{twice} is listed more than once" in verify(dataset, {}).notes
    plan("strong_baseline", "pa100k", "smoke", 0, {}, root=tmp_path / "runs", data_root=root)
    assert f"1 pictures are listed more than once, such as {twice}" in capsys.readouterr().err


def test_market_identities_are_four_digits(tmp_path, monkeypatch):
    root = RELEASES["market1501"].make(tmp_path / "market", monkeypatch)
    path = root / "attribute/market_attribute.mat"
    outer = loadmat(path)["market_attribute"][0, 0]
    content = {
        p: {n: outer[p][0, 0][n] for n in outer[p][0, 0].dtype.names} for p in ("train", "test")
    }
    content["test"]["image_index"][0, 2] = np.array(["-1"])
    savemat(path, {"market_attribute": content})
    with pytest.raises(UserError, match=r"test\.image_index: '-1' is no identity like 0002"):
        find_source("market1501").read(root, "ids6", "30")
