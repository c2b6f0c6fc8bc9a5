"""The studies of encoders and templates: what they vary, and that they compute nothing twice."""

import copy
import functools
from pathlib import Path

import numpy as np
import pytest
from layouts import write_market
from tiny import TINY as NETWORK

from clear_bench.config import plugins
from clear_bench.config.compose import compose
from clear_bench.data.dataset import categories
from clear_bench.runs.record import Record
from clear_bench.text import encoders, hub
from clear_bench.text.descriptions import TEMPLATES, describe_all
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.training.made_queries import made_vectors
from clear_bench.training.plan import plan
from clear_bench.training.recognition import split_rows
from clear_bench.utils.errors import UserError

NAMES = ("lm_choice", "lm_choice_soft", "templates", "templates_soft")
TINY = {
    **{key: value for key, value in NETWORK.items() if key.startswith("recognition.model.")},
    "recognition.train": {"epochs": 1, "warmup_epochs": 0},
    "retrieval.train": {"epochs": 1},
    "data.identities": 0.5,
}


def study(name):
    return plugins.load("study", name).STUDY


def test_they_are_found_with_their_question():
    for name in NAMES:
        assert name in plugins.available("study")
        assert plugins.summary("study", name).endswith("?")


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_is_a_configuration_of_its_own(name):
    asked = study(name)
    (factor,) = asked.factors
    section = factor.split(".")[1:]
    levels = []
    for variant in asked.variants():
        config = compose("clear", "synthped", "default", 0, variant.overrides)["retrieval"]
        levels.append(config[section[0]][section[1]])
        assert config["model"]["embedding"] == ("soft" if name.endswith("soft") else "both")
        encoders.unavailable(config["text"]["encoder"])  # no misspelt name
        assert variant.reference == (levels[-1] in ("minilm", "positives"))
    assert len(set(levels)) == len(levels)
    assert asked.metrics[0] == "mAP"


def test_every_template_is_in_the_study():
    assert [v.label for v in study("templates").variants()] == list(TEMPLATES)


def test_most_encoders_of_the_study_can_be_had():
    labels = {v.label: v.overrides["retrieval.text.encoder"] for v in study("lm_choice").variants()}
    available = {label for label, encoder in labels.items() if not encoders.unavailable(encoder)}
    assert available >= {"smollm2", "minilm", "use", "wordllama", "glove", "none"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    write_market(root / "market", train=12, test=6)
    return root


def planned(seed=0, runs="runs", **changes):
    overrides = TINY | changes
    return plan(
        "clear", "market1501", "smoke", seed, overrides, root=Path(runs), data_root=Path("market")
    )


def test_each_sentence_is_embedded_once_and_the_cache_changes_no_bit(world, monkeypatch):
    """Variants of two encoders and a template, soft and both, and a second seed of one."""
    monkeypatch.chdir(world)
    real, loaded, asked = functools.cache(encoders.load), [], []

    def counting(name, cache):
        encoder = copy.copy(real(name, cache))  # read from disk once, asked for each time
        encode = encoder.encode
        loaded.append(name)

        def counted(sentences):
            asked.extend((name, sentence) for sentence in sentences)
            return encode(sentences)

        encoder.encode = counted
        return encoder

    monkeypatch.setattr(encoders, "load", counting)
    chosen = [
        {"retrieval.text.encoder": "wordllama"},
        {"retrieval.text.encoder": "glove"},
        {"retrieval.text.encoder": "wordllama", "retrieval.model.embedding": "soft"},
        {"retrieval.text.encoder": "wordllama", "retrieval.text.template": "list"},
        {"retrieval.text.encoder": "none"},
    ]
    cache = Cache(Path("cache"))
    records = [execute(planned(**variant), cache) for variant in chosen]
    assert len({recognition.run_id for recognition, _ in records}) == 1
    assert len({retrieval.run_id for _, retrieval in records}) == len(chosen)

    dataset = planned()[0].dataset
    for name, templates in (("wordllama", ("positives", "list")), ("glove", ("positives",))):
        embedded = {sentence for encoder, sentence in asked if encoder == name}
        rows = split_rows(planned()[0], np.ones(len(dataset.labels), bool))
        shown = dataset.labels[rows["train"]]
        made = made_vectors(shown, dataset.schema.groups, 100)
        every, tested = (
            {s for t in templates for [s] in describe_all(dataset.schema, vectors, t)}
            for vectors in (
                np.concatenate([categories(dataset.labels)[0], made]),
                categories(dataset.labels[dataset.rows("test")])[0],
            )
        )
        assert tested <= embedded <= every
    assert len(asked) == len(set(asked)) > 0

    before = len(loaded), len(asked)
    execute(planned(seed=1, **chosen[0]), cache)
    assert (len(loaded), len(asked)) == before

    fresh = execute(planned(runs="others", **chosen[3]), Cache(Path("fresh")))
    assert [r.metrics for r in fresh] == [r.metrics for r in records[3]]
    places = [planned(runs=root, **chosen[3])[1].folder for root in ("runs", "others")]
    one, other = (np.load(place / "predictions.npz") for place in places)
    for key in one.files:
        np.testing.assert_array_equal(one[key], other[key])


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*args, **rest):
        raise AssertionError("trained")

    monkeypatch.setattr("clear_bench.training.execute.once", refuse)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (
            "openai-community/gpt2@prompt",
            "gpt2: cannot be loaded .no such folder, nor in the local hub cache",
        ),
        ("smollm", "unknown text encoder 'smollm'; did you mean smollm2"),
        ("glove@last", "pooling cannot be chosen"),
    ],
)
def test_what_cannot_be_had_is_said_by_the_plan(world, monkeypatch, no_training, encoder, message):
    monkeypatch.chdir(world)
    hub.asked.cache_clear()
    with pytest.raises(UserError, match=message):
        planned(runs="none", **{"retrieval.text.encoder": encoder})
    assert not Path("none").exists()


