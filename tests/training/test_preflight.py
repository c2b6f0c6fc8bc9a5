"""What fails before anything trains, and what an interrupted run is said to have cost."""

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import TINY

from clear_bench.config.plugins import available, load
from clear_bench.runs.attempts import begin_attempt
from clear_bench.runs.files import ATTEMPTS
from clear_bench.training import execute as module
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.training.parallel import execute_all
from clear_bench.training.plan import plan
from clear_bench.training.preflight import check
from clear_bench.training.recognition import Recognition
from clear_bench.utils.errors import UserError

RETRIEVAL = [
    key
    for key in sorted(available("method"))
    if (recipe := load("method", key).METHOD.retrieval) and recipe["parent"] == "clear"
]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def planned(market, method="clear", **changes):
    where = {"root": Path("runs"), "data_root": market}
    return plan(method, "market1501", "smoke", 0, changes, **where)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"retrieval.model.embedding": "bth"}, "embedding=bth: must be one of both, soft, hard"),
        ({"retrieval.model.margin_loss": "angle"}, "margin_loss=angle: must be one of"),
        ({"retrieval.model.combine": "cat"}, "combine=cat: must be one of"),
        ({"retrieval.model.dropout": 2.0}, "dropout"),
        ({"retrieval.model.visual_depth": 0}, "adapter depth 0 needs 256 inputs, there are 64"),
    ],
)
@pytest.mark.parametrize("side_by_side", [False, True])
def test_wrong_model_values_fail_before_anything_trains(
    market, monkeypatch, change, message, side_by_side
):
    monkeypatch.setattr(module, "_make", lambda *_: pytest.fail("something is made"))
    with pytest.raises(UserError, match=message) as caught:
        runs = planned(market, **(TINY | {"text.encoder": "glove"} | change))
        if side_by_side:
            execute_all(runs, Cache(Path("cache")), 2)
        else:
            execute(runs, Cache(Path("cache")))
    assert "\n" not in str(caught.value)
    assert not Path("runs").exists()


@pytest.mark.parametrize("method", RETRIEVAL)
def test_every_method_as_it_is_passes_and_draws_no_random_number(market, method):
    changes = {"text.encoder": "glove"} if "text" in load("method", method).METHOD.retrieval else {}
    before = torch.get_rng_state()
    check(planned(market, method, **changes), Cache(Path("cache")))
    assert torch.equal(torch.get_rng_state(), before)
    assert not Path("runs").exists()


def test_a_parent_that_reads_text_is_given_some(market):
    changes = {"retrieval.parent": "vtb"}
    check(planned(market, "asmr", **changes), Cache(Path("cache")))
    assert not Path("runs").exists()


def test_an_attempt_that_was_killed_counts_up_to_its_last_file(tmp_path):
    folder = tmp_path / "run"
    assert begin_attempt(folder).before == 0
    assert begin_attempt(folder).before == 0  # it wrote nothing
    now = time.time()
    (folder / "deep").mkdir()
    for name, age in (("last.pth", 70), ("deep/log", 40), (".lock", 5)):
        (folder / name).touch()
        os.utime(folder / name, (now - age, now - age))
    (folder / ATTEMPTS).write_text(json.dumps({"before": 7.5, "began": now - 100}))
    third, fourth = begin_attempt(folder), begin_attempt(folder)
    assert third.before == pytest.approx(7.5 + 60, abs=1e-3)
    assert fourth.before == pytest.approx(7.5 + 60, abs=1e-3)  # the third wrote nothing
    assert third.making == fourth.making and fourth.first == pytest.approx(now - 100)


def test_wall_seconds_are_of_all_attempts(market, monkeypatch):
    runs = planned(market, "clear", **TINY)[:1]
    original = Recognition.make

    def dies(task):
        run = task.run
        (run.folder / "train.log").touch()
        when = json.loads((run.folder / ATTEMPTS).read_text())["began"] + 1000
        os.utime(run.folder / "train.log", (when, when))
        raise KeyboardInterrupt

    monkeypatch.setattr(Recognition, "make", dies)
    with pytest.raises(KeyboardInterrupt):
        execute(runs, Cache(Path("cache")))
    monkeypatch.setattr(Recognition, "make", original)
    clock = iter([50.0, 57.5])
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    (record,) = execute(runs, Cache(Path("cache")))
    assert record.cost["wall_seconds"] == pytest.approx(1000 + 7.5, abs=1e-2)
    assert record.cost["train_seconds"] == pytest.approx(
        np.sum([row["seconds"] for row in record.history])
    )
    assert not (runs[0].folder / ATTEMPTS).exists()
