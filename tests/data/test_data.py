"""Schema, manifest, PETA's reader, image decoding, verification."""

from pathlib import Path

import numpy as np
import pytest
from layouts import write_peta
from PIL import Image
from scipy.io import loadmat, savemat

from clear_bench.data import images
from clear_bench.data.dataset import Dataset, categories
from clear_bench.data.images import image_store, read_image
from clear_bench.data.load import load_dataset
from clear_bench.data.reading.matfile import check_labels, whole_numbers
from clear_bench.data.schema import Attribute, Schema
from clear_bench.data.sets import peta
from clear_bench.data.verify import verify
from clear_bench.utils.errors import UserError

REAL = Path(__file__).parents[3] / "shared/data/PETA"
COUNT = 40


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(peta, "IMAGES", COUNT)
    write_peta(tmp_path / "PETÄ", COUNT)
    return tmp_path / "PETÄ"


def test_grouped_one_hot_by_hand():
    schema = Schema(
        (
            Attribute("red", "wearing", "red", "no red", group="color"),
            Attribute("hat", "wearing", "a hat", "no hat"),
            Attribute("blue", "wearing", "blue", "no blue", group="color"),
        )
    )
    got = schema.one_hot(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.uint8))
    #                red blue none | hat none
    assert got.tolist() == [[1, 0, 0, 0, 1], [0, 0, 1, 1, 0], [0, 1, 0, 0, 1]]
    assert Schema.from_json(schema.to_json()) == schema
    with pytest.raises(UserError, match="did you mean hat"):
        schema.index("hatt")


def test_categories_are_exact_vectors():
    labels = np.array([[1, 0], [0, 1], [1, 0]], np.uint8)
    vectors, index = categories(labels)
    assert vectors.tolist() == [[0, 1], [1, 0]]
    assert index.tolist() == [1, 0, 1]


@pytest.mark.parametrize(("label_set", "width"), [("35", 35), ("105", 105)])
def test_peta_reads_what_the_file_says(root, label_set, width):
    dataset = peta.read_peta(root, "random2", label_set)
    raw = loadmat(root / "PETA.mat")["peta"][0, 0]
    assert dataset.labels.shape == (COUNT, width)
    assert (dataset.labels == raw["data"][:, 4 : 4 + width]).all()
    rows = raw["partion_attribute"][2, 0][0, 0]["test"].ravel() - 1
    assert dataset.rows("test").tolist() == sorted(rows)
    assert dataset.manifest["path"].iloc[6] == "images/00007.png"
    assert dataset.manifest["person"].iloc[6] == "4"


def test_suffixes_of_any_case_give_the_same_labels(root):
    before = peta.read_peta(root, "random0", "35")
    (root / "images/00003.png").rename(root / "images/00003.PNG")
    after = peta.read_peta(root, "random0", "35")
    assert after.manifest["path"].iloc[2] == "images/00003.PNG"
    assert (before.labels == after.labels).all()


def test_manifest_survives_the_disk(root, tmp_path):
    dataset = peta.read_peta(root, "random0", "35")
    dataset.save(tmp_path / "form")
    again = Dataset.load(tmp_path / "form", root, "peta", "random0", "35")
    assert again.checksum == dataset.checksum
    assert again.schema == dataset.schema


def _change(root, **fields):
    raw = loadmat(root / "PETA.mat")["peta"]
    content = {name: raw[0, 0][name] for name in raw.dtype.names}
    content.update(fields)
    savemat(root / "PETA.mat", {"peta": content})


def test_broken_annotation_names_file_and_cause(root):
    data = loadmat(root / "PETA.mat")["peta"][0, 0]["data"]
    high = data.copy()
    high[4, 6] = 7
    _change(root, data=high)
    with pytest.raises(UserError, match=r"PETA\.mat: image 00005: .* is 7, must be 0 or 1"):
        peta.read_peta(root, "random0", "35")
    _change(root, data=data[:-1])
    with pytest.raises(UserError, match="must be"):
        peta.read_peta(root, "random0", "35")
    (root / "PETA.mat").write_bytes((root / "PETA.mat").read_bytes()[:300])
    with pytest.raises(UserError, match="not a readable MAT-file"):
        peta.read_peta(root, "random0", "35")
    (root / "PETA.mat").unlink()
    with pytest.raises(UserError, match="no such file"):
        peta.read_peta(root, "random0", "35")


def test_missing_images_and_folders(root):
    (root / "images/00009.png").unlink()
    with pytest.raises(UserError, match="1 of 40 images missing, the first is 00009"):
        peta.read_peta(root, "random0", "35")
    with pytest.raises(UserError, match="To obtain it"):
        load_dataset("peta", root / "nowhere")
    with pytest.raises(UserError, match="did you mean peta"):
        load_dataset("petta", root)


