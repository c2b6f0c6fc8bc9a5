"""A part of a release is read if that is asked for, and its numbers never meet a full one's."""

from pathlib import Path

import pytest
from releases import RELEASES
from tiny import TINY

from clear_bench.config.plugins import available
from clear_bench.data.load import find_source, load_dataset
from clear_bench.data.sets import pa100k
from clear_bench.data.verify import verify
from clear_bench.training.plan import plan
from clear_bench.utils.errors import UserError

OFFICIAL = [
    n
    for n in sorted(available("data set"))
    if find_source(n).generate is None and not find_source(n).own
]


@pytest.mark.parametrize("name", OFFICIAL)
def test_what_is_there_is_read_and_what_is_missing_is_said(tmp_path, monkeypatch, name):
    root = RELEASES[name].make(tmp_path / "copy", monkeypatch)
    source = find_source(name)
    whole = source.read(root, source.splits[0], source.label_sets[0])
    gone = [whole.manifest["path"].iloc[whole.rows(s)[1]] for s in ("train", "test")]
    for path in gone:
        (root / path).unlink()
    if name != "market1501":  # whose pictures no annotation lists
        with pytest.raises(UserError, match=r"2 of \d+ images missing|1 of \d+ .*|2 images"):
            load_dataset(name, root)
    part = load_dataset(name, root, partial=True)
    kept = whole.manifest[~whole.manifest["path"].isin(gone)].reset_index(drop=True)
    assert part.partial
    assert part.manifest.equals(kept)
    official = {"images": len(whole.manifest)}
    found = verify(part, official, partial=True)
    assert found.wrong == []
    said = f"a part of the release: images: {len(kept)}, the official release has"
    assert any(note.startswith(said) for note in found.notes)
    if name != "market1501":
        assert "test: 1 pictures that the annotation names are missing" in found.notes
    assert verify(part, official).wrong


def test_an_annotation_of_a_part(tmp_path, monkeypatch):
    """2,000 images with an official-style annotation of those, as a public repository has them."""
    root = RELEASES["pa100k"].make(tmp_path / "copy", monkeypatch)
    monkeypatch.setattr(pa100k, "PARTS", {"train": 80000, "val": 10000, "test": 10000})
    with pytest.raises(UserError, match=r"must be 80000 of 26; .* --set data\.partial=true"):
        load_dataset("pa100k", root)
    assert len(load_dataset("pa100k", root, partial=True).manifest) == 72


def signature(root, **more):
    runs = plan("strong_baseline", "pa100k", "smoke", 0, {**TINY_DATA, **more},
                root=Path("runs"), data_root=root)  # fmt: skip
    return runs[0].protocol


TINY_DATA = {k: v for k, v in TINY.items() if k.startswith("data.")} | {"data.identities": 1.0}


def test_the_signature_says_how_many_images(tmp_path, monkeypatch, capsys):
    root = RELEASES["pa100k"].make(tmp_path / "copy", monkeypatch)
    source = find_source("pa100k")
    monkeypatch.setitem(source.official, "official/26", {"images": 72})
    full = signature(root)
    assert "partial" not in full
    assert "|partial:72|" in signature(root, **{"data.partial": True})
    # A reader that cannot tell says it all the same: other counts than the official ones.
    other = tmp_path / "other"
    root.rename(other)
    monkeypatch.setitem(source.official, "official/26", {"images": 73})
    assert "|partial:72|" in signature(other)
    assert "72 images, not the full release" in capsys.readouterr().err


def test_an_embedded_data_set_is_not_read_in_part(tmp_path):
    with pytest.raises(UserError, match="synthped: is not read in part"):
        load_dataset("synthped", tmp_path, partial=True)


def test_nothing_of_it_is_there(tmp_path, monkeypatch):
    root = RELEASES["rapv1"].make(tmp_path / "copy", monkeypatch)
    for picture in (root / "RAP_dataset").iterdir():
        picture.unlink()
    with pytest.raises(UserError, match="80 of 80 images missing"):
        load_dataset("rapv1", root, partial=True)
