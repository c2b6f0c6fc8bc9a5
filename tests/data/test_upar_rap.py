"""UPAR's tables, domains and splits; RAP's unsure labels, tracks and the mixing of its versions."""

import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
from layouts import draw
from releases import RAP_COUNT, RELEASES, write_peta_folders, write_rapv1, write_rapv2, write_upar
from scipy.io import loadmat

from clear_bench.data.reading.release_files import look_through
from clear_bench.data.sets import peta, peta_folders, rapv1, rapv2, upar
from clear_bench.data.sets import rap_shared as rap
from clear_bench.data.sets.upar_labels import CATEGORIES, SCHEMA
from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.utils.errors import UserError

COLORS = "Black Blue Brown Green Grey Orange Pink Purple Red White Yellow Other"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("upar") / "upar"
    write_upar(root)
    return root


def domains(dataset, *splits):
    """Return which domains some splits of a data set have."""
    table = dataset.manifest[dataset.manifest["split"].isin(splits)]
    return set(table["path"].str.split("/").str[0])


def test_forty_labels_in_twelve_categories():
    assert [len(members) for members in CATEGORIES.values()] == [
        3,
        1,
        3,
        1,
        12,
        1,
        12,
        2,
        1,
        1,
        2,
        1,
    ]
    assert len(SCHEMA) == 40
    assert SCHEMA.names[8:20] == [f"UpperBody-Color-{c}" for c in COLORS.split()]


@pytest.mark.parametrize("split", upar.OURS)
def test_who_trains_and_who_tests(whole, split):
    dataset = upar.read_upar(whole, split, "40")
    trained, tested = domains(dataset, "train", "val"), domains(dataset, "test")
    every = set(upar.DOMAINS.values())
    kind, _, key = split.partition("-")
    one = {upar.DOMAINS.get(key)}
    assert (trained, tested) == {
        "all": (every, every),
        "cv": (one, every - one),
        "loo": (every - one, one),
        "upar2024": (every, {"MEVID"}),
    }[kind]


def test_labels_are_those_of_the_table(whole):
    dataset = upar.read_upar(whole, "all", "40")
    table = pd.concat(
        pd.read_csv(whole / f"annotations/task1/{part}/gt.csv", index_col=0)
        for part in ("train", "val")
    )
    assert (table.loc[dataset.manifest["path"]].to_numpy() == dataset.labels).all()
    market = dataset.manifest[dataset.manifest["path"].str.startswith("Market1501")]
    assert set(market["person"]) == {f"Market1501/{n:04d}" for n in [*range(1, 7), *range(11, 17)]}


def test_the_other_header_and_other_folders_read_alike(whole, tmp_path):
    root = tmp_path / "upar"
    write_upar(root, first="# ", short=True)
    for old, new in (
        ("Market1501", "Market-1501-v15.09.15"),
        ("PA100k/release_data/release_data", "PA100k/data"),
        ("RAP2", "RAPv2"),
    ):
        (root / old).rename(root / new)
    one, other = (upar.read_upar(r, "all", "40") for r in (whole, root))
    assert (one.labels == other.labels).all()
    assert one.manifest["split"].tolist() == other.manifest["split"].tolist()
    assert one.manifest["path"].iloc[0].startswith("Market1501/")
    assert other.manifest["path"].iloc[0].startswith("Market-1501-v15.09.15/")


def test_petas_original_folders_are_found_by_number(whole, tmp_path, monkeypatch):
    root = tmp_path / "upar"
    shutil.copytree(whole, root)
    shutil.rmtree(root / "PETA")
    write_peta_folders(root / "PETA")
    monkeypatch.setattr(peta, "IMAGES", 80)
    dataset = upar.read_upar(root, "loo-peta", "40")
    plain = upar.read_upar(whole, "loo-peta", "40")
    tree = look_through(root)
    listed = peta_folders.list_pictures(tree, peta_folders.find_sources(tree))
    for mine, theirs in zip(
        dataset.manifest["path"].iloc[dataset.rows("test")],
        plain.manifest["path"].iloc[plain.rows("test")],
        strict=True,
    ):
        assert mine == listed[int(theirs.split("/")[-1].split(".")[0]) - 1].path


def test_broken_tables(whole, tmp_path):
    root = tmp_path / "upar"
    shutil.copytree(whole, root)
    path = root / "annotations/task1/val/gt.csv"
    lines = path.read_text().splitlines()
    for changed, message in (
        ([lines[0], lines[1][:-1] + "2"], "line 2: Accessory-Hat is '2', must be 0 or 1"),
        ([lines[0], lines[1][:-2]], "40 columns and header image, Age-Young"),
        ([lines[0].replace("Age-Young", "Age-Yung"), lines[1]], "header image, Age-Yung"),
        ([], "not a table"),
    ):
        path.write_text("\n".join(changed))
        with pytest.raises(UserError, match=message) as caught:
            upar.read_upar(root, "all", "40")
        assert "val/gt.csv" in str(caught.value)
    path.unlink()
    with pytest.raises(UserError, match="no table of val"):
        upar.read_upar(root, "all", "40")


