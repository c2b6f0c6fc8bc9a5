"""What a run will cost, from records: scaling, the choice of records, and the words."""

import numpy as np
import pandas as pd
import pytest

from clear_bench.config.compose import compose
from clear_bench.data.dataset import Dataset
from clear_bench.data.schema import Attribute, Schema
from clear_bench.runs.files import RECORD
from clear_bench.runs.forecast import (
    expected_seconds,
    first_words,
    forecast,
    run_seconds,
    unfinished,
)
from clear_bench.runs.provenance import machine
from clear_bench.runs.record import Record
from clear_bench.runs.run import Run
from clear_bench.utils.run_progress import UNKNOWN

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
        {"task": "retrieval", "config": {**good.config, "retrieval": {"model": {}}}},
        {"profile": "paper"},
        {"provenance": {**machine(), "cpu": "abacus"}},
        {"provenance": {**machine(), "cores": 4096}},
        {"data": {"train_images": 0}},
    ):
        assert run_seconds(run, [good.model_copy(update=change)]) is None, change


def test_of_what_never_ran_the_nearest_says_something(make):
    run = make()
    other = record(make(method="vit", **{"recognition.train.epochs": 6}), wall=90.0)
    assert run_seconds(run, [other]) == pytest.approx(5 * 12 + 60)
    assert run_seconds(run, [other, record(run)]) == pytest.approx(50), "its own say more"
    small = make(**{"data.image_size": [32, 32]})
    assert small.config["data"]["image_size"] != run.config["data"]["image_size"]
    height, width = run.config["data"]["image_size"]
    share = height * width / 32**2
    rest, epochs = 20, run.section["train"]["epochs"]
    near = record(small, wall=5.0 * epochs + rest)
    assert run_seconds(run, [near]) == pytest.approx(share * 5.0 * epochs + rest)
    idle = other.model_copy(update={"cost": {**other.cost, "train_seconds": 0.0}})
    assert run_seconds(run, [idle]) is None, "what learns nothing says nothing of what learns"


def test_the_first_words_read_few_records(make, monkeypatch):
    for seed in range(3):
        for method in ("vit", "alm"):
            each = make(method=method, seed=seed)
            record(each, metrics={"selected": {"val": {}, "test": {}}}).save(each.folder)
    (each.folder.parent / "alm-recognition-synthped-default-s9-0").mkdir()
    (each.folder.parent / "alm-recognition-synthped-default-s9-0" / RECORD).write_text("{")
    read = []
    load = Record.load.__func__
    monkeypatch.setattr(Record, "load", classmethod(lambda c, f: read.append(f) or load(c, f)))
    assert expected_seconds([make()])[make().id] is not None
    assert len(read) == 2, "one of each method, and a damaged one says nothing"
    words = first_words("to train", [make(), make(seed=1)], 2)
    assert words.startswith("to train: 2 runs to do, about 0:0")
    assert words.endswith(" with 2 side by side")


def test_the_most_alike_decide(make):
    run, other = make(), make(**{"recognition.model.depth": 0})
    elsewhere = record(run, wall=80.0, dataset="peta")
    assert run_seconds(run, [record(other, wall=500.0)]) == pytest.approx(500)
    assert run_seconds(run, [record(other, wall=500.0), elsewhere]) == pytest.approx(80)
    assert run_seconds(run, [elsewhere, record(run)]) == pytest.approx(50)
    several = [record(run, wall=w) for w in (40.0, 50.0, 90.0)]
    assert run_seconds(run, several) == pytest.approx(50)


def said(runs, known, workers):
    """Return what is said of runs whose seconds these records tell."""
    todo = unfinished(runs)
    return forecast(todo, {name: run_seconds(run, known) for name, run in todo.items()}, workers)


def test_a_study_takes_its_sum_shared_by_the_workers_or_its_longest_chain(make):
    known = [record(make())]
    three = [make(seed=s) for s in range(3)]
    assert said([*three, three[0]], known, 1) == "3 runs to do, about 0:02:30"
    assert "about 0:01:15 with 2 side by side" in said(three, known, 2)
    assert "about 0:00:50 with 9 side by side" in said(three, known, 9)
    child = make(task="retrieval", parent=three[0])
    both = [*known, record(child, wall=10.0, epoch=0.5)]
    assert "about 0:01:00 with 9 side by side" in said([three[0], child], both, 9)


def test_what_is_not_known_is_said(make):
    strange = make(**{"recognition.train.epochs": 0})
    assert said([strange], [], 1) == f"1 runs to do, {UNKNOWN}"
    some = said([strange, make()], [record(make())], 1)
    assert some == f"1 runs to do, about 0:00:50, and 1 of which there is {UNKNOWN}"
    assert said([], [], 1) == "0 runs to do, about 0:00:00"


def test_a_record_keeps_what_an_run_seconds_needs(make):
    kept = Record.model_validate_json(record(make()).model_dump_json())
    assert run_seconds(make(), [kept]) == pytest.approx(50)
