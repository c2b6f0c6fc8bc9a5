"""No number changes unnoticed: every numbers version against the numbers that it stands for."""

import pytest
from compare import advice, load
from probes import names, values_of

from clear_bench.config.numbers import current

GOLDEN = load()


@pytest.mark.parametrize("name", names())
def test_the_numbers_are_those_of_their_version(name, tmp_path):
    assert name in GOLDEN, f"{name}: has no golden numbers yet; run `make golden`"
    version = current(name)
    values = values_of(name, tmp_path)
    wrong = advice(name, version, GOLDEN[name], values)
    assert not wrong, wrong
    new = set(values) - set(GOLDEN[name]["values"])
    assert not new, f"{name}: {sorted(new)[:3]} are new; run `make golden` and commit its file"
    assert version == GOLDEN[name]["version"], f"{name}: run `make golden` and commit its file"


def test_nothing_golden_is_left_over():
    assert set(GOLDEN) == set(names())


def test_what_is_said_of_a_change():
    golden = {"version": 3, "values": {"losses": [2.0, 1.0], "order": "abc"}}
    same, other = {"losses": [2.00001, 1.0], "order": "abc"}, {"losses": [2.1, 1.0], "order": "abc"}
    name = "method.dafl.recognition"
    assert advice(name, 3, golden, same) == ""
    assert "raise it to 4 in baselines/dafl.py" in advice(name, 3, golden, other)
    assert "2 became 2.1" in advice(name, 3, golden, other)
    assert "put it back to 3" in advice(name, 4, golden, same)
    assert advice(name, 4, golden, other) == ""
    assert "raised by one, to 4" in advice(name, 5, golden, other)
    assert "order is another text" in advice(name, 3, golden, {**same, "order": "acb"})
    assert "other numbers" in advice(name, 3, golden, {"losses": [2.0, 1.0]})
    assert advice(name, 3, golden, {**same, "more": [1.0]}) == ""  # new, and nothing moved
    assert "2 numbers where" not in advice(name, 3, golden, same)
    assert advice(name, 1, None, same) == ""
    assert "must start at 1" in advice(name, 2, None, same)
    assert "nan" in advice(name, 3, golden, {**same, "losses": [float("nan"), 1.0]})
