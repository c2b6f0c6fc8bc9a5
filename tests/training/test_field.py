"""Runs by the literature's protocol: val trained on, the last epoch, its test-selected twin."""

import numpy as np
import pytest
import torch
from tiny import go

from clear_bench.config.protocol import is_oracle, said_of
from clear_bench.evaluate import again, differences
from clear_bench.metrics.recognition import per_attribute, recognition_metrics
from clear_bench.metrics.thresholds import chosen_thresholds
from clear_bench.results.groups import MARK_OF_ORACLE
from clear_bench.results.load import Results
from clear_bench.results.predictions import arrays_of, metrics_again
from clear_bench.runs.files import LAST, ORACLE, SELECTED
from clear_bench.training.cache import Cache
from clear_bench.training.trained_model import open_model

PLATEAU = {"recognition.train.schedule": "plateau", "recognition.train.watch": "loss"}
PARTS = {
    "recognition.train.rates": {"head": 10.0},
    "retrieval.train.rates": {"visual_adapter": 2.0},
    "retrieval.train.schedule": "step",
    "retrieval.train.milestones": [1],
}
COARSE = {"data.identities": 1.0} | {f"{t}.train.epochs": 2 for t in ("recognition", "retrieval")}


@pytest.fixture(scope="module")
def world(market, tmp_path_factory):
    """The same experiment by both protocols, in one folder of runs."""
    root = tmp_path_factory.mktemp("field")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        runs = {
            name: go(market, root / "runs", {**COARSE, **more, "protocol.name": name})
            for name, more in (("field", PLATEAU | PARTS), ("field-oracle", {}))
        }
    return root, runs


def weights(folder, name):
    return torch.load(folder / name, weights_only=True)["state_dict"]


def same(one, other):
    return all(torch.equal(one[k], other[k]) for k in other)


def test_val_is_trained_on_and_nothing_is_measured_there(world):
    runs, records = world[1]["field"]
    for run, record in zip(runs, records, strict=True):
        split = run.dataset.manifest["split"]
        assert record.data["train_images"] == split.isin(["train", "val"]).sum()
        assert "val_images" not in record.data
        assert {s for splits in record.metrics.values() for s in splits} == {"test"}
        assert record.metrics["selected"] == record.metrics["last"]
        assert record.selected_epoch == 2
        assert all(set(row) == {"epoch", "loss", "seconds"} for row in record.history)
        assert same(weights(run.folder, SELECTED), weights(run.folder, LAST))
        assert "|train:train+val|" in record.protocol
        assert "|select:last|" in record.protocol
        assert not is_oracle(record.protocol)
        assert run.judged(run.judge(record)).startswith("training loss ")


def test_the_twin_selects_on_test_and_is_called_oracle_everywhere(world):
    root, runs = world[0], world[1]["field-oracle"]
    for run, record in zip(*runs, strict=True):
        assert same(weights(run.folder, SELECTED), weights(run.folder, ORACLE))
        assert record.metrics["selected"] == record.metrics["oracle"]
        assert record.selected_epoch == record.oracle_epoch
        best = max(splits["test"][run.metric] for splits in record.metrics.values())
        assert record.metrics["selected"]["test"][run.metric] == best
        assert f"|select:oracle-on-test.{run.metric}|" in record.protocol
        assert said_of("selected", record.protocol) == "oracle: selected on test"
    results = Results.load(root / "runs", "smoke")
    for task in ("recognition", "retrieval"):
        field, oracle = results.by_protocol("market1501", task)
        assert [is_oracle(g.protocol) for g in (*field, *oracle)] == [False, True]
        assert oracle[0].label.endswith(MARK_OF_ORACLE)
        assert MARK_OF_ORACLE not in field[0].label


def test_both_are_evaluated_again_as_they_were(world, market):
    root, by_name = world
    for runs, records in by_name.values():
        for run, record in zip(runs, records, strict=True):
            found = again(run.folder, root / "runs", market, Cache(root / "cache"))
            assert differences(record.metrics, found) == []


def test_thresholds_chosen_on_val_reach_the_record_and_whoever_predicts(market, tmp_path):
    """Chosen of each checkpoint's own probabilities, and never on test."""
    changed = {**COARSE, "protocol.threshold": "val"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        runs, records = go(market, tmp_path / "runs", changed)
    run, record = runs[0], records[0]
    assert "|thr:val.mA|" in record.protocol
    kept = arrays_of(run.folder)
    probabilities, labels = kept["val_probabilities"], kept["val_labels"]
    chosen = chosen_thresholds(probabilities, labels, "mA")
    assert record.per_attribute["threshold"] == chosen.tolist()
    assert len(set(chosen)) > 1
    val = recognition_metrics(probabilities, labels, chosen)
    assert record.metrics["selected"]["val"] == pytest.approx(val)
    assert record.history[record.selected_epoch - 1]["mA"] == pytest.approx(val["mA"])
    assert val["mA"] > recognition_metrics(probabilities, labels)["mA"]
    test = kept["test_probabilities"], kept["test_labels"]
    assert record.metrics["selected"]["test"] == pytest.approx(metrics_again(run.folder, record))
    table = per_attribute(*test, chosen)["tnr"]
    np.testing.assert_allclose(np.array(record.per_attribute["tnr"], float), table)
    opened = open_model(runs[1].id, tmp_path / "runs")
    np.testing.assert_array_equal(opened.recogniser.record.threshold, chosen)


def test_a_plateau_may_watch_the_loss_on_val(market, tmp_path):
    """It is the weighted cross-entropy of the final logits, and only there if it is watched."""
    from clear_bench.models.losses import weighted_bce

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        runs, records = go(market, tmp_path / "runs", {**COARSE, **PLATEAU})
    kept = arrays_of(runs[0].folder)
    row = records[0].history[records[0].selected_epoch - 1]
    probabilities = torch.from_numpy(kept["val_probabilities"]).double()
    ratio = runs[0].dataset.labels[runs[0].dataset.rows("train")].mean(axis=0)
    labels = torch.from_numpy(kept["val_labels"]).double()
    expected = weighted_bce(probabilities.logit(), labels, torch.from_numpy(ratio).double())
    assert row["val_loss"] == pytest.approx(float(expected), rel=1e-4)
    assert "val_loss" not in records[1].history[0]
