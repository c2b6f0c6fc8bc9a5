"""The commands as users meet them: output, exit statuses, one clear line for bad input."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from calling import base, call
from fresh import quick_workers
from PIL import Image

import clear_bench
from clear_bench import evaluate, predict, train
from clear_bench import record as record_command
from clear_bench.config.plugins import available
from clear_bench.data import __main__ as data_command
from clear_bench.report import __main__ as report
from clear_bench.training import mlflow_mirror, mlflow_runs

SMALL = ["--set=recognition.train={epochs: 1, warmup_epochs: 0}", "--set=retrieval.train.epochs=1",
         "--set=recognition.model.depth=0", "--set=text.encoder=glove"]  # fmt: skip


@pytest.fixture(scope="module")
def world(market, own_tracking_store, empty_store, tmp_path_factory):
    """A folder with a small Market-1501, one experiment trained on it, and two photographs."""
    root = tmp_path_factory.mktemp("world")
    (root / "market").symlink_to(market)
    (root / "mlflow.db").write_bytes(empty_store)
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.jpg"):
        Image.fromarray(rng.integers(0, 256, (50, 30, 3), dtype=np.uint8)).save(root / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        quick_workers(patch)
        status = call(patch, train.app, *base(), *SMALL)
        assert status == 0
    return root


@pytest.fixture(autouse=True)
def here(world, monkeypatch):
    monkeypatch.chdir(world)
    quick_workers(monkeypatch)


def run_id(world, task):
    return next(world.glob(f"runs/*/*/*/clear-{task}-*")).name


def test_training_again_is_a_no_op(monkeypatch, capsys):
    for name in ("execute._make", "preflight.build"):
        monkeypatch.setattr(f"clear_bench.training.{name}", lambda *_: pytest.fail("made again"))
    assert call(monkeypatch, train.app, *base(), *SMALL) == 0
    found = capsys.readouterr()
    assert found.err.count("finished before, not run again") == 2
    assert "mAP" in found.out
    assert "mA" in found.out


def test_dry_run_and_show_config_change_nothing(monkeypatch, capsys, world):
    before = sorted(world.rglob("*"))
    assert call(monkeypatch, train.app, *base(), *SMALL, "--seeds=2", "--dry-run") == 0
    first, *lines, last = capsys.readouterr().out.splitlines()
    assert first == "no --method: trains clear on market1501, profile smoke; see --list for others"
    assert [line.split()[0] for line in lines] == ["finished", "finished", "to", "to"]
    assert last.startswith("2 runs to do, about 0:0")  # the finished ones say how long
    assert call(monkeypatch, train.app, *base(), "--show-config") == 0
    assert yaml.safe_load(capsys.readouterr().out)["data"]["split"] == "ids6"
    assert sorted(world.rglob("*")) == before


def test_evaluate_computes_every_metric_again(monkeypatch, capsys, world):
    words = ["runs/smoke/market1501/clear", "--data-root=market", "--out=metrics.json"]
    assert call(monkeypatch, evaluate.app, *words) == 0
    assert "2 runs evaluated again" in capsys.readouterr().out
    found = json.loads((world / "metrics.json").read_text())
    assert set(found) == {run_id(world, "recognition"), run_id(world, "retrieval")}


def test_evaluate_looks_at_one_checkpoint(monkeypatch, capsys, world):
    record = world / "runs/smoke/market1501/clear" / run_id(world, "recognition") / "record.json"
    honest = record.read_text()
    content = json.loads(honest)
    content["metrics"]["last"]["test"]["mA"] += 0.01
    record.write_text(json.dumps(content))
    words = [run_id(world, "recognition"), "--data-root=market"]
    try:
        assert call(monkeypatch, evaluate.app, *words, "--checkpoint=selected") == 0
        assert "again from their checkpoint selected" in capsys.readouterr().out
        assert call(monkeypatch, evaluate.app, *words, "--checkpoint=last") == 2
        assert "last.test.mA was" in capsys.readouterr().err
        assert call(monkeypatch, evaluate.app, *words, "--checkpoint=oracle") == 2
        assert "no finished run with a checkpoint oracle" in capsys.readouterr().err
        assert call(monkeypatch, evaluate.app, *words, "--checkpoint=best") == 2
        assert "unknown checkpoint 'best'" in capsys.readouterr().err
    finally:
        record.write_text(honest)


def test_evaluate_sees_a_tampered_record(monkeypatch, capsys, world):
    record = world / "runs/smoke/market1501/clear" / run_id(world, "recognition") / "record.json"
    honest = record.read_text()
    content = json.loads(honest)
    content["metrics"]["selected"]["test"]["mA"] += 0.01
    record.write_text(json.dumps(content))
    try:
        words = [run_id(world, "recognition"), "--data-root=market"]
        assert call(monkeypatch, evaluate.app, *words) == 2
        assert "selected.test.mA was" in capsys.readouterr().err
    finally:
        record.write_text(honest)


def test_predict_speaks_table_csv_and_json(monkeypatch, capsys, world):
    words = ["--run", run_id(world, "retrieval")[:24], "a.png", "b.jpg", "--all"]
    assert call(monkeypatch, predict.app, *words, "--format=json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 60
    assert all(0 <= row["probability"] <= 1 for row in rows)
    assert call(monkeypatch, predict.app, *words, "--format=csv") == 0
    assert len(capsys.readouterr().out.splitlines()) == 61
    assert call(monkeypatch, predict.app, *words) == 0
    assert "a.png" in capsys.readouterr().out


def test_report_writes_tables_from_records_alone(monkeypatch, capsys, world):
    assert call(monkeypatch, report.app, "--profile=smoke") == 0
    said = capsys.readouterr().out
    assert "figures of 2 runs" in said
    assert "reports/out/smoke/index.html" in said
    names = {f.name for f in (world / "reports/out/smoke").iterdir()}
    assert {"market1501-recognition_main.tex", "market1501-retrieval_main.csv"} <= names
    assert call(monkeypatch, report.app, "--profile=smoke", "--explain",
                "recognition_main", "clear", "mA") == 0  # fmt: skip
    said = capsys.readouterr().out
    assert "from its predictions" in said and "is NOT" not in said
    assert call(monkeypatch, report.app, "--profile=smoke", "--explain",
                "retrieval_main", "clear", "R@10") == 0  # fmt: skip
    assert "from its predictions" in capsys.readouterr().out


def test_mlflow_has_one_run_a_record_and_is_not_told_twice(monkeypatch, capsys):
    from mlflow import MlflowClient

    assert call(monkeypatch, record_command.app, "mirror") == 0
    client = MlflowClient(mlflow_mirror.store())
    (experiment,) = client.search_experiments(filter_string=f"name = '{mlflow_runs.EXPERIMENT}'")
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 2
    assert {"selected.test.mA", "selected.test.mAP"} <= set().union(*(r.data.metrics for r in runs))


@pytest.mark.parametrize(
    ("app", "words", "message"),
    [
        (train.app, ["--method=cleer"], "unknown method 'cleer'; did you mean clear"),
        (train.app, ["--dataset=peta"], "To obtain it"),
        (train.app, [*base(), "--data-root=nowhere"], "nowhere: no such folder"),
        (train.app, ["--set=a.b=1"], "unknown configuration key 'a.b'"),
        (train.app, ["--sed=1"], "No such option"),
        (train.app, ["--seed=one"], "Invalid value for '--seed'"),
        (train.app, [*base(), "--set=text.encoder=gpt", *SMALL[:3]], "unknown text encoder 'gpt'"),
        (evaluate.app, ["nothing"], "no such finished run"),
        (evaluate.app, ["runs/smoke/market1501/clear"], "market1501"),
        (predict.app, ["--run=clear-recognition", "none.jpg"], "none.jpg: no such image"),
        (predict.app, ["--run=clear-recognition", "metrics.txt"], "not a readable image"),
        (predict.app, ["--run=clear", "a.png"], "no run of its recipe"),
        (predict.app, ["--run=clear-re", "a.png"], "2 runs fit"),
        (report.app, ["--profile=paper"], "no runs; train one first"),
        (train.app, [*base(), "--seed=-1"], "seed=-1: must be from 0"),
        (train.app, [*base(), "--set=recognition.train.lr=.inf"], "recognition.train.lr"),
        (train.app, [*base(), "--launcher=pytorch", "--method=chance"], "start it with torchrun"),
        (train.app, [*base(), "--runs=metrics.txt", "--method=chance"], "metrics.txt"),
        (record_command.app, ["mirror", "--runs=nowhere"], "nowhere: no such folder"),
        (data_command.app, ["sheet", "market1501", "--data-root=market", "--out=x.foo"],
         "must end as a picture's"),
        (data_command.app, ["verify", "market1501", "--data-root=runs"],
         "market_attribute.mat: no such file"),
        (data_command.app, ["sheet", "market1501", "--data-root=market", "--part=trian",
                            "--out=x.png"], "did you mean train"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2(monkeypatch, capsys, world, app, words, message):
    (world / "metrics.txt").write_text("no image")
    before = sorted((world / "runs").rglob("record.json"))
    assert call(monkeypatch, app, *words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert message in lines[-1]
    assert lines[-1].startswith("error: ")
    assert not any("Traceback" in line for line in lines)
    assert sorted((world / "runs").rglob("record.json")) == before


def test_verify_prepare_and_sheet(monkeypatch, capsys, world):
    assert call(monkeypatch, data_command.app, "prepare", "market1501", "--data-root=market") == 0
    folder = world / "data/manifests/market1501/ids6-30"
    assert {f.name for f in folder.iterdir()} == {"schema.json", "manifest.parquet"}
    words = ["sheet", "market1501", "--data-root=market", "--out=sheet.png", "--count=8"]
    assert call(monkeypatch, data_command.app, *words) == 0
    assert Image.open(world / "sheet.png").size == (4 * 64, 2 * 128)
    capsys.readouterr()
    assert call(monkeypatch, data_command.app, "verify", "market1501", "--data-root=market") == 2
    assert "the official release has 29419" in capsys.readouterr().out
    assert call(monkeypatch, data_command.app, "list") == 0
    assert "peta" in capsys.readouterr().out


COMMANDS = sorted(
    file.parent.name if file.stem == "__main__" else file.stem
    for file in Path(clear_bench.__file__).parent.rglob("*.py")
    if "\n    main(app)" in file.read_text(encoding="utf-8")
    if file != Path(clear_bench.__file__).with_name("__main__.py")  # that of all, see test_main.py
)


def test_all_commands_are_known():
    assert {"train", "evaluate", "predict", "report", "data", "record"} <= set(COMMANDS)


@pytest.mark.parametrize("module", COMMANDS)
def test_help_answers_without_heavy_imports(module):
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['x', '--help']\n"
        "try:\n"
        f"    runpy.run_module('clear_bench.{module}', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "names = {'torch', 'timm', 'transformers', 'mmengine', 'mlflow', 'pandas', 'scipy',"
        " 'optuna', 'matplotlib', 'seaborn', 'statsmodels', 'cv2'}\n"
        "heavy = names & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_a_stale_run_is_left_out_of_a_folder_and_said(monkeypatch, capsys, world):
    folder = world / "runs/smoke/market1501/clear" / run_id(world, "recognition")
    honest = (folder / "record.json").read_text()
    content = json.loads(honest)
    content["numbers"]["images"] = 0
    (folder / "record.json").write_text(json.dumps(content))
    try:
        words = ["runs/smoke/market1501/clear", "--data-root=market", "--out=others.json"]
        assert call(monkeypatch, evaluate.app, *words) == 0
        told = capsys.readouterr().out
        assert f"stale: {folder.name}" in told
        assert "1 runs evaluated again" in told
        assert set(json.loads((world / "others.json").read_text())) == {run_id(world, "retrieval")}
    finally:
        (folder / "record.json").write_text(honest)


def test_methods_are_listed(monkeypatch, capsys):
    assert call(monkeypatch, train.app, "--list") == 0
    listed = capsys.readouterr().out
    assert all(f" {name} " in listed for name in available("method"))