def test_a_finished_run_needs_no_encoder(world, monkeypatch):
    """A study that was run where the hub is reachable is shown where it is not."""
    monkeypatch.chdir(world)
    with monkeypatch.context() as patch:
        patch.setattr(hub, "unavailable", lambda source: "")
        _, run = planned(**{"retrieval.text.encoder": "some/model"})
    record = {
        "status": "finished",
        "data": {},
        "metrics": {"selected": {"val": {}, "test": {}}},
        "cost": {},
        "provenance": {},
    }
    run.folder.mkdir(parents=True)
    run.record(**record).save(run.folder)
    assert Record.load(run.folder).status == "finished"
    assert planned(**{"retrieval.text.encoder": "some/model"})[1].id == run.id
    (run.folder / "record.json").unlink()
    hub.asked.cache_clear()
    with pytest.raises(UserError, match="some/model: cannot be loaded"):
        planned(**{"retrieval.text.encoder": "some/model"})


def test_a_level_may_be_another_method():
    for key in ("paraphrases_at_test", "unseen_words"):
        variants = list(study(key).variants())
        methods = {v.levels["query"]: v.method for v in variants}
        assert methods == {"soft": "clear", "both": "clear", "hard": "clear",
                           "likelihood": "likelihood", "chance": "chance"}  # fmt: skip
        assert not any("method" in v.overrides for v in variants)
        reference = next(v for v in variants if v.reference)
        assert reference.method == "clear"


def test_who_reads_no_words_is_asked_in_one_wording():
    variants = list(study("paraphrases_at_test").variants())
    words = {q: [v.levels["words"] for v in variants if v.levels["query"] == q]
             for q in ("soft", "both", "hard", "likelihood", "chance")}  # fmt: skip
    assert words["soft"] == words["both"] == ["as trained", "list", "slots", "typed", "random"]
    assert words["hard"] == words["likelihood"] == words["chance"] == ["as trained"]


def test_unseen_and_seen_differ_in_training_alone():
    for variant in study("unseen_words").variants():
        value, _, seen = variant.levels["value"].rpartition(" ")
        assert variant.overrides["protocol.queries_with"] == value
        assert variant.overrides.get("data.without") == (value if seen == "unseen" else None)
