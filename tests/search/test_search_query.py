"""Search by hand: what is asked, and the numpy twins that embed it."""

import numpy as np
import pytest
import torch

from clear_bench.config.plugins import load
from clear_bench.data.sets.market1501_labels import SCHEMA
from clear_bench.data.sets.upar_labels import SCHEMA as UPAR
from clear_bench.engine.building import build
from clear_bench.search.query import complete, parse, recognise, setting, spell
from clear_bench.search.query_encoder import QueryTower, export_tower
from clear_bench.text import encoders
from clear_bench.text.numpy_minilm import NumpyBert
from clear_bench.utils.errors import UserError


def names(schema, said):
    return {schema.names[column]: value for column, value in said.items()}


def test_attributes_by_name_group_and_gender():
    said = names(SCHEMA, parse(SCHEMA, "gender=female, Upper-Color = red, backpack, hat=no"))
    colors = [a.name for a in SCHEMA.attributes if a.group == "upper_color"]
    assert {k: v for k, v in said.items() if k not in colors and v} == {"female": 1, "backpack": 1}
    assert {k for k in colors if said[k]} == {"upred"}
    assert set(colors) <= set(said)
    assert said["hat"] == 0
    assert parse(SCHEMA, "gender=man") == parse(SCHEMA, "female=no")
    assert parse(SCHEMA, "upper color=upred") == parse(SCHEMA, "upred")
    assert set(parse(SCHEMA, "upper_color=none").values()) == {0}
    assert names(UPAR, parse(UPAR, "gender=female, age=old"))["Age-Old"] == 1
    for text in ("gender=female, upper_color=red, hat=no", "upred=no, long_hair"):
        assert parse(SCHEMA, spell(SCHEMA, parse(SCHEMA, text))) == parse(SCHEMA, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("backpak", "unknown attribute 'backpak'; did you mean backpack"),
        ("uper_color=red", "unknown attribute 'uper_color'; did you mean upper_color"),
        ("upper_color=rad", "unknown value of upper_color 'rad'; did you mean upred"),
        ("gender=femal", "unknown value of gender 'femal'; did you mean female"),
        ("backpack=maybe", "unknown value of backpack"),
        ("upper_color=red, upblue", "'upblue' contradicts"),
        ("hat, hat=no", "'hat=no' contradicts"),
        (" , ", "no attribute in"),
    ],
)
def test_bad_attributes_are_one_line(text, message):
    with pytest.raises(UserError, match=message) as caught:
        parse(SCHEMA, text)
    assert "\n" not in str(caught.value)


def test_chosen_values_say_what_typed_ones_do():
    chosen = {"upred": True, "backpack": True, "hat": False}
    assert setting(SCHEMA, chosen) == parse(SCHEMA, "upper_color=red, backpack, hat=no")
    colors = [a.name for a in SCHEMA.attributes if a.group == "upper_color"]
    assert setting(SCHEMA, dict.fromkeys(colors, False)) == parse(SCHEMA, "upper_color=none")
    with pytest.raises(UserError, match="contradicts"):
        setting(SCHEMA, {"upred": True, "upblue": True})
    with pytest.raises(UserError, match="unknown attribute 'nope'"):
        setting(SCHEMA, {"nope": True})
    with pytest.raises(UserError, match="no attribute is chosen"):
        setting(SCHEMA, {})


def test_attributes_are_recognised_in_words():
    said = names(SCHEMA, recognise(SCHEMA, "A woman in a red top, without a hat, with long hair."))
    assert {k for k, v in said.items() if v} == {"female", "upred", "long_hair"}
    assert said["hat"] == 0
    assert recognise(SCHEMA, "somebody mankind hats") == {}
    for column, attribute in enumerate(SCHEMA.attributes):  # a phrase says itself and no opposite
        assert recognise(SCHEMA, f"this is {attribute.present} there").get(column) == 1
        assert recognise(SCHEMA, f"this is {attribute.absent} there").get(column) == 0
    with pytest.raises(UserError, match="contradicts"):
        recognise(SCHEMA, "a woman beside a man")


def slow_average(said, vectors, counts):
    """Return the weight of each training category that has all that is said."""
    fits = [all(v[c] == value for c, value in said.items()) for v in vectors]
    total = sum(count for count, fit in zip(counts, fits, strict=True) if fit)
    return {k: counts[k] / total for k, fit in enumerate(fits) if fit}


