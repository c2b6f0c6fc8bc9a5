"""The rules of SAL and ASMR against loops that go through the images one after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clear_bench.metrics.gallery_rules import gallery_order, removed_images

IMAGE = st.tuples(
    st.integers(0, 4), st.sampled_from("abc"), st.sampled_from(["", "1", "2"]), st.booleans()
)


def columns(images):
    """Return category, person, camera and whether a query image, as arrays."""
    category, person, camera, query = zip(*images, strict=True)
    return np.array(category), np.array(person), np.array(camera), np.array(query)


def removed_by_loop(images):
    """Return which images SAL's query of their own category does not see."""
    removed = []
    for number, (category, person, camera, _) in enumerate(images):
        queries = [k for k, image in enumerate(images) if image[0] == category and image[3]]
        if not queries:  # nobody asks for this category
            removed.append(False)
            continue
        first = queries[0]
        same = images[first][1:3] == (person, camera) and camera != ""
        removed.append(number == first or same)
    return removed


@given(st.lists(IMAGE, min_size=1, max_size=12))
def test_sals_removal_equals_the_loop(images):
    assert removed_images("sal", *columns(images)).tolist() == removed_by_loop(images)


def test_a_category_without_a_query_sees_no_other_ones_representative():
    """Same person and camera as the image of another category's query, whichever that is."""
    for place in range(4):
        images = [(1, "a", "1", False) for _ in range(4)]
        images[place] = (0, "a", "1", True)
        found = removed_images("sal", *columns(images)).tolist()
        assert found == [k == place for k in range(4)]


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_sals_order_equals_the_loop(query):
    count = len(query)
    others = [k for k in range(count) if not query[k]]
    expected = [k for k in reversed(others)] + [k for k in range(count) if query[k]]
    if not others:  # PETA: all are query images too
        expected = [count - 1 - k for k in range(count)]
    texts = np.full(count, "x")
    found = gallery_order("sal", np.zeros(count, int), texts, np.array(query))
    assert found.tolist() == expected


def test_sals_order_where_every_image_is_a_query_image():
    for count in range(1, 6):
        everywhere = np.ones(count, bool)
        found = gallery_order("sal", np.zeros(count, int), np.full(count, "x"), everywhere)
        assert found.tolist() == list(range(count))[::-1]
    nowhere = gallery_order("sal", np.zeros(3, int), np.full(3, "x"), np.zeros(3, bool))
    assert nowhere.tolist() == [2, 1, 0]


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.sampled_from("xyz"))))
def test_asmrs_order_is_by_category_then_by_file_name(images):
    category = np.array([image[0] for image in images], int)
    paths = np.array([f"{folder}/{name}" for _, folder, name in images], str)
    found = gallery_order("asmr", category, paths, np.ones(len(images), bool))
    assert found.tolist() == sorted(range(len(images)), key=lambda k: images[k][::2])


def test_asmrs_order_takes_the_name_behind_any_number_of_folders():
    paths = np.array(["b.jpg", "x/c.jpg", "z/y/a.jpg", "y/z/d.jpg"])
    found = gallery_order("asmr", np.zeros(4, int), paths, np.ones(4, bool))
    assert found.tolist() == [2, 0, 1, 3]
