"""The embedded data set: same bytes, official layout, traits equal labels, hard but fair splits."""

import hashlib
import re

import numpy as np
import pytest
from layouts import MARKET_FIELDS
from scipy.io import loadmat

from clear_bench.data.dataset import categories
from clear_bench.data.sets import synthped
from clear_bench.data.sets.market1501_labels import SCHEMA
from clear_bench.data.sets.synthped_traits import identities


@pytest.fixture(scope="module")
def people():
    return identities(0)


@pytest.fixture(scope="module")
def small(people, tmp_path_factory):
    """A few of the real identities, written the real way."""
    root = tmp_path_factory.mktemp("synthped")
    train, test = (dict(list(part.items())[:12]) for part in people)
    synthped.write(root, train, test, 0)
    return root, train, test


def hashes(root):
    files = sorted(f for f in root.rglob("*") if f.is_file())
    return {f.relative_to(root): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_same_seed_same_bytes(small, tmp_path):
    root, train, test = small
    (tmp_path / "again").mkdir()
    synthped.write(tmp_path / "again", train, test, 0)
    assert hashes(root) == hashes(tmp_path / "again")
    (tmp_path / "other").mkdir()
    few = (dict(list(part.items())[:2]) for part in (train, test))  # each picture is another
    synthped.write(tmp_path / "other", *few, 1)
    assert not set(hashes(root).values()) & set(hashes(tmp_path / "other").values()) - {
        hashes(root)[f] for f in hashes(root) if f.suffix == ".mat"
    }


def test_official_layout(small):
    root, _, _ = small
    pattern = re.compile(r"\d{4}_c[1-6]s1_\d{6}_00\.jpg")
    for folder, count in {"bounding_box_train": 72, "bounding_box_test": 60, "query": 12}.items():
        names = [f.name for f in (root / folder).iterdir()]
        assert len(names) == count
        assert all(pattern.fullmatch(name) for name in names)
    content = loadmat(root / "attribute/market_attribute.mat")["market_attribute"][0, 0]
    for part, order in MARKET_FIELDS.items():
        struct = content[part][0, 0]
        assert list(struct.dtype.names) == [*order.split(), "image_index"]
        assert struct["hat"].shape == (1, 12)
        assert struct["hat"].dtype == np.uint8


def test_market_reader_gives_the_traits_back(small):
    root, train, test = small
    dataset = synthped.SOURCE.read(root, "ids6", "30")
    people = train | test
    for row in dataset.manifest.itertuples():
        for name in dataset.schema.names:
            assert getattr(row, name) == people[row.person].label(name)


def test_splits_are_disjoint_and_mostly_new(people):
    train, test = people
    assert not set(train) & set(test)
    table = {True: train, False: test}
    vectors = {}
    for key, part in table.items():
        names = SCHEMA.names
        labels = np.array([[traits.label(n) for n in names] for traits in part.values()])
        vectors[key] = {v.tobytes() for v in categories(labels)[0]}
        assert labels.any(axis=0).all()
        assert not labels.all(axis=0).any()
    unseen = len(vectors[False] - vectors[True]) / len(vectors[False])
    assert 0.6 < unseen < 0.75


@pytest.mark.slow
def test_the_full_set_has_its_counts(tmp_path):
    from clear_bench.data.verify import verify

    root = tmp_path / "full"
    root.mkdir()
    synthped.generate(root, 0)
    findings = verify(synthped.SOURCE.read(root, "ids6", "30"), synthped.SOURCE.official["ids6/30"])
    assert not findings.wrong
    assert not findings.notes