def test_a_split_without_pictures_and_a_test_domain_that_is_not_new(whole, tmp_path):
    root = tmp_path / "upar"
    shutil.copytree(whole / "annotations", root / "annotations")
    for part in ("train", "val"):
        path = root / f"annotations/task1/{part}/gt.csv"
        lines = [line for line in path.read_text().splitlines() if not line.startswith("RAP2")]
        path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match="split loo-rapv2 has no test pictures"):
        upar.read_upar(root, "loo-rapv2", "40", images=False)
    path = root / "annotations/task1/test/gt.csv"
    path.write_text(path.read_text().replace("MEVID", "PETA"))
    with pytest.raises(UserError, match=r"test\.csv has PETA, as train\.csv has"):
        upar.read_upar(root, "upar2024", "40", images=False)


@pytest.mark.parametrize("number", [0, 8])
def test_partitions_of_the_first_release(whole, number):
    """The file lists labels in another order, and test pictures as one array a domain."""
    ours = upar.read_upar(whole, "all", "40")
    theirs = upar.read_upar(whole, f"partition{number}", "40")
    assert theirs.schema == ours.schema
    assert theirs.checksum == ours.checksum


def test_a_broken_first_release(whole, tmp_path):
    content = pickle.loads((whole / "dataset_all.pkl").read_bytes())  # noqa: S301 - ours
    path = tmp_path / "dataset_all.pkl"
    with pytest.raises(UserError, match=r"dataset_all\.pkl: no such file"):
        upar.read_upar(tmp_path, "partition1", "40", images=False)
    for changed, message in (
        ({"attr_name": content["attr_name"][1:]}, "and 39 names"),
        ({"attr_name": None}, "not UPAR's annotation"),
        ({"label": content["label"] * 2}, "is 2, must be 0 or 1"),
        ({"partition": {"train": []}}, "not UPAR's annotation"),
        ({"partition": {"train": [[0]] * 9, "test": [[0]] * 9}}, "or one of another part"),
    ):
        path.write_bytes(pickle.dumps({**content, **changed}))
        with pytest.raises(UserError, match=message) as caught:
            upar.read_upar(tmp_path, "partition1", "40", images=False)
        assert str(path) in str(caught.value)


def test_unsure_labels_follow_the_label_set(tmp_path, monkeypatch):
    for module, write, base in ((rapv1, write_rapv1, "51"), (rapv2, write_rapv2, "54")):
        monkeypatch.setattr(module, "IMAGES", RAP_COUNT)
        root = tmp_path / base
        write(root)
        raw = loadmat(root / "RAP_annotation/RAP_annotation.mat")["RAP_annotation"][0, 0]
        if base == "51":
            labels = raw["label"][:, :51]
        else:
            labels = raw["data"][:, raw["selected_attribute"].ravel() - 1]
        assert (labels == 2).any()
        zero = module.SOURCE.read(root, "random0", base).labels
        one = module.SOURCE.read(root, "random0", f"{base}-unsure1").labels
        masked = module.SOURCE.read(root, "random0", f"{base}-unsure-masked").labels
        assert (zero == (labels == 1)).all()
        assert (one == (labels >= 1)).all()
        assert (masked == np.where(labels == 2, UNKNOWN, labels)).all()


def test_rapv2_persons_and_its_53(tmp_path, monkeypatch):
    root = RELEASES["rapv2"].make(tmp_path / "rap", monkeypatch)
    dataset = rapv2.read_rapv2(root, "random0", "53")
    assert "Age46-60" not in dataset.schema.names
    persons = dataset.manifest["person"].tolist()
    assert persons[2:4] == ["1", "1"]
    # Identity 0 is nobody, and -1 is not labelled: the track stands in, two frames of one clip.
    assert persons[0].startswith("CAM01/20140215161032-20140215162620/")
    assert persons[-1].endswith(f"/{(RAP_COUNT - 1) // 2}")
    assert set(dataset.manifest["camera"]) == {f"CAM{k:02d}" for k in range(1, 8)}


def test_rapv1_val_is_made_of_whole_tracks(tmp_path, monkeypatch):
    root = RELEASES["rapv1"].make(tmp_path / "rap", monkeypatch)
    dataset = rapv1.read_rapv1(root, "random3", "51")
    people = dataset.manifest.groupby("split")["person"].agg(set)
    assert not people["val"] & people["train"]
    raw = loadmat(root / "RAP_annotation/RAP_annotation.mat")["RAP_annotation"][0, 0]
    rows = raw["partion"][3, 0][0, 0]["test_index"].ravel() - 1
    assert dataset.rows("test").tolist() == sorted(rows)


def test_one_version_of_rap_is_not_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(rapv1, "IMAGES", RAP_COUNT)
    monkeypatch.setattr(rapv2, "IMAGES", RAP_COUNT)
    write_rapv1(tmp_path / "one")
    write_rapv2(tmp_path / "two")
    with pytest.raises(UserError, match="no field 'name'; it has partion, label"):
        rapv2.read_rapv2(tmp_path / "one", "random0", "54")
    with pytest.raises(UserError, match="no field 'imagesname'"):
        rapv1.read_rapv1(tmp_path / "two", "random0", "51")


def test_another_picture_name_is_a_track_of_its_own(tmp_path):
    assert rap.tracks(["a.png", "b.png"]) == (["a.png", "b.png"], ["", ""])
    draw(tmp_path / "x.png", np.random.default_rng(0))
    draw(tmp_path / "anywhere/y.png", np.random.default_rng(0))
    with pytest.raises(UserError, match=r"1 of 1 images missing, .* in \., anywhere; get it"):
        rap.find_images(look_through(tmp_path), ["z.png"], "get it")
    assert rap.find_images(look_through(tmp_path), ["Y.jpg"], "get it") == ["anywhere/y.png"]
