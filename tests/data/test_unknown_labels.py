"""Labels that nobody knows, in a data set: what they mean, against loops over three values."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clear_bench.data.dataset import Dataset, categories
from clear_bench.data.known_files import label_digest, never_meet
from clear_bench.data.schema import Attribute, Schema
from clear_bench.data.unknown_labels import UNKNOWN, fully_known, positive_shares, undecided
from clear_bench.data.verify import facts, verify
from clear_bench.utils.errors import UserError

NAMES = ("hat", "bag", "coat", "shoes")


def labels_of(images=60, attributes=4, seed=0, unknown=0.2):
    rng = np.random.default_rng(seed)
    labels = (rng.random((images, attributes)) < 0.4).astype(np.uint8)
    labels[rng.random(labels.shape) < unknown] = UNKNOWN
    return labels


def dataset_of(labels, names=NAMES):
    schema = Schema(tuple(Attribute(n, "wearing", f"a {n}", f"no {n}") for n in names))
    head = {
        "path": [f"{k:03d}.jpg" for k in range(len(labels))],
        "split": [("train", "train", "val", "test")[k % 4] for k in range(len(labels))],
        "person": [str(k // 2) for k in range(len(labels))],
        "camera": [""] * len(labels),
    }
    columns = pd.DataFrame(labels, columns=list(names))
    return Dataset("x", "s", "l", Path(), schema, pd.concat([pd.DataFrame(head), columns], axis=1))


def truth(query, image):
    """Return True, False or None: the conjunction of three values, attribute by attribute."""
    each = [None if b == UNKNOWN else a == b for a, b in zip(query, image, strict=True)]
    if False in each:
        return False
    return None if None in each else True


@pytest.mark.parametrize("unknown", [0.0, 0.2, 1.0])
def test_undecided_pairs_and_categories_by_loop(unknown):
    labels = labels_of(unknown=unknown)
    labels[7] = UNKNOWN  # of this one everything is open
    vectors, category = categories(labels)
    asked = (np.arange(16)[:, None] >> np.arange(4)) & 1
    slow = [(q, i) for i in range(60) for q in range(16) if truth(asked[q], labels[i]) is None]
    assert list(zip(*undecided(asked, labels), strict=True)) == slow
    assert sum(i == 7 for _, i in slow) == 16
    for i, row in enumerate(labels):
        matches = [c for c, vector in enumerate(vectors) if truth(vector, row)]
        assert matches == ([category[i]] if category[i] >= 0 else [])
        assert (category[i] >= 0) == (UNKNOWN not in row) == fully_known(labels)[i]
    assert len(vectors) == len({tuple(r) for r in labels.tolist() if UNKNOWN not in r})


def test_shares_are_of_what_is_known():
    labels = labels_of()
    labels[:, 2] = UNKNOWN
    slow = []
    for column in labels.T:
        known = [int(v) for v in column if v != UNKNOWN]
        slow.append(sum(known) / len(known) if known else np.nan)
    np.testing.assert_array_equal(positive_shares(labels), slow)
    known = labels_of(unknown=0)
    np.testing.assert_array_equal(positive_shares(known), known.mean(axis=0))  # to the bit


def test_a_data_set_takes_the_third_value_and_no_fourth(tmp_path):
    labels = labels_of()
    dataset = dataset_of(labels)
    assert dataset.has_unknown
    assert (dataset.unknown == (labels == UNKNOWN)).all()
    dataset.save(tmp_path)
    again = Dataset.load(tmp_path, Path(), "x", "s", "l")
    assert (again.labels == labels).all()
    other = labels.copy()
    other[labels == UNKNOWN] = 0
    assert not dataset_of(other).has_unknown
    assert dataset_of(other).checksum != dataset.checksum
    assert label_digest(dataset_of(other)) != label_digest(dataset)
    labels[3, 1] = 2
    with pytest.raises(UserError, match=r"003.jpg: attribute bag is 2, must be 0, 1 or 255"):
        dataset_of(labels)


def test_verify_counts_them_and_takes_them_for_nothing_else():
    labels = labels_of()
    labels[3::4, 2] = UNKNOWN  # all of test
    labels[labels[:, 0] == 1, 3] = 0  # a hat and shoes never meet
    labels[10, [0, 3]] = (1, UNKNOWN)
    dataset = dataset_of(labels)
    found = facts(dataset)
    known = {tuple(row) for row in labels.tolist() if UNKNOWN not in row}
    assert found["categories"] == len(known)
    assert found["unknown labels"] == (labels == UNKNOWN).sum()
    assert found["images with unknown labels"] == sum(UNKNOWN in row for row in labels.tolist())
    asked = {r for r, s in zip(map(tuple, labels.tolist()), dataset.manifest["split"], strict=True)
             if s == "test" and UNKNOWN not in r}  # fmt: skip
    trained = labels[(dataset.manifest["split"] != "test").to_numpy()]
    new = [q for q in asked if all(truth(q, row) is False for row in trained)]
    assert found["categories test, not in train+val"] == len(new)
    findings = verify(dataset, {}, images=False)
    assert findings.attributes["train"].tolist() == [
        sum(1 for k, row in enumerate(labels) if k % 4 < 2 and row[a] == 1) for a in range(4)
    ]
    assert findings.attributes["unknown"].tolist() == (labels == UNKNOWN).sum(axis=0).tolist()
    said = "\n".join(findings.notes)
    assert f"{found['unknown labels']} labels (" in said
    assert "test: no label of coat is known" in said
    whole = sum(UNKNOWN not in row for row in labels[2::4].tolist())
    assert f"{whole} of 15 in val, 0 of 15 in test" in said
    assert "test: nobody has coat" not in said and "test: everybody has coat" not in said
    pairs = {frozenset((p.one, p.other)) for p in never_meet(dataset).itertuples()}
    assert frozenset(("hat", "shoes")) in pairs
    whole = verify(dataset_of(labels_of(unknown=0)), {}, images=False)
    assert "unknown" not in whole.attributes and "unknown" not in "\n".join(whole.notes)
    assert not [name for name in whole.facts if "unknown" in name]


def test_a_category_is_unseen_only_if_nobody_in_train_can_have_it():
    names = tuple("abcdefg")
    labels = labels_of(80, 7, seed=1, unknown=0.1)
    dataset = dataset_of(labels, names)
    test = (dataset.manifest["split"] == "test").to_numpy()
    asked = {tuple(r) for r in labels[test].tolist() if UNKNOWN not in r}
    certain = [q for q in asked if all(truth(q, row) is False for row in labels[~test])]
    never = [q for q in asked if not any(truth(q, row) for row in labels[~test])]
    assert 0 < len(certain) < len(never)
    assert facts(dataset)["categories test, not in train+val"] == len(certain)
