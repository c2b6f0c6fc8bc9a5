"""What is left out of training, what is asked at test, and queries that are made up."""

from pathlib import Path

import numpy as np
import pytest
from layouts import write_market
from own_data import write_csv

from clear_bench.data.load import load_dataset
from clear_bench.training.cache import Cache
from clear_bench.training.gallery import gallery_of
from clear_bench.training.made_queries import made_queries, made_vectors
from clear_bench.training.plan import plan
from clear_bench.training.recognition import split_rows
from clear_bench.utils.errors import Unavailable, UserError

WORDS = {"encoder": "glove", "template": "positives"}


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Return a function from overrides to the runs of CLEAR on a small Market-1501."""
    folder = tmp_path_factory.mktemp("unseen")
    write_market(folder / "market", train=48, test=12)

    def runs(overrides=None, method="clear"):
        changed = {**({"text.encoder": "glove"} if "clear" in method else {}), **(overrides or {})}
        places = {"root": folder / "runs", "data_root": folder / "market"}
        return plan(method, "market1501", "default", 0, changed, **places)

    return runs


@pytest.mark.parametrize("words", ["backpack", "a backpack"])
def test_an_attribute_is_left_out_of_train_and_val_and_of_nothing_else(planned, words):
    whole, cut = planned()[-1], planned({"data.without": words})[-1]
    labels, column = whole.dataset.labels, whole.dataset.schema.index("backpack")
    every = np.ones(len(labels), bool)
    before, after = split_rows(whole, every), split_rows(cut, every)
    for split in ("train", "val"):
        slow = [row for row in before[split] if labels[row, column] == 0]
        assert 0 < len(slow) < len(before[split])
        assert after[split].tolist() == slow
    assert after["test"].tolist() == before["test"].tolist()
    for run in planned({"data.without": words}):
        assert f"|train-without:{words}|" in run.protocol
    ids = [{run.id for run in planned(o)} for o in (None, {"data.without": words})]
    assert not ids[0] & ids[1]


def test_an_attribute_that_the_data_lack_is_said_before_training(planned):
    for key in ("data.without", "protocol.queries_with"):
        with pytest.raises(Unavailable, match="unknown attribute 'a bakpack'; did you mean a back"):
            planned({key: "a bakpack"})
    with pytest.raises(UserError, match="unknown template 'typd'; did you mean typed"):
        planned({"protocol.query_template": "typd"})


def test_what_is_asked_at_test_leaves_the_recognition_run_as_it_is(planned):
    plain = planned()
    for key, value in (("queries_with", "backpack"), ("query_template", "typed")):
        asked = planned({f"protocol.{key}": value})
        assert asked[0].id == plain[0].id and asked[1].id != plain[1].id
        assert asked[0].protocol == plain[0].protocol and asked[1].protocol != plain[1].protocol
    likely = planned({"protocol.queries_with": "backpack"}, "likelihood")
    assert likely[0].id == plain[0].id
    assert likely[1].protocol == planned({"protocol.queries_with": "backpack"})[1].protocol


def test_queries_with_an_attribute_in_other_words(planned, tmp_path):
    changed = {"protocol.queries_with": "backpack", "protocol.query_template": "typed"}
    plain, run, cache = planned()[-1], planned(changed)[-1], Cache(tmp_path)
    rows = run.dataset.rows("test")
    column = run.dataset.schema.index("backpack")
    whole, asked = (gallery_of(r, cache, "test", rows, rows[:0]) for r in (plain, run))
    slow = [q for q, vector in enumerate(whole["vectors"]) if vector[column] == 1]
    assert 0 < len(slow) < len(whole["vectors"])
    np.testing.assert_array_equal(asked["vectors"], whole["vectors"][slow])
    np.testing.assert_array_equal(asked["query_category"], whole["query_category"][slow])
    np.testing.assert_array_equal(asked["category"], whole["category"])
    typed = cache.text(run.dataset.schema, asked["vectors"], {**WORDS, "template": "typed"})
    np.testing.assert_array_equal(asked["text"], typed)
    assert abs(asked["text"] - whole["text"][slow]).max() > 0.01
    # Val selects, in the words of training and over all of its queries.
    val = [gallery_of(r, cache, "val", run.dataset.rows("val"), rows[:0]) for r in (plain, run)]
    for name in ("vectors", "text"):
        np.testing.assert_array_equal(val[0][name], val[1][name])


def slow_made(labels, groups, drawn):
    """Two images for each query, and a coin for each group, one after the other."""
    random = np.random.default_rng(0)
    pairs = random.integers(0, len(labels), (2, drawn))
    coins = [random.random(drawn) < 0.5 for _ in groups]
    found = set()
    for query in range(drawn):
        vector = [0] * labels.shape[1]
        for columns, coin in zip(groups, coins, strict=True):
            for column in columns:
                vector[column] = int(labels[pairs[int(coin[query])][query]][column])
        found.add(tuple(vector))
    return sorted(found)


def test_made_queries_are_put_together_of_two_images():
    random = np.random.default_rng(3)
    labels = np.concatenate(
        [np.eye(4, dtype=np.uint8)[random.integers(0, 4, 200)], random.random((200, 3)) < 0.2],
        axis=1,
    ).astype(np.uint8)
    groups = [[0, 1, 2, 3], [4], [5], [6]]
    made = made_vectors(labels, groups, 60)
    assert [tuple(int(x) for x in v) for v in made] == slow_made(labels, groups, 60)
    assert (made[:, :4].sum(axis=1) == 1).all()  # exclusive values stay exclusive


def test_no_made_query_is_one_of_train_val_or_test(planned, tmp_path):
    """Without the rule some would be: the drawing alone hits them."""
    dataset = planned()[-1].dataset
    rows, asked = dataset.rows("train"), []

    class Told(Cache):
        def text(self, schema, vectors, settings):
            asked.extend(vectors)
            return super().text(schema, vectors, settings)

    made = made_queries(dataset, Told(tmp_path), rows, 4000, WORDS)
    known = {tuple(vector) for vector in dataset.labels}
    assert {
        tuple(v) for v in made_vectors(dataset.labels[rows], dataset.schema.groups, 4000)
    } & known
    assert len(asked) > 100 and not {tuple(vector) for vector in asked} & known
    np.testing.assert_array_equal(made["made_one_hot"], dataset.schema.one_hot(np.array(asked)))
    assert made["made_text"].shape == (len(asked), 50)
    column = dataset.schema.index("backpack")
    without = rows[dataset.labels[rows, column] == 0]
    asked.clear()
    made_queries(dataset, Told(tmp_path), without, 200, WORDS)
    assert not np.array(asked)[:, column].any()  # what training does not show is not made up


def test_who_reads_no_text_makes_nothing_up(planned):
    dataset, nowhere = planned()[-1].dataset, Cache(Path("/no/where"))
    rows = dataset.rows("train")
    for drawn, settings in ((0, WORDS), (5, None), (5, {**WORDS, "encoder": "none"})):
        assert made_queries(dataset, nowhere, rows, drawn, settings) == {}


def test_where_every_combination_is_known_none_is_made(tmp_path):
    """Three attributes have eight combinations: one's own data often show them all."""
    write_csv(tmp_path / "own", 80)
    for file in ("labels.csv", "attributes.yaml"):  # path, person, camera and three attributes
        lines = (tmp_path / "own" / file).read_text("utf-8").splitlines()
        kept = (
            [",".join(line.split(",")[:6]) for line in lines] if file[-3:] == "csv" else lines[:3]
        )
        (tmp_path / "own" / file).write_text("\n".join(kept), "utf-8")
    dataset = load_dataset("csv", tmp_path / "own")
    assert made_queries(dataset, Cache(tmp_path), dataset.rows("train"), 100, WORDS) == {}
