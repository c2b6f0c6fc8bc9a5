"""Every option of every network is declared: what means nothing is refused in the plan."""

import random
import subprocess
import sys

import pytest

from clear_bench.config import plugins
from clear_bench.config.compose import PROFILES, compose
from clear_bench.config.declared import declared
from clear_bench.config.dotted import flatten, parse_overrides, set_value
from clear_bench.config.options import Choice, Divides, Either, Filled, Range, Several, Switch, Text
from clear_bench.config.sections import TYPED
from clear_bench.utils.errors import UserError

METHODS = sorted(plugins.available("method"))
NONSENSE = ("angulr", "", -1, -1.5, 10**30, float("nan"), float("inf"), True, None, [], [[]], ["x"],
            {}, {"a": 1}, "\0", "x" * 10_000, 0)  # fmt: skip


def recipe(method):
    """Return a method's constant without torch."""
    return declared(plugins.module_of("method", method), "METHOD")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "retrieval.model.margin_loss=angulr",
            "retrieval.model.margin_loss=angulr: must be one of angular, .*; did you mean angular",
        ),
        (
            "recognition.model.fusion=bth",
            "recognition.model.fusion=bth: must be one of none, both.* mean both",
        ),
        ("recognition.model.vit.depht=3", "unknown configuration key .* mean .*vit.depth"),
        ("recognition.model.vit={name: x, deptth: 2}", "unknown configuration key .*vit.deptth"),
        ("recognition.model.heads=7", "recognition.model.dim=256: must be a multiple of heads=7"),
        ("recognition.model.branches=[vit]", "recognition.model.fusion=both: a lone branch"),
        ("retrieval.model.dropout=.nan", "retrieval.model.dropout=nan: must be a number from 0 be"),
        ("retrieval.model.dropout=1", r"retrieval.model.dropout=1.0: must be"),
        ("retrieval.model.scale=0", "retrieval.model.scale=0.0: must be a number greater than 0"),
        ("retrieval.model.made=10000000000000", "must be a whole number from 0 to 1e"),
        ("threads=99999999999999", "threads=99999999999999: must be a whole number from 1 to 1024"),
        ("data.split=2020-13-45", "unknown split '2020-13-45'"),
        ("retrieval.model.shared=1", "retrieval.model.shared=1: must be bool"),
        ("recognition.model.swin.channel_stages=[7]", "channel_stages=.*: must be a whole number"),
        ("recognition.model.vit.weights_sha256=yes it is", "weights_sha256=.*: must be a sha256"),
        ("recognition.init=" + "[" * 1500, "the value is not YAML .nested too deep"),
        ("recognition.init=&a [*a]", "the value is not YAML .has an alias"),
        ("recognition.init=!!python/object:os.system x", "the value is not YAML .has a tag"),
        ("recognition.train.epochs=" + "9" * 5000, "the value is not YAML"),
        ("recognition.train.epochs=9999999999", "recognition.train.epochs=9999999999"),
        ("data.image_size=[100000, 100000]", "data.image_size"),
    ],
)
def test_what_means_nothing_is_one_line_of_the_plan(override, message):
    with pytest.raises(UserError, match=message) as caught:
        compose("clear", "peta", overrides=parse_overrides([override]))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("method", METHODS)
def test_every_option_of_every_recipe_is_declared(method):
    """`compose` refuses one that is not; and nothing is declared that no recipe could have."""
    constant = recipe(method)
    for task in constant.tasks:
        given = {name for name, _ in flatten(getattr(constant, task)["model"])} - {"type"}
        known = constant.options[task].options if task in constant.options else {}
        assert given <= set(known)
        own = {name for name in known if "." not in name}
        assert own <= given, "an option without a default is none that --set finds"
    for profile in PROFILES:
        for dataset in ("synthped", "peta", "upar"):
            compose(method, dataset, profile)


@pytest.mark.parametrize("method", METHODS)
def test_the_words_of_every_option_are_there(method):
    """What a message, or ``--show-config``, says of an option."""
    for model in recipe(method).options.values():
        for name, option in model.options.items():
            assert option.words()
            assert "\n" not in option.words(), name


