"""From row numbers or identities to splits, against loops; errors name what is wrong exactly."""

import hashlib
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clear_bench.data.reading.split_rules import by_hash, from_rows, hold_out, persons_apart
from clear_bench.utils.errors import UserError

PEOPLE = st.lists(st.sampled_from([f"{k:03d}" for k in range(30)]), min_size=1, max_size=60)


def message(parts, count, **rule):
    with pytest.raises(UserError) as caught:
        from_rows(parts, count, "here", **rule)
    return str(caught.value)


def in_order(persons):
    """Return distinct identities in the order of their hashes."""
    return [name for _, name in sorted((hashlib.sha256(p.encode()).hexdigest(), p)
                                       for p in set(persons))]  # fmt: skip


@given(st.lists(st.sampled_from(["train", "val", "test", ""]), max_size=30))
def test_rows_make_the_split_they_were_taken_from(split):
    parts = {p: [k for k, own in enumerate(split) if own == p] for p in ("train", "val", "test")}
    assert from_rows(parts, len(split), "here", partial=True).tolist() == split
    if "" not in split:
        assert from_rows(parts, len(split), "here").tolist() == split
    else:
        left = split.count("")
        assert message(parts, len(split)) == f"here: {left} of {len(split)} images are in no part"


@pytest.mark.parametrize("rows", [[5], [0, 5], [5, 0]])
def test_a_row_beyond_the_last_is_named_from_1(rows):
    assert message({"val": rows}, 5) == "here: val names image 6, there are 5"
    assert message({"val": [7, 9, 8]}, 5) == "here: val names image 8, there are 5"


def test_a_row_before_the_first_is_refused():
    with pytest.raises(UserError, match=re.escape("here: val names image 0, there are 5")):
        from_rows({"val": [-1, 2]}, 5, "here")
    assert from_rows({"val": [0, 4]}, 5, "here", partial=True).tolist() == ["val", *[""] * 3, "val"]


def test_how_many_images_are_in_no_part():
    parts = {"train": [0, 1], "test": [4]}
    assert message(parts, 5) == "here: 2 of 5 images are in no part"
    assert message({"train": [0]}, 7) == "here: 6 of 7 images are in no part"
    assert message({}, 3) == "here: 3 of 3 images are in no part"


@pytest.mark.parametrize("parts", [{"test": [2, 2]}, {"train": [0, 2], "test": [2]}])
def test_an_image_twice_names_the_part(parts):
    expected = "here: test has an image twice or one of another part"
    assert message(parts, 3) == message(parts, 3, partial=True) == expected


@given(PEOPLE, st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_held_out_are_the_first_train_identities(persons, share, seed):
    split = np.random.default_rng(seed).choice(["train", "test"], len(persons))
    train = in_order(p for p, part in zip(persons, split, strict=True) if part == "train")
    held = train[: max(len(train) // share, 1)]
    expected = [
        "val" if part == "train" and person in held else part
        for person, part in zip(persons, split, strict=True)
    ]
    assert hold_out(split, np.array(persons), share).tolist() == expected


@given(PEOPLE, st.sampled_from([0.0, 0.1, 0.25]), st.sampled_from([0.0, 0.3, 0.5]))
def test_parts_take_identities_in_turn(persons, val, test):
    names = in_order(persons)
    assert by_hash(persons) == names
    first, second = round(test * len(names)), round((test + val) * len(names))
    part = {name: "test" if k < first else "val" if k < second else "train"
            for k, name in enumerate(names)}  # fmt: skip
    assert persons_apart(np.array(persons), val, test).tolist() == [part[p] for p in persons]
