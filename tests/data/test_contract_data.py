"""The contract of a data set, on every file of ``clear_bench/data/sets/`` with a ``SOURCE``."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from releases import RELEASES
from scipy.io import savemat

from clear_bench.config.plugins import available, summary
from clear_bench.data.dataset import SPLITS, Dataset
from clear_bench.data.images import read_image
from clear_bench.data.load import find_source, load_dataset
from clear_bench.data.verify import facts, verify
from clear_bench.text.descriptions import TEMPLATES, describe
from clear_bench.utils.errors import UserError

NAMES = sorted(available("data set"))
OFFICIAL = [name for name in NAMES if find_source(name).generate is None]
CASES = [
    (name, split, labels)
    for name in OFFICIAL
    for split in find_source(name).splits
    for labels in find_source(name).label_sets
]


decoded = cache(read_image)
"""Pictures of `copies`: every split and label set of a release has the same."""


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A copy of every release, made when first asked for, in a folder of a foreign name."""
    patch = pytest.MonkeyPatch()
    made: dict[str, Path] = {}

    def copy(name: str) -> Path:
        if name not in made:
            root = tmp_path_factory.mktemp("data") / f"Größe-дата {name}"
            made[name] = RELEASES[name].make(root, patch)
        return made[name]

    yield copy
    patch.undo()


def test_every_data_set_has_a_small_release():
    missing = set(OFFICIAL) - set(RELEASES)
    assert not missing, f"add {missing} to RELEASES of tests/releases.py"


@pytest.mark.parametrize("name", NAMES)
def test_source_says_what_it_must(name):
    source = find_source(name)
    assert len(summary("data set", name)) > 20
    assert source.title
    assert source.cite
    assert len(source.obtain) > 20
    assert len(set(source.splits)) == len(source.splits) > 0
    assert len(set(source.label_sets)) == len(source.label_sets) > 0
    keys = {f"{split}/{labels}" for split in source.splits for labels in source.label_sets}
    assert set(source.official) <= keys
    if source.generate is None and not source.own:
        assert source.official
        assert source.annotation is not None
        assert not source.publish_images


@pytest.mark.parametrize(("name", "split", "labels"), CASES)
def test_reads_every_split_and_label_set(copies, monkeypatch, name, split, labels):
    monkeypatch.setattr("clear_bench.data.verify.read_image", decoded)
    source, root = find_source(name), copies(name)
    dataset = source.read(root, split, labels)
    assert (dataset.name, dataset.split_name, dataset.label_set) == (name, split, labels)
    for part in SPLITS:
        assert len(dataset.rows(part)), part
    assert len(set(dataset.manifest["path"])) == len(dataset.manifest)
    for path in dataset.manifest["path"]:
        assert (root / path).is_file()
    assert dataset.manifest[["path", "split", "person"]].notna().all(axis=None)
    assert (dataset.manifest["person"] != "").all()
    findings = verify(dataset, facts(dataset))
    assert findings.wrong == []
    assert len(findings.attributes) == len(dataset.schema)
    for fact in source.official.get(f"{split}/{labels}", {}):
        assert fact in findings.facts
    assert source.read(root, split, labels).checksum == dataset.checksum


@pytest.mark.parametrize("name", OFFICIAL)
def test_annotation_alone_gives_the_same_labels(copies, name):
    source, root = find_source(name), copies(name)
    whole = source.read(root, source.splits[0], source.label_sets[0])
    alone = load_dataset(name, root, images=False)
    assert alone.schema == whole.schema
    for part in SPLITS:
        both = [{v.tobytes() for v in d.labels[d.rows(part)]} for d in (whole, alone)]
        assert both[0] == both[1]
    assert verify(alone, {"images": -1}, images=False).wrong == []


def _schemas() -> list[tuple[str, str]]:
    return [(name, labels) for name in OFFICIAL for labels in find_source(name).label_sets]


