"""Releases as people have them: other folders, other letter case, left-overs, files of a Mac."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from layouts import draw
from releases import RELEASES
from scipy.io import loadmat

from clear_bench.config.plugins import available
from clear_bench.data.load import find_source
from clear_bench.data.reading.release_files import is_junk, look_through, pick
from clear_bench.data.sets import peta, peta_folders
from clear_bench.utils.errors import UserError

OFFICIAL = [
    n
    for n in sorted(available("data set"))
    if find_source(n).generate is None and not find_source(n).own
]
REAL = Path(__file__).parents[3] / "shared/data/PETA"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """Write a small release of a name."""
    return lambda name, folder="copy": RELEASES[name].make(tmp_path / folder, monkeypatch)


def read(name, root, **more):
    source = find_source(name)
    return source.read(root, source.splits[0], source.label_sets[0], **more)


def same(one, other):
    """Compare all but where the pictures lie."""
    left, right = (d.manifest.drop(columns="path") for d in (one, other))
    assert left.equals(right)
    for a, b in zip(one.manifest["path"], other.manifest["path"], strict=True):
        assert Path(a).name.lower() == Path(b).name.lower()
        assert (other.root / b).is_file()


@pytest.mark.parametrize("name", OFFICIAL)
def test_one_more_folder_around_everything(copy, tmp_path, name):
    root = copy(name)
    before = read(name, root)
    (tmp_path / "outer/Daten 2").mkdir(parents=True)
    root.rename(tmp_path / "outer/Daten 2/inner")
    after = read(name, tmp_path / "outer")
    same(before, after)
    assert (
        after.queries(after.rows("test")).tolist() == before.queries(before.rows("test")).tolist()
    )


@pytest.mark.parametrize("name", OFFICIAL)
def test_junk_of_other_computers_is_ignored_by_every_reader(copy, name):
    root = copy(name)
    before = read(name, root)
    for folder in {root, *((root / p).parent for p in before.manifest["path"])}:
        for junk in ("Thumbs.db", ".DS_Store", "desktop.ini"):
            (folder / junk).write_bytes(b"x")
        (folder / "__MACOSX").mkdir()
        for picture in list(folder.iterdir()):
            if picture.is_file() and not picture.name.startswith("."):
                (folder / f"._{picture.name}").write_bytes(b"a Mac's notes on the file")
                shutil.copy(picture, folder / "__MACOSX" / picture.name)
    after = read(name, root)
    assert after.manifest.equals(before.manifest)


def test_what_is_junk():
    for name in ("._0002_c1s1_000451_03.jpg", ".DS_Store", "THUMBS.DB", "Desktop.ini", "__MACOSX"):
        assert is_junk(name)
    for name in ("0002_c1s1_000451_03.jpg", "Label.txt", "data"):
        assert not is_junk(name)


@pytest.mark.parametrize(
    "place",
    ["data", "release_data", "release_data/release_data", "data/release_data/release_data",
     "PA-100K/Data", "images", "x/y/z", "."],
)  # fmt: skip
def test_pa100k_pictures_wherever_they_lie(copy, tmp_path, place):
    root = copy("pa100k")
    before = read("pa100k", root)
    (root / "release_data/release_data").rename(tmp_path / "aside")
    shutil.rmtree(root / "release_data")
    (root / "data").mkdir()  # the empty folder that a half-done unpacking leaves
    if place == ".":
        for picture in (tmp_path / "aside").iterdir():
            picture.rename(root / picture.name)
    else:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        if (root / place).exists():
            (root / place).rmdir()
        (tmp_path / "aside").rename(root / place)
    same(before, read("pa100k", root))


def test_the_error_names_every_folder_that_was_tried(copy):
    root = copy("pa100k")
    home = root / "release_data/release_data"
    for name in ("000003.jpg", "000004.jpg"):
        (home / name).unlink()
    draw(root / "thumbs/000003.jpg", np.random.default_rng(0))
    draw(root / "thumbs/000005.jpg", np.random.default_rng(0))
    (root / "notes").mkdir()
    (root / "notes/read.txt").write_text("x")
    with pytest.raises(UserError) as caught:
        read("pa100k", root)
    said = str(caught.value)
    assert "2 of 72 images missing, the first is 000003" in said
    assert "release_data/release_data (has 70), thumbs (has 2), ., notes" in said
    assert "data.partial=true" in said


def test_two_folders_that_are_as_good_are_not_chosen_between(copy):
    root = copy("pa100k")
    shutil.copytree(root / "release_data/release_data", root / "small")
    shutil.copytree(root / "small", root / "large")
    same(read("pa100k", root), read("pa100k", root))  # the official name is taken
    assert read("pa100k", root).manifest["path"].iloc[0].startswith("release_data/release_data/")
    shutil.rmtree(root / "release_data")
    with pytest.raises(UserError, match="large and small both hold all pictures"):
        read("pa100k", root)


@pytest.mark.parametrize("name", ["rapv1", "rapv2"])
@pytest.mark.parametrize("place", ["RAP_datasets", "RAP_dataset/RAP_dataset", "rap_DATASET/img"])
def test_rap_folders_of_other_names(copy, tmp_path, name, place):
    root = copy(name)
    before = read(name, root)
    (root / "RAP_dataset").rename(tmp_path / "aside")
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "aside").rename(root / place)
    (root / "RAP_annotation").rename(root / "Annotations")
    (root / "Annotations/RAP_annotation.mat").rename(root / "Annotations/rap_ANNOTATION.mat")
    same(before, read(name, root))


def test_both_raps_in_one_folder_are_told_apart_by_what_they_hold(copy, tmp_path):
    one, two = copy("rapv1", "both/one"), copy("rapv2", "both/two")
    for name, root in (("rapv1", one), ("rapv2", two)):
        source = find_source(name)
        found = [
            source.annotation(r, "random0", source.label_sets[0]) for r in (root, tmp_path / "both")
        ]
        assert found[0].checksum == found[1].checksum


def test_two_annotations_that_differ_are_both_named(copy):
    root = copy("rapv1")
    text = (root / "test.txt").read_text()
    (root / "old").mkdir()
    (root / "old/test.txt").write_text(text)
    assert len(pick(look_through(root), ["test.txt"], lambda p: p.read_text(), "")[1]) == len(text)
    (root / "old/test.txt").write_text(text + "\n")
    with pytest.raises(UserError, match=r"old/test\.txt: is another file than .*/test\.txt"):
        pick(look_through(root), ["test.txt"], lambda p: p.read_text(), "")


def test_links_are_followed_once(tmp_path, copy):
    root = copy("pa100k")
    (root / "release_data/loop").symlink_to(root)
    (root / "data").symlink_to(root / "release_data/release_data")
    assert len(read("pa100k", root).manifest) == 72


def test_market_folders_in_another_letter_case_and_twice(copy):
    root = copy("market1501")
    before = read("market1501", root)
    (root / "query").rename(root / "Query")
    after = read("market1501", root)
    same(before, after)
    assert after.queries(after.rows("test")).sum() == before.queries(before.rows("test")).sum()
    shutil.copytree(root / "bounding_box_train", root / "again/bounding_box_train")
    same(before, read("market1501", root))  # without the two others beside it, it is none
    for name in ("bounding_box_test", "Query"):
        shutil.copytree(root / name, root / "again" / name)
    with pytest.raises(UserError, match="two copies, Query and again/Query"):
        read("market1501", root)


def test_a_left_over_of_the_ten_folders_does_not_hide_the_numbered_layout(copy):
    root = copy("peta")
    before = read("peta", root)
    for source in peta_folders.SOURCES:
        (root / "PETA dataset" / source / "archive").mkdir(parents=True)
        (root / "PETA dataset" / source / "archive/Label.txt").write_text("9 personalMale\n")
    same(before, read("peta", root))
    assert find_source("peta").annotation(root, "random0", "35").labels.shape == (80, 35)


def test_upar_finds_the_numbered_peta_beside_left_overs_and_pa100k_anywhere(copy):
    root = copy("upar")
    before = read("upar", root)
    (root / "PETA/PETA dataset/CUHK/archive").mkdir(parents=True)
    (root / "PETA/PETA dataset/CUHK/archive/Label.txt").write_text("9 personalMale\n")
    (root / "PA100k/data").mkdir()
    (root / "PA100k/release_data").rename(root / "PA100k/unpacked")
    (root / "RAP2").rename(root / "rapV2")
    same(before, read("upar", root))


def spell(labels):
    """Return a line of ``Label.txt`` as the real release spells it."""
    names = [n for n, v in zip(peta_folders.NAMES, labels, strict=True) if v]
    return " ".join("footwearSneakers" if n == "footwearSneaker" else n for n in names)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real PETA in {REAL}")
def test_real_peta_reads_equal_as_ten_folders_with_their_own_spelling(tmp_path):
    lines = (REAL / "peta_file_mapping.txt").read_text(encoding="utf-8").split("\n")
    pairs = [line.strip().split(",") for line in lines if line.strip()]
    data = loadmat(REAL / "PETA.mat")["peta"][0, 0]["data"][:, 4:]
    labels = {}
    for old, new in pairs:  # 19,000, so no more of `Path` than is needed
        source, _, name = old.rsplit("/", 3)[-3:]
        folder = f"{tmp_path}/ten/PETA dataset/{source}/archive"
        if folder not in labels:
            Path(folder).mkdir(parents=True)
        number = int(Path(new).stem)
        Path(folder, name).symlink_to(f"{REAL}/images/{number:05d}.jpg")
        person = peta_folders.picture_of(old, REAL).person
        labels.setdefault(folder, {})[person] = data[number - 1]
    for folder, persons in labels.items():
        text = "".join(f"{person} {spell(row)}\n" for person, row in persons.items())
        Path(folder, "Label.txt").write_text(text, encoding="utf-8")
    shutil.copy(REAL / "PETA.mat", tmp_path / "ten/PETA.mat")
    for split, label_set in (("random0", "35"), ("ids0", "105"), ("sal200", "105")):
        numbered = peta.read_peta(REAL, split, label_set)
        ten = peta.read_peta(tmp_path / "ten", split, label_set)
        assert ten.schema == numbered.schema
        assert ten.manifest.drop(columns="path").equals(numbered.manifest.drop(columns="path"))
