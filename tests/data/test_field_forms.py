"""`dataset_all.pkl`, ALM's lists and PA-100K's tables read as the official annotation does."""

import pickle

import numpy as np
import pytest
from field_forms import replace_by_lists, replace_by_pickle, replace_by_tables
from releases import RELEASES, write_peta_folders, write_peta_lists

from clear_bench.data.load import find_source
from clear_bench.data.sets import peta
from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.utils.errors import UserError


def read(name, root, split=0):
    source = find_source(name)
    return source.read(root, source.splits[split], source.label_sets[0])


@pytest.mark.parametrize("name", ["pa100k", "peta", "rapv1", "rapv2"])
def test_the_fields_pickle_is_the_annotation(tmp_path, monkeypatch, name):
    root = RELEASES[name].make(tmp_path / "copy", monkeypatch)
    splits = (0,) if name == "pa100k" else (0, 3)
    before = [read(name, root, k) for k in splits]
    path = replace_by_pickle(root, name)
    for official, k in zip(before, splits, strict=True):
        found = read(name, root, k)
        assert found.schema == official.schema
        same = ["path", "camera", *found.schema.names]
        same += [] if name == "rapv1" else ["split"]  # whose val is made of tracks, as before
        assert found.manifest[same].equals(official.manifest[same])
        if name in ("pa100k", "rapv1"):  # persons of the others are in the official file alone
            assert found.checksum == official.checksum
    content = pickle.loads(path.read_bytes())  # noqa: S301 - ours
    for change, message in (
        ({"attr_name": [f"x{n}" for n in content["attr_name"]]}, "no label "),
        ({"label": content["label"] + 5}, "must be 0"),
        ({"partition": {}}, "no partition 0 for "),
        ({"label": content["label"][1:]}, "labels of "),
        ({"image_name": None}, "not the annotation of a data set"),
    ):
        path.write_bytes(pickle.dumps({**content, **change}))
        with pytest.raises(UserError, match=message) as caught:
            read(name, root)
        assert str(path) in str(caught.value)


def test_petas_pickle_has_no_persons(tmp_path, monkeypatch):
    root = RELEASES["peta"].make(tmp_path / "copy", monkeypatch)
    replace_by_pickle(root, "peta")
    assert peta.read_peta(root, "random0", "35").manifest["person"].nunique() == 80
    with pytest.raises(UserError, match=r"dataset_all\.pkl: has no persons, which split ids0"):
        peta.read_peta(root, "ids0", "35")


@pytest.mark.parametrize("replace", [replace_by_tables, replace_by_lists])
def test_pa100k_as_tables_and_as_lists(tmp_path, monkeypatch, replace):
    root = RELEASES["pa100k"].make(tmp_path / "copy", monkeypatch)
    before = read("pa100k", root)
    replace(root)
    assert read("pa100k", root).checksum == before.checksum


def test_broken_tables_of_pa100k(tmp_path, monkeypatch):
    root = RELEASES["pa100k"].make(tmp_path / "copy", monkeypatch)
    replace_by_tables(root)
    path = root / "val.csv"
    lines = path.read_text().splitlines()
    for changed, message in (
        ([lines[0], lines[1][:-1] + "2"], r"val\.csv: line 2: Female is '2', must be 0 or 1"),
        ([lines[0].replace("Hat", "Hut"), *lines[1:]], "no column 'Hat'"),
        ([lines[0].replace(",", ";"), *lines[1:]], r"val\.csv: n"),
        (lines[:-1], "15 names and labels of"),
        ([], r"val\.csv: not a table"),
    ):
        path.write_text("\n".join(changed))
        with pytest.raises(UserError, match=message):
            read("pa100k", root)


def test_alms_lists_of_peta_give_their_own_split_in_every_layout(tmp_path, monkeypatch):
    monkeypatch.setattr(peta, "IMAGES", 80)
    ten = tmp_path / "ten"
    labels = write_peta_folders(ten)
    paths = peta.read_peta(ten, "ids0", "35").manifest["path"]
    names = [path.removeprefix("PETA dataset/") for path in paths]
    write_peta_lists(ten, names, labels)
    split = peta.read_peta(ten, "alm", "35")
    assert np.flatnonzero(split.manifest["split"] == "test").tolist() == list(range(0, 80, 3))
    people = split.manifest.groupby("split")["person"].agg(set)
    assert not people["val"] & people["train"]
    # The numbered layout with the lists alone: the same labels, persons and split.
    numbered = tmp_path / "numbered"
    (numbered / "images").mkdir(parents=True)
    for number, path in enumerate(split.manifest["path"], start=1):
        (numbered / f"images/{number:05d}.png").symlink_to(ten / path)
    for part in ("train", "test"):
        (ten / f"PETA_{part}_list.txt").rename(numbered / f"PETA_{part}_list.txt")
    found = peta.read_peta(numbered, "alm", "35")
    assert found.manifest.drop(columns="path").equals(split.manifest.drop(columns="path"))
    with pytest.raises(UserError, match="has the evaluated labels alone, not all 105"):
        peta.read_peta(numbered, "alm", "105")
    with pytest.raises(UserError, match=r"no official partition, PETA\.mat does"):
        peta.read_peta(numbered, "random0", "35")
    file = numbered / "PETA_test_list.txt"
    lines = file.read_text().splitlines()
    for changed, message in (
        ([lines[0] + "2", *lines[1:]], "line 1: must be a picture and 35 labels of 0 and 1"),
        ([*lines, lines[0]], "is in the two lists twice"),
        ([lines[0].replace("archive", "x").replace("/x/", "/"), *lines[1:]], "none of PETA's ten"),
        ([], "no pictures in it"),
    ):
        file.write_text("\n".join(changed))
        with pytest.raises(UserError, match=message):
            peta.read_peta(numbered, "alm", "35")


def test_alms_lists_of_rap_with_and_without_the_official_file(tmp_path, monkeypatch):
    root = RELEASES["rapv1"].make(tmp_path / "copy", monkeypatch)
    source = find_source("rapv1")
    both = source.read(root, "alm", "51")
    test = {line.split()[0] for line in (root / "test.txt").read_text().splitlines()}
    rows = both.manifest[both.manifest["split"] == "test"]
    assert {path.split("/")[-1] for path in rows["path"]} == test
    (root / "RAP_annotation/RAP_annotation.mat").unlink()
    alone = source.read(root, "alm", "51")
    assert alone.manifest[["path", "split", "person"]].equals(
        both.manifest[["path", "split", "person"]]
    )
    assert (alone.labels == both.labels).all()
    # As in the real test list, some labels of which are 2.
    file = root / "test.txt"
    first, *others = file.read_text().splitlines()
    name, *values = first.split()
    file.write_text("\n".join([" ".join([name, "2", *values[1:]]), *others]))
    place = alone.manifest["path"].str.endswith(name).to_numpy().argmax()
    for rule, meaning in (("", 0), ("-unsure1", 1), ("-unsure-masked", UNKNOWN)):
        assert source.read(root, "alm", f"51{rule}").labels[place, 0] == meaning
    file.write_text("\n".join([" ".join([name, "3", *values[1:]]), *others]))
    with pytest.raises(UserError, match="51 labels of 0 to 2"):
        source.read(root, "alm", "51")
