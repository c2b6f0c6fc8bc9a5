"""Terminal tables: nothing that identifies a row is cut, whatever the width."""

import re

import pytest
from fake_runs import fake_run
from hypothesis import given
from hypothesis import strategies as st

from clear_bench.runs.summary import show
from clear_bench.utils.terminal import blocks, print_table


@given(
    st.integers(20, 200),
    st.lists(st.integers(1, 30), min_size=1, max_size=2),
    st.lists(st.integers(1, 30), min_size=1, max_size=12),
)
def test_every_column_stands_in_one_part_that_fits(width, keys, heads):
    rows = [["x" * n for n in keys + heads]]
    names = ["k"] * len(keys), ["h"] * len(heads)
    parts = list(blocks(width, *names, rows))
    assert [p for part in parts for p in part] == list(range(len(heads)))
    taken = 1 + sum(n + 3 for n in keys)
    for part in parts:
        assert len(part) == 1 or taken + sum(3 + heads[p] for p in part) <= width


@pytest.mark.parametrize("width", [40, 80, 160])
def test_names_and_numbers_are_whole(width, capsys, monkeypatch):
    monkeypatch.setattr("clear_bench.utils.terminal.wide_console", lambda: console(width))
    name = "a method with a name of forty letters, yes"
    print_table("t", ["method", "seed"], [f"m{k}" for k in range(9)],
                [[name, "0", *(f"{k}1.23 ± 4.5{k}" for k in range(9))]])  # fmt: skip
    text = capsys.readouterr().out
    assert "…" not in text
    flat = re.sub(r"[^a-z]", "", "".join(text.split()))
    assert re.sub(r"[^a-z]", "", name) in flat or width < 80
    assert all(f"{k}1.23 ± 4.5{k}" in text for k in range(9))


def console(width):
    from rich.console import Console

    return Console(width=width)


def test_last_has_a_row_where_it_differs(tmp_path, capsys):
    same = fake_run(tmp_path, seed=0)
    show([same, fake_run(tmp_path, seed=1)])
    text = capsys.readouterr().out
    assert "checkpoint" not in text and "last" not in text
    assert re.search(r"clear\s*│\s*1", text)
    metrics = {"selected": same.metrics["selected"], "last": {"test": {"mA": 0.5}}}
    show([same.model_copy(update={"metrics": metrics})])
    text = capsys.readouterr().out
    assert "checkpoint" in text and "last" in text
    assert same.run_id not in text
    show([same, fake_run(tmp_path, seed=0, overrides={"recognition.train.lr": 0.5})])
    assert same.run_id in capsys.readouterr().out