@pytest.mark.parametrize(("name", "labels"), _schemas())
def test_every_value_has_english(copies, name, labels):
    schema = find_source(name).read(copies(name), find_source(name).splits[0], labels).schema
    assert schema.from_json(schema.to_json()) == schema
    for attribute in schema.attributes:
        for phrase in (attribute.present, attribute.absent):
            assert phrase.strip() == phrase
            assert "  " not in phrase
            assert phrase.split()[0] != attribute.slot  # the template says "wearing" itself
        assert attribute.present != attribute.absent
    for vector in [*np.eye(len(schema), dtype=np.uint8), np.zeros(len(schema), np.uint8)]:
        for template in TEMPLATES:
            assert all(text.strip() for text in describe(schema, vector, template))
    said = describe(schema, np.eye(len(schema), dtype=np.uint8)[3], "list")[0]
    assert schema.attributes[3].present in said


@pytest.mark.parametrize("name", OFFICIAL)
def test_unknown_names_and_missing_folder(copies, name):
    source, root = find_source(name), copies(name)
    with pytest.raises(UserError, match=f"unknown split '{source.splits[0]}x'; did you mean"):
        source.read(root, f"{source.splits[0]}x", source.label_sets[0])
    with pytest.raises(UserError, match=f"unknown label set '{source.label_sets[0]}x'"):
        source.read(root, source.splits[0], f"{source.label_sets[0]}x")
    with pytest.raises(UserError, match=r"nowhere: no such folder; .* To obtain it: "):
        load_dataset(name, root / "nowhere")


@pytest.mark.parametrize("name", OFFICIAL)
def test_broken_missing_and_foreign_annotation(tmp_path, monkeypatch, name):
    root = RELEASES[name].make(tmp_path / name, monkeypatch)
    source, file = find_source(name), root / RELEASES[name].annotation
    whole = file.read_bytes()

    def complaint() -> str:
        with pytest.raises(UserError) as caught:
            source.read(root, source.splits[0], source.label_sets[0])
        assert "\n" not in str(caught.value)
        return str(caught.value)

    file.write_bytes(whole[:300])
    assert str(file) in complaint()
    file.write_bytes(b"")
    assert str(file) in complaint()
    savemat(file.with_suffix(".other"), {"something": np.zeros(3)}, appendmat=False)
    file.with_suffix(".other").replace(file)
    assert str(file) in complaint()
    file.unlink()
    assert file.name in complaint()
    file.write_bytes(whole)
    assert isinstance(source.read(root, source.splits[0], source.label_sets[0]), Dataset)


@pytest.mark.parametrize("name", [n for n in OFFICIAL if not find_source(n).own])
def test_missing_unreadable_and_oddly_named_pictures(tmp_path, monkeypatch, name):
    root = RELEASES[name].make(tmp_path / name, monkeypatch)
    source = find_source(name)
    before = source.read(root, source.splits[0], source.label_sets[0])
    picture = root / before.manifest["path"].iloc[5]
    upper = picture.with_suffix(picture.suffix.swapcase())
    picture.rename(upper)
    after = source.read(root, source.splits[0], source.label_sets[0])
    assert (after.labels == before.labels).all()
    assert upper.name in after.manifest["path"].iloc[5]
    upper.write_bytes(b"no picture")
    (line,) = verify(after, {}).wrong
    assert upper.name in line
    upper.unlink()
    with pytest.raises(UserError, match="missing"):
        after.fingerprint  # noqa: B018 - a property that looks at every file


@pytest.mark.parametrize("name", [n for n in OFFICIAL if RELEASES[n].sizes])
def test_another_size_is_not_the_release(copies, monkeypatch, name):
    root = copies(name)
    for module, constant, value in RELEASES[name].sizes:
        wrong = {k: v + 2 for k, v in value.items()} if isinstance(value, dict) else value + 2
        monkeypatch.setattr(module, constant, wrong)
    source = find_source(name)
    with pytest.raises(UserError, match="must be"):
        source.annotation(root, source.splits[0], source.label_sets[0])
