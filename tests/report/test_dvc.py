"""What DVC shows of a report: metrics, curves, parameters, and dvc.yaml, which names them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fake_runs import fake_bench
from PIL import Image

from clear_bench.report.exports import write_curves, write_metrics, write_plots
from clear_bench.results.load import Results


def test_dvc_reads_what_the_report_writes(bench, tmp_path):
    """Every metric and plot that dvc.yaml names is written, and what it depends on is there."""
    root = Path(__file__).parents[2]
    pipeline = yaml.safe_load((root / "dvc.yaml").read_text())
    write_metrics(Results.load(bench), tmp_path / "reports/dvc")
    write_curves(Results.load(bench), tmp_path / "reports/dvc")
    (plots,) = write_plots(*pictures(tmp_path), tmp_path / "reports/dvc")
    assert pipeline["plots"] == [str(plots.parent.relative_to(tmp_path))]
    assert plots.name == "training-synthped-recognition.png"
    for name in pipeline["metrics"]:
        assert (tmp_path / name).is_file(), name
        assert (root / name).is_file(), f"{name} is not committed"
    assert "--exports ${folder}/reports/dvc" in pipeline["stages"]["report"]["cmd"]
    columns = (tmp_path / "reports/dvc/curves-recognition.csv").read_text().split("\n")[0]
    assert {"epoch", "val", "method", "dataset"} <= set(columns.split(","))
    deps = [dep for dep in pipeline["stages"]["report"]["deps"] if "$" not in dep]
    assert all((root / dep).exists() for dep in deps)


def pictures(folder):
    """Return a folder of figures and which of them were drawn; one was drawn earlier."""
    names = ["cost.png", "training-synthped-recognition.pdf", "training-synthped-recognition.png"]
    shown = folder / "figures"
    for name in [*names, "training-old.png"]:
        shown.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(shown / name)
    old = folder / "reports/dvc/plots/training-old.png"
    old.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(shown / "training-old.png", old)
    return shown, names


@pytest.mark.parametrize("datasets", [("peta",), ("peta", "rapv2")])
def test_metrics_are_named_by_method_and_of_several_data_sets_by_data_set(tmp_path, datasets):
    fake_bench(tmp_path / "runs", recognition=("vtb",), retrieval=(), datasets=datasets)
    found = json.loads(write_metrics(Results.load(tmp_path / "runs"), tmp_path).read_text())
    for name in datasets:
        own = found[name] if len(datasets) > 1 else found
        assert own.keys() == {"vtb"} and own["vtb"].keys() == {"mA", "f1"}
        assert 0 < own["vtb"]["mA"] <= 100


@pytest.mark.slow
def test_dvc_shows_metrics_plots_and_parameters(bench, tmp_path):
    root = Path(__file__).parents[2]
    for name in ("dvc.yaml", "params.yaml", ".dvc/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    write_metrics(Results.load(bench), tmp_path / "reports/dvc")
    write_plots(*pictures(tmp_path), tmp_path / "reports/dvc")
    git = ["git", "-c", "user.email=a@b", "-c", "user.name=a"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
    params = tmp_path / "params.yaml"
    params.write_text(params.read_text().replace("seeds: 3", "seeds: 2"))

    def dvc(*arguments):
        command = [sys.executable, "-m", "dvc", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert " synthped.vtb.mA " in dvc("metrics", "show", "--md")
    dvc("plots", "show")
    page = (tmp_path / "dvc_plots/index.html").read_text()
    (src,) = re.findall(r'<img src="(.*?)"', page)
    assert (tmp_path / "dvc_plots" / src).is_file()
    assert "http" not in page and "<script" not in page, "it opens without a network"
    assert "bench.seeds" in dvc("params", "diff")
