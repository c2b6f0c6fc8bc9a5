"""Settings as YAML: what is printed is the configuration, and what is said of it is true."""

import re

import pytest
import yaml

from clear_bench.config.compose import compose
from clear_bench.config.describe import allowed, as_yaml, short_names
from clear_bench.config.dotted import NAMES, flatten
from clear_bench.config.plugins import available
from clear_bench.utils.errors import UserError


@pytest.mark.parametrize("method", sorted(available("method")))
def test_it_is_the_configuration_itself(method):
    config = compose(method, "synthped")
    assert yaml.safe_load(as_yaml(config)) == config


def test_short_names_are_taken_and_all_that_may_be_are_there():
    config = compose("clear", "synthped")
    short = short_names(config)
    assert short["retrieval.text.encoder"] == "text.encoder"
    assert "recognition.train.lr" not in short
    for full, name in short.items():
        (value,) = [v for k, v in flatten(config, sections=True) if k == full]
        assert compose("clear", "synthped", overrides={name: value}) == config
    for full, _ in flatten(config):
        rest = full.partition(".")[2]
        if full.startswith(("recognition.", "retrieval.")) and full not in short:
            with pytest.raises(UserError, match="ambiguous"):
                compose("clear", "synthped", overrides={rest: 1})


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("data.train_on", "train | train+val"),
        ("data.image_size", "2 of whole number >= 16 <= 4096"),
        ("recognition.train.lr", "number, > 0"),
        ("recognition.train.ema", "number, >= 0, < 0.5"),
        ("recognition.train.rates", "mapping to number > 0"),
        ("protocol.threshold", "number >= 0 < 1 | val"),
        ("recognition.augment.flip", "true or false"),
        ("recognition.model.dim", ""),
    ],
)
def test_what_a_setting_may_be(key, words):
    assert allowed("clear", key) == words


def test_each_choice_is_accepted_and_each_bound_refused():
    config, tried = compose("clear", "synthped"), 0
    for key, _ in flatten(config):
        words = allowed("clear", key)
        bounds = re.findall(r"^(?:whole )?number, (>=?) ([\d.]+)", words)
        for sign, bound in bounds:
            number = float(bound)
            wrong = int(number) - 1 if words.startswith("whole") else number - 0.5
            with pytest.raises(UserError, match=key):
                compose("clear", "synthped", overrides={key: wrong if sign == ">=" else number - 1})
            tried += 1
        if " | " in words and "number" not in words:
            with pytest.raises(UserError, match=key):
                compose("clear", "synthped", overrides={key: "no such choice"})
            tried += 1
    assert tried > 20


def test_every_key_says_how_it_is_set():
    config = compose("clear", "synthped")
    lines = as_yaml(config).splitlines()
    for name in NAMES:
        (line,) = [x for x in lines if x.startswith(f"{name}: ")]
        assert line.endswith(f"# --{name}")
    (line,) = [x for x in lines if x.strip().startswith("image_size: [64, 32]")]
    assert line.endswith("2 of whole number >= 16 <= 4096; height, width in pixels")
    (line,) = [x for x in lines if x.strip().startswith("encoder: ")]
    assert line.endswith("text; --set text.encoder=")
