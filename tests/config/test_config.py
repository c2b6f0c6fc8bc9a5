"""Composition of configurations, plugins, provenance."""

import importlib
import json
from pathlib import Path

import pytest
import yaml

from clear_bench.config import plugins
from clear_bench.config.compose import compose, for_task
from clear_bench.config.dotted import parse_overrides
from clear_bench.config.method import TASKS
from clear_bench.runs.code import ENGINE, closure, code_hash, parsed
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import digest


def test_layers_and_defaults():
    config = compose("clear", "peta", "smoke", seed=3)
    assert config["data"]["split"] == "random0"
    assert config["data"]["label_set"] == "35"
    assert config["seed"] == 3
    assert config["data"]["image_size"] == [64, 32]
    assert config["recognition"]["train"]["epochs"] == config["retrieval"]["train"]["epochs"] == 2
    assert json.loads(json.dumps(config)) == config
    paper = compose("clear", "peta", "paper")
    assert paper["data"]["image_size"] == [256, 128]
    assert paper["recognition"]["model"]["swin"]["name"].startswith("swin_base")
    assert "embed_dim" not in paper["recognition"]["model"]["swin"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"data.splitt": "random1"}, "unknown configuration key 'data.splitt'; did you mean"),
        ({"data.split": "random9"}, "unknown split 'random9'"),
        ({"recognition.train.lr": -1}, "recognition.train.lr=-1"),
        ({"recognition.train.lr": "fast"}, "recognition.train.lr='fast'"),
        ({"recognition.model.depth": "two"}, "must be int"),
        ({"train.lr": 1e-3}, "ambiguous; write recognition.train.lr or retrieval.train.lr"),
        ({"data.identities": 0}, "data.identities=0"),
        ({"protocol.threshold": 1.5}, "protocol.threshold=1.5"),
        (
            {"recognition.train.epochs": 2},
            "warmup_epochs=2 must be below",
        ),
        ({"seed": 4}, "unknown configuration key 'seed'"),
    ],
)
def test_bad_overrides_are_one_clear_line(overrides, message):
    with pytest.raises(UserError, match=message) as caught:
        compose("clear", "peta", overrides=overrides)
    assert "\n" not in str(caught.value)


def test_a_key_of_one_task_needs_no_prefix():
    config = compose("clear", "peta", overrides={"text.encoder": "glove", "augment.pad": 0})
    assert config["retrieval"]["text"]["encoder"] == "glove"
    assert config["recognition"]["augment"]["pad"] == 0


def test_words_of_the_command_line():
    found = parse_overrides(["a=5e-4", "b=[1, 2]", "c=true", "d=minilm@last", "e=null"])
    assert found == {"a": 5e-4, "b": [1, 2], "c": True, "d": "minilm@last", "e": None}
    with pytest.raises(UserError, match="must be KEY=VALUE"):
        parse_overrides(["lonely"])
    with pytest.raises(UserError, match="not YAML"):
        parse_overrides(["a=[1"])


def test_unknown_names_say_the_nearest():
    with pytest.raises(UserError, match="unknown method 'cleer'; did you mean clear"):
        compose("cleer", "peta")
    with pytest.raises(UserError, match="unknown profile 'papr'"):
        compose("clear", "peta", "papr")


def test_recognition_does_not_depend_on_retrieval():
    one = compose("clear", "peta")
    other = compose("clear", "peta", overrides={"text.encoder": "glove"})
    assert digest(for_task(one, "recognition")) == digest(for_task(other, "recognition"))
    assert digest(for_task(one, "retrieval")) != digest(for_task(other, "retrieval"))


def test_every_plugin_has_a_summary():
    for kind in plugins.PACKAGES:
        for key in plugins.available(kind):
            assert len(plugins.summary(kind, key)) > 20


def test_code_hash_sees_code_and_not_words(tmp_path, monkeypatch):
    package = tmp_path / "ablations_like"
    package.mkdir()
    (package / "__init__.py").write_text("")
    module = package / "one.py"
    monkeypatch.syspath_prepend(tmp_path)

    def hashed(text):
        module.write_text(text)
        code_hash.cache_clear()
        parsed.cache_clear()
        return code_hash("ablations_like.one")

    before = hashed('"""Words."""\nX = 1\n')
    assert hashed('"""Other words."""\n# a comment\nX  =  1\n') == before
    assert hashed('"""Words."""\nX = 2\n') != before
    assert hashed('"""Words."""\nimport os\nX = 1\n') == before  # where things come from
    (package / "two.py").write_text("X = 1")
    assert code_hash("ablations_like.two") == before  # nor what a file is called
    code_hash.cache_clear()


NUMBERLESS = ("runs", "utils")
"""Packages whose code decides no number: what a run is called, where it lies, what it tells."""


def test_the_pipeline_depends_on_all_code_that_makes_numbers():
    root = Path(__file__).parents[2]
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]
    watched = [root / dep for dep in stages["train"]["do"]["deps"] if "$" not in dep]
    for key, module in plugins.available("method").items():
        for name in closure(module, *(ENGINE.format(task) for task in TASKS)):
            file = Path(importlib.import_module(name).__file__)
            if file.parent.name in NUMBERLESS or file.parent == root / "clear_bench":
                continue
            assert any(file == w or w in file.parents for w in watched), f"{key} needs {file}"


def test_a_whole_section_can_be_set():
    swap = {"recognition.model.vit": {"name": "vit_tiny_patch16_224", "depth": 2}}
    assert (
        compose("clear", "peta", overrides=swap)["recognition"]["model"]["vit"]
        == swap["recognition.model.vit"]
    )
    change = {"recognition.model.vit": {"depth": 2}}
    model = compose("clear", "peta", overrides=change)["recognition"]["model"]
    assert model["vit"]["depth"] == 2
    assert model["vit"]["embed_dim"] == 128
    with pytest.raises(UserError, match=r"did you mean recognition\.model\.vit\.depth"):
        compose("clear", "peta", overrides={"recognition.model.vit": {"deptth": 2}})