def leaves(method):
    """Return every dotted key that ``--set`` takes, to its value."""
    config = compose(method, "synthped")
    return {k: v for k, v in flatten(config) if "." in k}


def _trials(seed, count):
    rng = random.Random(seed)  # noqa: S311 - for tests
    known = {method: leaves(method) for method in METHODS}
    for _ in range(count):
        method = rng.choice(METHODS)
        key = rng.choice(sorted(known[method]))
        yield method, key, rng.choice(NONSENSE)


def _try(method, key, value):
    """Say whether a value was taken; anything but a `UserError` of one line fails."""
    try:
        config = compose(method, "synthped", overrides={key: value})
    except UserError as error:
        assert "\n" not in str(error)
        return False
    taken = dict(flatten(config)).get(key, value)
    plain = [part for part in (taken if isinstance(taken, list) else [taken])]
    assert all(part == part and part not in (float("inf"), float("-inf")) for part in plain)
    return True


@pytest.mark.parametrize(
    ("seed", "count"), [(0, 200), pytest.param(1, 5000, marks=pytest.mark.slow)]
)
def test_no_value_of_any_setting_ends_in_a_traceback(seed, count):
    taken = sum(_try(*trial) for trial in _trials(seed, count))
    assert 0 < taken < count / 2


@pytest.mark.parametrize("method", METHODS)
def test_a_word_that_is_nearly_right_is_refused_whatever_the_option(method):
    """No option that is a choice of words takes another one."""
    constant = recipe(method)
    for task in constant.tasks:
        model = constant.options.get(task)
        for name, option in (model.options if model else {}).items():
            if not isinstance(option, Choice):
                continue
            config = compose(method, "synthped")
            key = f"{task}.model.{name}"
            if key not in dict(flatten(config)):
                continue
            with pytest.raises(UserError, match=key):
                compose(method, "synthped", overrides={key: option.values[-1] + "x"})


def test_a_setting_keeps_its_type():
    config = {"retrieval": {"model": {"scale": 16.0}}}
    set_value(config, "retrieval.model.scale", 3)
    assert isinstance(config["retrieval"]["model"]["scale"], float)
    assert all(path for path in TYPED)


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [
        (Choice(("a", "b")), ["a"], ["c", None, 1, ["a"]]),
        (Range(0, 1), [0, 1, 0.5], [-1, 2, "0", True, float("nan"), float("inf"), 10**400]),
        (Range(0, 1, above=True, below=True), [0.5], [0, 1]),
        (Range(whole=True), [3, -3], [3.0, float("inf")]),
        (Switch(), [True, False], [1, 0, None, "true"]),
        (Text("[a-z]+", "a word"), ["ab"], ["", "A", 1, None]),
        (Several(Range(0, 3, whole=True), 1, 2), [[0], (1, 2)], [[], [4], [1, 1, 1], "1", 1]),
        (Either(Switch(), Range(1)), [True, 2], [0, "x"]),
        (Filled(), [[], ()], [[1], None, 3, "x"]),
    ],
)
def test_options(option, good, bad):
    assert [option.wrong(value) for value in good] == [""] * len(good)
    assert all(option.wrong(value).startswith("must be ") for value in bad)


def test_a_rule_of_division():
    assert Divides("heads", "dim")({"heads": 3, "dim": 9}) == ""
    assert Divides("heads", "dim")({"heads": 3}) == ""
    assert "multiple of heads=2" in Divides("heads", "dim")({"heads": 2, "dim": 9})
    assert "multiple of 4" in Divides(4, "vit.dim")({"vit": {"dim": 9}})


QUICK = """
import sys
for name in ("torch", "timm", "mmengine"):
    sys.modules[name] = None
from clear_bench import train
from clear_bench.utils.command_line import main
main(train.app)
"""


def test_a_plan_refuses_without_torch_and_writes_nothing(tmp_path):
    command = ["--dry-run", "--runs", str(tmp_path / "runs"), "--set"]
    said = subprocess.run(
        [sys.executable, "-c", QUICK, *command, "retrieval.model.margin_loss=angulr"],
        capture_output=True,
        text=True,
    )
    assert said.returncode == 2
    assert said.stderr.startswith("error: retrieval.model.margin_loss=angulr: must be one of")
    assert said.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()
