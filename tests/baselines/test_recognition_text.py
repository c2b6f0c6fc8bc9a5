"""A recognition method that reads its attributes' English, through a whole run and after it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from layouts import write_market
from methods import schema_of
from PIL import Image

from clear_bench.data.schema import Attribute, Schema
from clear_bench.prediction.predictor import predictions
from clear_bench.runs.files import PHRASES
from clear_bench.text.descriptions import attribute_phrases
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute, task_of
from clear_bench.training.plan import plan
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import file_sha256

TINY = {
    "recognition.train": {"epochs": 1, "warmup_epochs": 0},
    "data.identities": 0.5,
    "text.encoder": "wordllama",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    write_market(root / "market", train=12, test=6)
    pixels = np.random.default_rng(0).integers(0, 256, (50, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "photo.png")
    return root


@pytest.fixture(autouse=True)
def here(world, monkeypatch):
    monkeypatch.chdir(world)


def planned(method="vtb", **changes):
    overrides = TINY | changes
    return plan(
        method, "market1501", "smoke", 0, overrides, root=Path("runs"), data_root=Path("market")
    )


def test_phrases_say_one_attribute_each():
    schema = Schema(
        (
            Attribute("young", "age", "young", "old", opposite=True),
            Attribute("female", "person", "woman", "man", opposite=True),
            Attribute("hat", "wearing", "a hat", "no hat"),
            Attribute("calling", "doing", "making a phone call", "not calling"),
        )
    )
    assert attribute_phrases(schema, "words") == ["young", "woman", "a hat", "making a phone call"]
    assert attribute_phrases(schema, "person") == [
        "A young person.", "A woman.", "A person wearing a hat.", "A person making a phone call.",
    ]  # fmt: skip
    with pytest.raises(UserError, match="unknown phrase template 'wrds'; did you mean words"):
        attribute_phrases(schema, "wrds")


def test_a_run_keeps_its_phrases_and_predicts_from_them_alone(world):
    (run,) = planned()
    (record,) = execute([run], Cache(Path("cache")))
    assert record.artefacts[PHRASES] == file_sha256(run.folder / PHRASES)
    assert task_of(run, Cache(Path("cache"))).remeasure() == record.metrics
    with np.load(run.folder / PHRASES) as arrays:
        assert arrays["text"].shape == (30, 256)
    weights = torch.load(run.folder / "selected.pth", weights_only=True)["state_dict"]
    assert weights["phrases"].shape == (30, 256)
    rows = predictions([Path("photo.png")], run.id, Path("runs"))
    assert len(rows) == 30
    (run.folder / PHRASES).unlink()
    with pytest.raises(UserError, match="train the run again"):
        predictions([Path("photo.png")], run.id, Path("runs"))


def test_the_text_is_part_of_a_runs_name():
    names = [
        planned()[0].id,
        planned(**{"text.template": "person"})[0].id,
        planned(**{"text.encoder": "minilm"})[0].id,
    ]
    assert len(set(names)) == 3
    deepmar = plan(
        "deepmar", "market1501", "smoke", 0, {}, root=Path("runs"), data_root=Path("market")
    )
    assert "text" not in deepmar[0].section


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text.encoder": "none"}, "vtb reads its attributes' English"),
        ({"text.template": "positives"}, "unknown phrase template 'positives'"),
        ({"text.encoder": "wordlama"}, "did you mean wordllama"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_before_training(changes, message):
    with pytest.raises(UserError, match=message):
        planned(**changes)


def test_the_phrases_of_the_cache_are_those_of_the_encoder(tmp_path):
    from clear_bench.text import encoders

    settings = {"encoder": "wordllama", "template": "person"}
    phrases = Cache(tmp_path).phrases(schema_of(3), settings)
    sentences = [f"A person wearing thing {k}." for k in range(3)]
    np.testing.assert_array_equal(phrases, encoders.load("wordllama").encode(sentences))
