"""PETA beyond its numbered release: the original ten folders, and the splits made from labels."""

import json
from pathlib import Path

import numpy as np
import pytest
from releases import PETA_COUNT, write_peta_folders, write_peta_numbered
from scipy.io import loadmat

from clear_bench.data.sets import peta, peta_folders
from clear_bench.data.verify import facts
from clear_bench.utils.errors import UserError

REAL = Path(__file__).parents[3] / "shared/data/PETA"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real PETA in {REAL}")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(peta, "IMAGES", PETA_COUNT)
    root = tmp_path / "zehn Ördner"
    return root, write_peta_folders(root)


@pytest.mark.parametrize("inside", ["PETA dataset", ""])
def test_ten_folders_give_the_labels_of_label_txt(folders, inside):
    root, labels = folders
    if not inside:
        for folder in (root / "PETA dataset").iterdir():
            folder.rename(root / folder.name)
    dataset = peta.read_peta(root, "random1", "105")
    assert (dataset.labels == labels).all()
    assert (root / dataset.manifest["path"].iloc[17]).is_file()
    rows = loadmat(root / "PETA.mat")["peta"][0, 0]["partion_attribute"][1, 0][0, 0]["test"]
    assert dataset.rows("test").tolist() == sorted(rows.ravel() - 1)


def test_ten_folders_number_persons_as_the_numbered_release(folders):
    root, _ = folders
    manifest = peta.read_peta(root, "ids0", "35").manifest
    sources = [peta_folders.SOURCES.index(Path(p).parts[1]) for p in manifest["path"]]
    first = [int(Path(p).name.replace(".", "_").split("_")[0]) for p in manifest["path"]]
    pairs = list(zip(sources, first, strict=True))
    expected = {pair: str(k + 1) for k, pair in enumerate(sorted(set(pairs)))}
    assert manifest["person"].tolist() == [expected[pair] for pair in pairs]


def test_ten_folders_without_the_mat_file_have_no_official_partition(folders):
    root, labels = folders
    before = peta.read_peta(root, "ids0", "35")
    (root / "PETA.mat").unlink()
    after = peta.read_peta(root, "ids0", "35")
    assert after.checksum == before.checksum
    assert (after.labels == labels[:, :35]).all()
    with pytest.raises(UserError, match=r"PETA\.mat: no such file"):
        peta.read_peta(root, "random0", "35")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9 personalMale\n9 hairLong\n", "person 9 is there twice"),
        ("9 personalMael\n", "line 1: label 'personalMael' is none of PETA's"),
        ("nine personalMale\n", "'nine' does not begin with the number of a person"),
        ("9 personalMale\n", "no line for its person in Label.txt"),
    ],
)
def test_broken_label_file(folders, text, message):
    root, _ = folders
    (root / "PETA dataset/CUHK/archive/Label.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        peta.read_peta(root, "ids0", "35")


def test_a_missing_source_and_a_missing_picture(folders):
    root, _ = folders
    picture = root / "PETA dataset/MIT/archive/00009_male_back.jpg"
    picture.unlink()
    with pytest.raises(UserError, match="79 images in the ten folders, must be 80"):
        peta.read_peta(root, "ids0", "35")
    (root / "PETA dataset/PRID").rename(root / "elsewhere")
    with pytest.raises(UserError, match="no pictures in PRID/archive"):
        peta.read_peta(root, "ids0", "35")


def test_ids0_keeps_persons_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(peta, "IMAGES", PETA_COUNT)
    write_peta_numbered(tmp_path / "peta")
    dataset = peta.read_peta(tmp_path / "peta", "ids0", "35")
    people = dataset.manifest.groupby("split")["person"].agg(set)
    assert [len(people[s]) for s in ("train", "val", "test")] == [20, 4, 16]
    assert not people["train"] & people["val"]
    assert not people["test"] & (people["train"] | people["val"])


def test_zero_shot_split_comes_from_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr(peta, "IMAGES", PETA_COUNT)
    root = tmp_path / "peta"
    write_peta_numbered(root)
    parts = json.loads((root / "zs.json").read_text())
    dataset = peta.read_peta(root, "zs", "35")
    for part, rows in parts.items():
        wanted = [f"images/{row + 1:05d}.png" for row in rows]
        assert dataset.manifest["path"].iloc[dataset.rows(part)].tolist() == wanted
    for broken, message in (
        ({**parts, "val": [0]}, "val has an image twice or one of another part"),
        ({**parts, "val": [PETA_COUNT]}, "val names image 81, there are 80"),
        ({"train": parts["train"]}, "no list of image numbers for 'val'"),
        ([1], "not a mapping"),
    ):
        (root / "zs.json").write_text(json.dumps(broken))
        with pytest.raises(UserError, match=message):
            peta.read_peta(root, "zs", "35")
    (root / "zs.json").unlink()
    with pytest.raises(UserError, match=r"zs\.json: no such file, nor .* dataset_zs_run0\.pkl"):
        peta.read_peta(root, "zs", "35")


def sal_by_loop(labels):
    """Return train and test categories (tuples) as SAL's code finds them, one image at a time."""
    images = {}
    for row, vector in enumerate(labels.tolist()):
        images.setdefault(tuple(vector), []).append(row)
    shared = [key for key, rows in images.items() if len(rows) > 1]
    np.random.seed(1)  # noqa: NPY002 - SAL does
    drawn = np.random.choice(len(shared), len(shared) - 200, replace=False)  # noqa: NPY002
    train = {shared[k] for k in drawn}
    return train, set(shared) - train


@needs_real
def test_real_sal200_is_sals_own_split():
    dataset = peta.read_peta(REAL, "sal200", "105")
    whole = peta.read_peta(REAL, "random0", "105")
    train, test = sal_by_loop(whole.labels)
    trained = np.concatenate([dataset.rows("train"), dataset.rows("val")])
    assert {tuple(v) for v in dataset.labels[trained].tolist()} == train
    assert {tuple(v) for v in dataset.labels[dataset.rows("test")].tolist()} == test
    counts = facts(dataset)
    official = peta.SOURCE.official["sal200/105"]
    assert {name: counts[name] for name in official} == official
    assert counts["images test, person in train+val"] == 0


@needs_real
def test_real_mapping_file_orders_pictures_as_the_reader_does():
    lines = (REAL / "peta_file_mapping.txt").read_text(encoding="utf-8").split("\n")
    pairs = [line.strip().split(",") for line in lines if line.strip()]
    by_number = sorted(pairs, key=lambda pair: pair[1])
    names = [tuple(old.split("/")[2::2]) for old, _ in by_number]
    order = {source: k for k, source in enumerate(peta_folders.SOURCES)}
    assert names == sorted(names, key=lambda n: (order[n[0]], n[1].encode()))
    data = loadmat(REAL / "PETA.mat")["peta"][0, 0]["data"]
    pictures = [
        peta_folders.Picture("", source, peta_folders._number(name, REAL)) for source, name in names
    ]
    assert peta_folders.person_numbers(pictures) == [str(p) for p in data[:, 1]]
