"""What every template must be, whatever the schema: those of all data sets and label sets."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from releases import RELEASES

from clear_bench.config.plugins import available
from clear_bench.data.load import find_source, load_dataset
from clear_bench.data.schema import Attribute, Schema
from clear_bench.data.sets.synthped_traits import SCHEMA as SYNTHPED
from clear_bench.text.descriptions import NEUTRAL, TEMPLATES, UNSAID, describe

CASES = [(n, labels) for n in sorted(available("data set")) for labels in find_source(n).label_sets]
seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def schemas(tmp_path_factory):
    """Data set and label set to schema."""
    patch = pytest.MonkeyPatch()
    schema_of = {("synthped", "30"): SYNTHPED}
    for name in RELEASES:
        root = RELEASES[name].make(tmp_path_factory.mktemp("data") / name, patch)
        for labels in find_source(name).label_sets:
            dataset = load_dataset(name, root, label_set=labels, images=False)
            schema_of[name, labels] = dataset.schema
    yield schema_of
    patch.undo()


def any_vector(schema, seed):
    """Return a vector of any density, both ends of it included."""
    rng = np.random.default_rng(seed)
    return (rng.random(len(schema)) < rng.choice([0, 0.1, 0.5, 1])).astype(np.uint8)


def words_of(text):
    return re.findall(r"[\w-]+", text.lower())


@pytest.mark.parametrize("case", CASES, ids="-".join)
@quick
@given(seeds)
def test_every_template_says_something_and_always_the_same(schemas, case, seed):
    schema = schemas[case]
    vector = any_vector(schema, seed)
    for template in TEMPLATES:
        sentences = describe(schema, vector, template)
        assert sentences == describe(schema, vector.astype(np.int64), template)
        assert all(
            text == text.strip() and words_of(text) and "  " not in text for text in sentences
        )
    assert len(set(describe(schema, vector, "paraphrases"))) == 4


@pytest.mark.parametrize("case", CASES, ids="-".join)
@quick
@given(seeds)
def test_words_come_from_the_schema(schemas, case, seed):
    schema = schemas[case]
    vector = any_vector(schema, seed)
    of_schema = {w for a in schema.attributes for p in (a.present, a.absent) for w in words_of(p)}
    frame = {"age", "person", "with", "wearing", "carrying", "doing", *words_of(UNSAID)}
    (text,) = describe(schema, vector, "slots")
    assert set(words_of(text)) <= of_schema | frame
    (text,) = describe(schema, vector, "list")
    assert set(words_of(text)) <= of_schema | {"person"}
    for template in ("positives", "absences"):
        (text,) = describe(schema, vector, template)
        assert set(words_of(text)) <= of_schema | frame | {"a", "an", "and"}


@pytest.mark.parametrize("case", CASES, ids="-".join)
@quick
@given(seeds, seeds)
def test_templates_tell_vectors_apart(schemas, case, seed, other):
    schema = schemas[case]
    one, two = any_vector(schema, seed), any_vector(schema, other)
    for template in ("positives", "absences", "list", "slots", "paraphrases", "random"):
        same = describe(schema, one, template) == describe(schema, two, template)
        assert same == (one == two).all(), template


@pytest.mark.parametrize("case", CASES, ids="-".join)
@quick
@given(seeds)
def test_every_neighbour_is_told_apart_by_its_slots(schemas, case, seed):
    """The hardest pairs: vectors that differ in one attribute."""
    schema = schemas[case]
    vector = any_vector(schema, seed)
    neighbours = vector ^ np.eye(len(schema), dtype=np.uint8)
    for template in ("positives", "slots"):
        sentences = {describe(schema, v, template)[0] for v in [vector, *neighbours]}
        assert len(sentences) == len(schema) + 1, template


@pytest.mark.parametrize("case", CASES, ids="-".join)
@quick
@given(seeds)
def test_controls_keep_the_length_of_positives(schemas, case, seed):
    schema = schemas[case]
    vector = any_vector(schema, seed)
    (plain,) = describe(schema, vector, "positives")
    (mixed,) = describe(schema, vector, "shuffled")
    (random,) = describe(schema, vector, "random")
    assert sorted(mixed.split()) == sorted(plain.rstrip(".").split())
    assert len(random.split()) == len(plain.split())
    assert set(random.split()) <= set(NEUTRAL.split())


def test_neutral_words_are_of_no_schema(schemas):
    neutral = NEUTRAL.split()
    assert len(set(neutral)) == len(neutral)
    for case, schema in schemas.items():
        for attribute in schema.attributes:
            said = words_of(f"{attribute.present} {attribute.absent}")
            assert not set(said) & set(neutral), (case, attribute.name)


def test_slots_by_hand():
    schema = Schema(
        (
            Attribute("young", "age", "young", "not young"),
            Attribute("female", "person", "woman", "man", opposite=True),
            Attribute("hat", "wearing", "a hat", "no hat"),
            Attribute("scarf", "wearing", "a scarf", "no scarf"),
        )
    )
    assert describe(schema, np.array([0, 1, 1, 1]), "slots") == [
        "Age: not said. Person: woman. Wearing: a hat, a scarf."
    ]
    assert describe(schema, np.array([1, 0, 0, 0]), "slots") == [
        "Age: young. Person: man. Wearing: not said."
    ]
