"""What `clear_bench` promises: its names, tables of results, training, and no torch on import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fake_runs import fake_pair, fake_run
from tiny import TINY

import clear_bench
from clear_bench.runs.record import records

API = (Path(__file__).parents[2] / "docs/api.md").read_text(encoding="utf-8")


def test_what_is_public_is_listed():
    assert clear_bench.__all__ == ["Model", "UserError", "compose", "load", "results", "train"]
    assert dir(clear_bench) == clear_bench.__all__
    for name in clear_bench.__all__:
        assert callable(getattr(clear_bench, name))
        assert f"clear_bench.{name}" in API or name == "UserError", name
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        clear_bench.lod  # noqa: B018


def test_public_methods_of_a_model_are_documented():
    names = [name for name in vars(clear_bench.Model) if not name.startswith("_")]
    assert names == ["predict", "embed_images", "embed_text", "embed_attributes", "search"]
    for name in names:
        assert f"`model.{name}(" in API


CODE = """
import json, sys
import clear_bench
first = sorted(sys.modules)
clear_bench.compose("clear", "synthped", "smoke")
table = clear_bench.results(sys.argv[1])
clear_bench.train, clear_bench.UserError
heavy = [name for name in ("torch", "timm", "mmengine", "mlflow") if name in sys.modules]
print(json.dumps([first, heavy, len(table)]))
"""


def test_importing_it_imports_no_torch_and_nothing_heavy(tmp_path):
    fake_pair(tmp_path)
    words = [sys.executable, "-c", CODE, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    first, heavy, rows = json.loads(done.stdout)
    assert heavy == []
    assert rows > 0
    for name in ("torch", "numpy", "pandas", "pydantic", "typer", "PIL"):
        assert name not in first


def test_modules_and_functions_of_one_name_are_both(tmp_path):
    from clear_bench import results, train
    from clear_bench.results.load import Results

    assert clear_bench.train is train
    assert train.app.registered_commands
    assert clear_bench.results is results
    assert results.load.Results is Results


def test_results_have_a_row_for_everything(tmp_path):
    fake_pair(tmp_path)
    failed = fake_run(tmp_path, "vtb", seed=3, status="failed", reason="diverged")
    old = fake_run(tmp_path, "sal", task="retrieval", seed=4, stale=True)
    table = clear_bench.results(tmp_path)
    for _, record in records(tmp_path):
        rows = table[table["run_id"] == record.run_id]
        pairs = [(c, s) for c, splits in record.metrics.items() for s in splits] or [("", "")]
        assert list(zip(rows["checkpoint"], rows["split"], strict=True)) == pairs
        for _, row in rows.iterrows():
            metrics = record.metrics.get(row["checkpoint"], {}).get(row["split"], {})
            assert {k: row[k] for k in metrics} == metrics
            assert (row["method"], row["seed"]) == (record.method, record.seed)
    one = table[table["run_id"] == failed.run_id].iloc[0]
    assert one["reason"] == "diverged"
    assert table[table["run_id"] == old.run_id]["stale"].iloc[0] != ""
    assert set(clear_bench.results(tmp_path, where={"method": ["vtb"]})["method"]) == {"vtb"}
    with pytest.raises(clear_bench.UserError, match="did you mean vtb"):
        clear_bench.results(tmp_path, where={"method": ["vt"]})
    with pytest.raises(clear_bench.UserError, match="no runs"):
        clear_bench.results(tmp_path / "none")


def test_train_makes_what_the_command_makes(trained, market, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = {"profile": "smoke", "data_root": market, "runs": trained.root, "cache": "cache"}
    table = clear_bench.train("clear", "market1501", overrides=TINY, **words)
    assert list(table["run_id"].unique()) == [record.run_id for record in trained.records]
    for record in trained.records:
        rows = table[table["run_id"] == record.run_id].set_index(["checkpoint", "split"])
        assert (
            rows.loc[("selected", "test"), "mA" if record.task == "recognition" else "mAP"]
            == (record.metrics["selected"]["test"]["mA" if record.task == "recognition" else "mAP"])
        )
    with pytest.raises(clear_bench.UserError, match="none was given"):
        clear_bench.train("clear", "market1501", seeds=[], **words)
    with pytest.raises(clear_bench.UserError, match="unknown method"):
        clear_bench.train("claer")
