"""The published recipes of profile ``paper``: they compose, and their parts are in the networks."""

import pytest
from methods import RECIPES, build_method
from retrieval_tables import write_table

from clear_bench.config.compose import compose
from clear_bench.config.plugins import available, load, tasks_of
from clear_bench.engine.building import build
from clear_bench.engine.optimizer import factors
from clear_bench.engine.schedules import schedule


def rates_of(method, task):
    return compose(method, "peta", "paper")[task]["train"]["rates"]


PARTED = [(m, t) for m in sorted(available("method")) for t in tasks_of(m) if rates_of(m, t)]


@pytest.mark.parametrize("method", sorted(available("method")))
@pytest.mark.parametrize("protocol", ["clear-bench", "field", "field-oracle"])
def test_every_recipe_can_be_run_by_every_protocol(method, protocol):
    config = compose(method, "peta", "paper", overrides={"protocol.name": protocol})
    for task in tasks_of(method):
        train = config[task]["train"]
        if train["epochs"]:
            held_out = protocol == "clear-bench"
            assert isinstance(schedule(train, "mA", held_out=held_out), list)
            assert all(m < train["epochs"] for m in train["milestones"])


@pytest.mark.parametrize(("method", "task"), PARTED)
def test_the_parts_of_a_recipe_are_in_its_network(method, task, tmp_path):
    """At the default scale, whose networks have the same parts."""
    if task == "recognition":
        model = build_method(method, tmp_path)
    else:
        write_table(tmp_path)
        recipe = load("method", method).METHOD.retrieval["model"]
        model = build({**recipe, "table": str(tmp_path / "table.npz")})
    found = factors(model, rates_of(method, task))
    assert set(found.values()) == set(rates_of(method, task).values())
    assert len(found) < sum(1 for p in model.parameters() if p.requires_grad)


def test_several_methods_have_rates_of_parts():
    assert {m for m, _ in PARTED} >= {"asmr", "label2label", "promptpar"}
    assert set(RECIPES) == set(available("method"))