def test_what_is_not_said_is_averaged_over_categories_that_fit():
    rng = np.random.default_rng(0)
    vectors = np.unique(rng.integers(0, 2, (60, 6), dtype=np.uint8), axis=0)
    counts, alone = rng.integers(1, 9, len(vectors)), np.arange(6)
    for said in ({0: 1}, {0: 0, 3: 1}, {}):
        completed = complete(said, vectors, counts, alone, "average")
        weights = dict(zip(completed.rows.tolist(), completed.weights, strict=True))
        assert weights == pytest.approx(slow_average(said, vectors, counts))
        assert np.array_equal(completed.vectors, vectors[completed.rows])
    absent = complete({0: 1}, vectors, counts, alone, "absent")
    assert absent.vectors.tolist() == [[1, 0, 0, 0, 0, 0]]
    with pytest.raises(UserError, match="did you mean absent"):
        complete({0: 1}, vectors, counts, alone, "absnt")


def test_a_combination_never_seen_keeps_all_that_was_said():
    vectors = np.array([[1, 0, 0, 1], [1, 0, 0, 0], [0, 1, 1, 1]], np.uint8)
    said, counts = {0: 1, 1: 0, 2: 1}, np.array([3, 1, 7])
    completed = complete(said, vectors, counts, np.array([0, 0, 1, 2]), "average")
    # Each category has one of two things said; what was said replaces the other.
    assert completed.vectors.tolist() == [[1, 0, 1, 0], [1, 0, 1, 1]]
    assert completed.weights == pytest.approx([1 / 11, 10 / 11])
    assert not len(completed.rows)
    assert "1 of the 2 things said" in completed.reading


def test_bert_in_numpy_equals_torch():
    slow = encoders.load("minilm")
    fast = NumpyBert(encoders.PACKAGED["minilm"].folders()[0] / "model")
    sentences = ["A woman, wearing a red top.", "hat", "Ein Satz mit Umläuten und a backpack " * 9]
    assert np.abs(fast.encode(sentences) - slow.encode(sentences)).max() < 1e-5
    with pytest.raises(UserError, match="the encoder reads 512"):
        fast.encode(["word " * 600])


SWITCHES = [
    {"depth": 2},
    {"combine": "sum", "depth": 3, "center": False},
    {"depth": 1},
    {"depth": 3, "activation": "relu"},
    {"depth": 2, "unit_parts": False},
    {"depth": 2, "whiten": 3},
    {"depth": 2, "whiten": 4, "center": False, "align": 1.0},
]
CASES = [(e, s) for e in ("both", "soft", "hard") for s in SWITCHES]
CASES += [
    ("both", {"depth": d, "shared": True, "activation": a}) for d, a in ((2, "gelu"), (4, "relu"))
]
CASES += [("soft", {"depth": 0}), ("both", {"depth": 0, "whiten": 2})]


@pytest.mark.parametrize(("embedding", "switches"), CASES)
def test_query_tower_in_numpy_equals_torch(tmp_path, embedding, switches):
    rng = np.random.default_rng(0)
    table = {"vectors": rng.integers(0, 2, (5, 4)), "one_hot": rng.integers(0, 2, (5, 8)),
             "text": rng.normal(size=(5, 6)), "counts": np.ones(5), "groups": np.arange(4),
             "feature_mean": np.zeros(7, np.float32)}  # fmt: skip
    np.savez(tmp_path / "table.npz", **table)
    load("method", "clear")  # registers its models
    torch.manual_seed(0)
    model = build({"type": "ClearRetrieval", "table": str(tmp_path / "table.npz"), "dim": 3,
                   "embedding": embedding, "combine": "concat", "center": True,
                   "visual_depth": 1, "width": 9, "dropout": 0.1, "feature_dropout": 0.1,
                   "margin_loss": "cosine", "margin": 0.1, "scale": 16.0,
                   **switches}).eval()  # fmt: skip
    np.savez(tmp_path / "tower.npz", **export_tower(model))
    fast = QueryTower(tmp_path / "tower.npz")
    one_hot, text = (table[k].astype(np.float32) for k in ("one_hot", "text"))
    with torch.no_grad():
        slow = model.embed_queries(model.vectors, torch.tensor(one_hot), torch.tensor(text))
    assert np.abs(fast.embed(one_hot, text) - slow.numpy()).max() < 1e-6
