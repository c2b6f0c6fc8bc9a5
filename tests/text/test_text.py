"""Pseudo-descriptions, encoders and their store."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clear_bench.data.schema import Attribute, Schema
from clear_bench.data.sets.market1501_labels import SCHEMA
from clear_bench.text import encoders, packaged, store
from clear_bench.text.descriptions import (
    TEMPLATES,
    attribute_phrases,
    describe,
    describe_all,
    vector_from_names,
)
from clear_bench.utils.errors import UserError

WOMAN = ["female", "teenager", "upwhite", "short_sleeves", "downblack", "pants", "backpack"]
vectors = st.lists(st.integers(0, 1), min_size=len(SCHEMA), max_size=len(SCHEMA))


def test_positives_read_as_english():
    vector = vector_from_names(SCHEMA, WOMAN)
    assert describe(SCHEMA, vector, "positives") == [
        "A teenage woman with short hair, wearing a white top, short sleeves, black bottoms, "
        "long bottoms and trousers, carrying a backpack."
    ]


def test_absences_leave_out_what_goes_without_saying():
    (text,) = describe(SCHEMA, vector_from_names(SCHEMA, WOMAN), "absences")
    assert "no hat" in text
    assert "no bag" not in text  # the backpack excludes it
    assert "no red top" not in text


def test_nothing_present_is_still_a_sentence():
    schema = Schema(
        (Attribute("old", "age", "old", "not old"), Attribute("hat", "wearing", "a", "b"))
    )
    for template in TEMPLATES:
        for text in describe(schema, np.zeros(2, np.uint8), template):
            assert text.strip()
    assert describe(schema, np.array([1, 0]), "positives") == ["An old person."]


def test_phrases_of_attributes_by_hand():
    schema = Schema(
        (
            Attribute("female", "person", "woman", "man", opposite=True),
            Attribute("hat", "wearing", "a hat", "no hat"),
            Attribute("old", "age", "old", "not old"),
        )
    )
    assert attribute_phrases(schema, "words") == ["woman", "a hat", "old"]
    assert attribute_phrases(schema, "person") == [
        "A woman.", "A person wearing a hat.", "An old person."
    ]  # fmt: skip
    with pytest.raises(UserError, match="unknown phrase template 'word'; did you mean words"):
        attribute_phrases(schema, "word")
    vector = vector_from_names(schema, ["old", "female"])
    assert vector.tolist() == [1, 0, 1] and vector.dtype == np.uint8


def test_paraphrases_by_hand():
    schema = Schema(
        (
            Attribute("female", "person", "woman", "man", opposite=True),
            Attribute("hat", "wearing", "a hat", "no hat"),
            Attribute("bag", "carrying", "a bag", "no bag"),
        )
    )
    assert describe(schema, np.array([1, 1, 1]), "paraphrases") == [
        "A woman wearing a hat, carrying a bag.",
        "There is a woman wearing a hat and carrying a bag.",
        "A surveillance camera shows a woman: a hat and a bag.",
        "Looking for a woman who can be recognised by a hat and a bag.",
    ]
    assert describe(schema, np.zeros(3, np.uint8), "paraphrases") == [
        "A man.",
        "There is a man.",
        "A surveillance camera shows a man: nothing special.",
        "Looking for a man who can be recognised by nothing special.",
    ]


@pytest.mark.parametrize("length", [len(SCHEMA) - 1, len(SCHEMA) + 1])
def test_a_vector_of_another_schema_is_refused(length):
    for template in TEMPLATES:
        with pytest.raises(ValueError, match="zip"):
            describe(SCHEMA, np.zeros(length, np.uint8), template)


@given(vectors, vectors)
def test_positives_tell_every_two_vectors_apart(one, other):
    same = describe(SCHEMA, np.array(one), "positives") == describe(
        SCHEMA, np.array(other), "positives"
    )
    assert same == (one == other)


@given(vectors)
def test_controls(vector):
    vector = np.array(vector)
    plain = describe(SCHEMA, vector, "positives")[0].rstrip(".").split()
    mixed = describe(SCHEMA, vector, "shuffled")[0].split()
    assert sorted(plain) == sorted(mixed)
    assert len(set(describe(SCHEMA, vector, "paraphrases"))) == 4


def test_unknown_names():
    with pytest.raises(UserError, match="did you mean positives"):
        describe(SCHEMA, np.zeros(30), "positive")
    with pytest.raises(UserError, match="unknown attribute 'hatt'"):
        vector_from_names(SCHEMA, ["hatt"])
    with pytest.raises(UserError, match="did you mean minilm"):
        encoders.load("minilmm")
    with pytest.raises(UserError, match="unknown pooling 'max'"):
        encoders.load("minilm@max")
    with pytest.raises(UserError, match="pooling cannot be chosen"):
        encoders.load("glove@mean")


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(packaged, "find_spec", lambda module: None)
    with pytest.raises(UserError, match="wordllama: not installed; pip install --no-deps wordll"):
        encoders.load("wordllama")


def test_an_unreachable_hub_is_never_replaced(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="cannot be loaded"):
        encoders.load("nobody/has-such-a-model")


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


SENTENCES = [
    "a woman in a red dress",
    "a female wearing red clothing",
    "a man with a black backpack",
]


@pytest.mark.parametrize(
    ("name", "dim"),
    [("minilm", 384), ("minilm@weighted", 384), ("wordllama", 256), ("use", 512),
     ("glove", 50),
     pytest.param("smollm2", 576, marks=pytest.mark.slow)],
)  # fmt: skip
def test_weights_are_trained(name, dim):
    vectors = encoders.load(name).encode(SENTENCES)
    assert vectors.shape == (3, dim)
    assert vectors.dtype == np.float32
    if name != "glove":  # the weak control
        assert cosine(vectors[0], vectors[1]) > cosine(vectors[0], vectors[2])


def test_poolings_by_hand():
    encoder = encoders.load("minilm@mean")
    import torch

    inputs = encoder.tokenizer([SENTENCES[0]], return_tensors="pt")
    with torch.inference_mode():
        states = encoder.model(**inputs).last_hidden_state[0].numpy()
    steps = np.arange(1, len(states) + 1)
    expected = {"mean": states.mean(axis=0), "last": states[-1],
                "weighted": (states * steps[:, None]).sum(axis=0) / steps.sum()}  # fmt: skip
    for pooling, vector in expected.items():
        encoder.pooling = pooling
        np.testing.assert_allclose(encoder.encode(SENTENCES[:1])[0], vector, atol=1e-5)


def test_a_vector_does_not_depend_on_its_company(tmp_path):
    rng = np.random.default_rng(0)
    many = [s for [s] in describe_all(SCHEMA, rng.integers(0, 2, (40, 30)), "positives")]
    encoder = encoders.load("minilm")
    together = encoder.encode(many)
    for row in (0, 7, 39):
        assert (encoder.encode([many[row]])[0] == together[row]).all()
    assert (store.embed("minilm", many[::-1], tmp_path)[::-1] == together).all()


def test_the_store_loads_the_encoder_for_new_sentences_only(tmp_path, monkeypatch):
    first = store.embed("wordllama", SENTENCES, tmp_path)

    def refuse(name, cache):
        raise AssertionError(name)

    monkeypatch.setattr(encoders, "load", refuse)
    again = store.embed("wordllama", [*SENTENCES[::-1], SENTENCES[0]], tmp_path)
    assert (again == np.stack([first[2], first[1], first[0], first[0]])).all()
    with pytest.raises(AssertionError, match="wordllama"):
        store.embed("wordllama", ["a new sentence"], tmp_path)
