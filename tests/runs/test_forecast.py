"""What a run will cost, from records: scaling, the choice of records, and the words."""

import numpy as np
import pandas as pd
import pytest

from clear_bench.config.compose import compose
from clear_bench.data.dataset import Dataset
from clear_bench.data.schema import Attribute, Schema
from clear_bench.runs.forecast import UNKNOWN, forecast, run_seconds
from clear_bench.runs.provenance import machine
from clear_bench.runs.record import Record
from clear_bench.runs.run import Run

SCHEMA = Schema((Attribute("hat", "wearing", "a hat", "no hat"),))


@pytest.fixture
def make(tmp_path):
    """Return a function that makes an unfinished run over some training images."""

    def run(images=100, task="recognition", method="clear", seed=0, parent=None, **overrides):
        table = pd.DataFrame({"path": "x.png", "split": "train", "person": "0", "camera": "",
                              "hat": np.zeros(images, np.uint8)})  # fmt: skip
        data = Dataset("synthped", "a", "b", tmp_path, SCHEMA, table)
        data.__dict__["fingerprint"] = f"of {images}"  # no files
        config = compose(method, "synthped", "default", seed, overrides)
        return Run(config, task, data, tmp_path, parent)

    return run


def record(run, images=100, wall=50.0, epoch=5.0, provenance=None, **rest):
    """Return the record of a run: by default 6 epochs of 5 s and 20 s for everything else."""
    epochs = run.section["train"]["epochs"]
    cost = {"wall_seconds": wall, "seconds_per_epoch": epoch, "train_seconds": epoch * epochs}
    found = run.record(status="finished", data={"train_images": images}, cost=cost,
                       provenance=machine() if provenance is None else provenance)  # fmt: skip
    return found.model_copy(update=rest)


def test_the_same_run_again_costs_the_same(make):
    assert run_seconds(make(), [record(make())]) == pytest.approx(50)


def test_it_scales_with_images_and_epochs(make):
    known = [record(make())]
    assert run_seconds(make(images=300), known) == pytest.approx(150)
    longer = make(**{"recognition.train.epochs": 24})
    assert run_seconds(longer, known) == pytest.approx(-10 + 24 * 5)
    half = make(**{"data.identities": 0.5})
    assert run_seconds(half, known) == pytest.approx(25)


def test_what_says_nothing_is_left_out(make):
    run = make()
    good = record(run)
    assert run_seconds(run, []) is None
    for change in (
        {"status": "failed"},
        {"method": "vit"},
        {"task": "retrieval", "config": {**good.config, "retrieval": {"model": {}}}},
        {"profile": "paper"},
        {"provenance": {**machine(), "cpu": "abacus"}},
        {"provenance": {**machine(), "cores": 4096}},
        {"config": {**good.config, "threads": 2}},
        {"config": {**good.config, "data": {**good.config["data"], "image_size": [256, 128]}}},
        {"data": {"train_images": 0}},
    ):
        assert run_seconds(run, [good.model_copy(update=change)]) is None, change


def test_the_most_alike_decide(make):
    run, other = make(), make(**{"recognition.model.depth": 0})
    elsewhere = record(run, wall=80.0, dataset="peta")
    assert run_seconds(run, [record(other, wall=500.0)]) == pytest.approx(500)
    assert run_seconds(run, [record(other, wall=500.0), elsewhere]) == pytest.approx(80)
    assert run_seconds(run, [elsewhere, record(run)]) == pytest.approx(50)
    several = [record(run, wall=w) for w in (40.0, 50.0, 90.0)]
    assert run_seconds(run, several) == pytest.approx(50)


def test_a_study_takes_its_sum_shared_by_the_workers_or_its_longest_chain(make):
    known = [record(make())]
    three = [make(seed=s) for s in range(3)]
    assert forecast([*three, three[0]], known, 1) == "3 runs to do, about 0:02:30"
    assert "about 0:01:15 with 2 side by side" in forecast(three, known, 2)
    assert "about 0:00:50 with 9 side by side" in forecast(three, known, 9)
    child = make(task="retrieval", parent=three[0])
    both = [*known, record(child, wall=10.0, epoch=0.5)]
    assert "about 0:01:00 with 9 side by side" in forecast([three[0], child], both, 9)


def test_what_is_not_known_is_said(make):
    strange = make(method="vit")
    assert forecast([strange], [], 1) == f"1 runs to do, {UNKNOWN}"
    some = forecast([strange, make()], [record(make())], 1)
    assert some == f"1 runs to do, about 0:00:50, and 1 of which nothing is known ({UNKNOWN})"
    assert forecast([], [], 1) == "0 runs to do, about 0:00:00"


def test_a_record_keeps_what_an_run_seconds_needs(make):
    kept = Record.model_validate_json(record(make()).model_dump_json())
    assert run_seconds(make(), [kept]) == pytest.approx(50)
