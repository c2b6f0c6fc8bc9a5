"""Options of the literature's protocol: what may stand together, and what leaves runs alone."""

import pytest

from clear_bench.config.compose import compose
from clear_bench.config.numbers import completed, identity
from clear_bench.utils.errors import UserError

STEP = {"recognition.train.schedule": "step"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"recognition.train.epochs": 2},
            r"^recognition\.train\.warmup_epochs=2 must be below recognition\.train\.epochs=2$",
        ),
        ({"protocol.threshold": "vla"}, "protocol.threshold='vla': .* or: .*'val'"),
        (STEP, r"recognition\.train\.milestones=\[\]: schedule=step, and no other"),
        ({**STEP, "recognition.train.milestones": [4, 2]}, r"milestones=\[4, 2\]: must rise"),
        ({"recognition.train.milestones": [4]}, "schedule is cosine"),
        (
            {"data.train_on": "train+val", "protocol.select": "val"},
            "no images are held out for protocol.select=val; set protocol.select=last",
        ),
        (
            {"protocol.name": "field", "protocol.threshold": "val"},
            "no images are held out for protocol.threshold=val; set protocol.threshold=0.5",
        ),
        (
            {"protocol.name": "field", "recognition.train.schedule": "plateau"},
            "no images are held out for recognition.train.watch=metric; set .*watch=loss",
        ),
        (
            {"retrieval.train.schedule": "plateau", "retrieval.train.watch": "loss"},
            "retrieval.train.watch=loss: retrieval has no loss on val",
        ),
        ({"retrieval.train.rates": {"text": -1}}, r"retrieval\.train\.rates\.text=-1"),
    ],
)
def test_what_does_not_fit_together_is_one_clear_line(overrides, message):
    with pytest.raises(UserError, match=message) as caught:
        compose("clear", "peta", overrides=overrides)
    assert "\n" not in str(caught.value)


def test_val_can_be_trained_on():
    """Then the last epoch counts; named protocols say both, and each rule can be overridden."""
    changed = compose("clear", "peta", overrides={"data.train_on": "train+val"})
    assert changed["protocol"] == {**compose("clear", "peta")["protocol"], "select": "last"}
    for name, select in (("field", "last"), ("field-oracle", "oracle")):
        config = compose("clear", "peta", overrides={"protocol.name": name})
        assert (config["data"]["train_on"], config["protocol"]["select"]) == ("train+val", select)
    both = {"protocol": {"name": "field"}, "data.train_on": "train"}
    config = compose("clear", "peta", overrides=both)
    assert (config["data"]["train_on"], config["protocol"]["select"]) == ("train", "last")


def test_new_options_leave_the_identity_of_a_run_alone():
    """At their neutral values; an older record is completed with them."""
    config = compose("clear", "peta")
    known = identity(config)
    assert not {"train_on", "letterbox"} & set(known["data"])
    assert "select" not in known["protocol"]
    train = set(known["recognition"]["train"])
    assert not {"rates", "milestones", "factor", "watch", "nesterov", "floor"} & train
    assert set(known["recognition"]["augment"]) == {"pad", "flip"}
    assert completed(known) == config


def test_the_rates_of_parts_are_one_value():
    rates = {"retrieval.train.rates": {"visual": 2.0}}
    config = compose("asmr", "peta", "paper", overrides=rates)
    assert config["retrieval"]["train"]["rates"] == {"visual": 2.0}