def test_store_equals_reading_each_file(root, tmp_path):
    dataset = peta.read_peta(root, "random0", "35")
    store = image_store(dataset, (16, 8), tmp_path / "cache")
    assert store.readable.all()
    for row in (0, 17, COUNT - 1):
        one = read_image(root / dataset.manifest["path"].iloc[row], (16, 8))
        assert (store.pixels[row] == one).all()
    modified = store.file.stat().st_mtime_ns
    assert image_store(dataset, (16, 8), tmp_path / "cache").file.stat().st_mtime_ns == modified


def test_every_broken_image_is_listed_or_left_out(root, tmp_path):
    whole = (root / "images/00002.png").read_bytes()
    (root / "images/00002.png").write_bytes(whole[: len(whole) // 2])
    (root / "images/00011.png").write_bytes(b"no image at all")
    dataset = peta.read_peta(root, "random0", "35")
    with pytest.raises(UserError, match="2 image files of peta cannot be read") as caught:
        image_store(dataset, (16, 8), tmp_path / "cache")
    assert "00002.png" in str(caught.value)
    assert "00011.png" in str(caught.value)
    assert not list((tmp_path / "cache").glob("*/pixels.npy"))
    kept = image_store(dataset, (16, 8), tmp_path / "cache", skip_unreadable=True)
    assert np.flatnonzero(~kept.readable).tolist() == [1, 10]


def test_verify_counts_and_complains(root):
    dataset = peta.read_peta(root, "random0", "35")
    rows = {part: dataset.rows(part) for part in ("train", "val", "test")}
    (root / dataset.manifest["path"][rows["test"][0]]).write_bytes(
        (root / dataset.manifest["path"][rows["train"][0]]).read_bytes()
    )
    (root / dataset.manifest["path"][rows["val"][0]]).write_bytes(b"")
    findings = verify(dataset, {"images": 41, "images test": len(rows["test"])})
    assert findings.facts["images train+val"] == len(rows["train"]) + len(rows["val"])
    trained = set(dataset.manifest["person"][[*rows["train"], *rows["val"]]])
    shared = sum(p in trained for p in dataset.manifest["person"][rows["test"]])
    assert findings.facts["images test, person in train+val"] == shared
    assert len(findings.wrong) == 2
    assert "official release has 41" in findings.wrong[0]
    twins = [note for note in findings.notes if "is the same file as" in note]
    assert twins == [
        f"{dataset.manifest['path'][rows['test'][0]]} (test) is the same file as "
        f"{dataset.manifest['path'][rows['train'][0]]} (train)"
    ]
    people = [set(dataset.manifest["person"][rows[part]]) for part in ("train", "test")]
    assert f"{len(people[0] & people[1])} persons are in both train and test" in findings.notes
    column = dataset.labels[rows["val"]].sum(axis=0)
    assert (findings.attributes["val"].to_numpy() == column).all()


def test_grey_and_transparent_images_become_rgb(tmp_path):
    Image.new("L", (10, 20), 7).save(tmp_path / "grey.png")
    Image.new("RGBA", (10, 20), (1, 2, 3, 0)).save(tmp_path / "clear.png")
    assert read_image(tmp_path / "grey.png", (20, 10)).tolist()[0][0] == [7, 7, 7]
    assert read_image(tmp_path / "clear.png", (20, 10)).shape == (20, 10, 3)
    assert images.RESAMPLING


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real PETA in {REAL}")
def test_real_peta_shows_the_official_counts():
    from clear_bench.data.verify import facts

    for split in ("random0", "random3"):
        dataset = peta.read_peta(REAL, split, "35")
        counts = facts(dataset)
        official = peta.SOURCE.official[f"{split}/35"]
        assert {name: counts[name] for name in official} == official
    first = facts(peta.read_peta(REAL, "random0", "35"))
    assert round(first["images test, person in train+val"] / first["images test"], 3) == 0.577


@pytest.mark.parametrize("bad", [0.5, np.nan, 2, -1])
def test_a_label_that_is_not_one_is_never_rounded(bad):
    with pytest.raises(UserError, match="image 00002: hat is"):
        check_labels(np.array([[1.0], [bad]]), ["hat"], 1, "file")
    with pytest.raises(UserError, match="not whole numbers"):
        whole_numbers(np.array([[1.0, 0.5]]), "rows")


def test_other_attributes_than_the_evaluated_ones_are_refused(root):
    content = loadmat(root / "PETA.mat", struct_as_record=True)["peta"]
    content["selected_attribute"][0, 0] = np.arange(25, 60, dtype=np.uint8)[None]
    savemat(root / "PETA.mat", {"peta": content})
    with pytest.raises(UserError, match="must name the 35 evaluated attributes"):
        peta.read_peta(root, "random0", "35")
    assert len(peta.read_peta(root, "random0", "105").schema) == 105
