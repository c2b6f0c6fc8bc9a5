"""`make repro`: what it runs for each profile, and that it leaves the checkout clean."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import modify_yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shell():
    """Return a function that runs a command, with the environment active, and gives its output."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env |= {"PATH": f"{Path(sys.executable).parent}:{env['PATH']}", "DVC_NO_ANALYTICS": "1"}

    def run(folder, *words):
        env["PYTHONPATH"] = str(folder)
        done = subprocess.run(
            words, cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    return run


@pytest.fixture
def made(tmp_path, shell):
    """Return a function that makes the folder of a pipeline, in a copy of what it is made of."""
    for name in ("Makefile", "dvc.yaml", "params.yaml", ".dvcignore", ".dvc/config", ".gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shell(tmp_path, "git", "init", "-q")

    def make(*words):
        shell(tmp_path, "make", "-o", "setup", "pipeline", *words)
        (folder,) = (tmp_path / ".pipelines").iterdir()
        return folder

    return make


def paths(stage):
    """Return what a stage depends on and what it makes."""
    named = [*stage["deps"], *stage["outs"]]
    return {name if isinstance(name, str) else next(iter(name)) for name in named}


def leaves(tree, path=()):
    """Return every value of nested dictionaries by its path."""
    if not isinstance(tree, dict):
        return {path: tree}
    return {p: v for key, value in tree.items() for p, v in leaves(value, (*path, key)).items()}


@pytest.mark.parametrize(
    "words, profile, seeds",
    [
        (["PROFILE=smoke"], "smoke", 1),
        (["PROFILE=smoke", "SEEDS=2"], "smoke", 2),
        (["PROFILE=paper"], "paper", 3),
        (["SEEDS=5"], "default", 5),
    ],
)
def test_a_pipeline_differs_in_its_profile_and_seeds_alone(made, words, profile, seeds):
    folder = made(*words)
    own, root = (yaml.safe_load((f / "params.yaml").read_text()) for f in (folder, ROOT))
    differs = {".".join(p): v for p, v in leaves(own).items() if v != leaves(root)[p]}
    want = {"profile": profile, "bench.seeds": seeds, "ablate.seeds": seeds}
    want |= {"checkout": "../..", "folder": f".pipelines/{profile}"}
    assert differs == {k: v for k, v in want.items() if v != leaves(root)[tuple(k.split("."))]}
    assert leaves(own).keys() == leaves(root).keys()
    assert (folder / "dvc.yaml").samefile(folder.parents[1] / "dvc.yaml")
    assert (folder / own["checkout"]).samefile(folder.parents[1])
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values():
        for path in paths(stage.get("do", stage)) - {"params.yaml", "reports/dvc"}:
            there = next(p for p in [Path(path), *Path(path).parents] if (folder / p).is_symlink())
            assert (folder / there).samefile(folder.parents[1] / there)
    assert (folder.parents[1] / own["folder"]).samefile(folder)


def test_dvc_finds_the_same_stages_in_every_pipeline(made, shell):
    folder = made("PROFILE=smoke")
    stages = [shell(place, "dvc", "stage", "list") for place in (folder.parents[1], folder)]
    names = [[line.split()[0] for line in text.splitlines()] for text in stages]
    assert names[0] == names[1] and "train@synthped" in names[0]


def test_git_sees_nothing_of_what_smoke_writes_and_all_of_the_default(made, shell):
    folder = made("PROFILE=smoke")
    checkout = folder.parents[1]
    before = shell(checkout, "git", "status", "--porcelain", "-uall")
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    for name in {n for s in stages for n in paths({**s.get("do", s), "deps": []})}:
        out = folder / name.replace("${profile}", "smoke").replace("${item}", "synthped")
        out.mkdir(parents=True)
        (out / "x").write_text("x")
    for name in ("reports/paper/smoke.pdf", ".pipelines/smoke/dvc.lock", "mlflow.db"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("x")
    assert shell(checkout, "git", "status", "--porcelain", "-uall") == before
    kept = ["dvc.lock", "reports/dvc/metrics.json", "reports/out/default/inputs.tex"]
    ignored = subprocess.run(["git", "check-ignore", *kept], cwd=checkout, check=False)
    assert ignored.returncode == 1


def test_dvc_changes_a_parameter_and_nothing_else_of_the_file(tmp_path):
    """As `dvc exp run -S bench.seeds=1` writes it: comments, order and indents stay."""
    file = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", file)
    apply_overrides(file, ["bench.seeds=1"])
    before, after = ((f / "params.yaml").read_text().splitlines() for f in (ROOT, tmp_path))
    changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert changed == [("  seeds: 3", "  seeds: 1")]
    assert sum("#" in line for line in before) >= 5
    seen = "".join(before)
    assert all(
        word in seen for word in ("recognition, ", "retrieval, ", "floors", "checkout, and back")
    ), "comments"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_smoke_in_a_fresh_clone_leaves_it_clean(tmp_path, shell):
    """The pipeline for real, of two methods and one study; then an experiment."""
    clone = tmp_path / "clone"
    shell(tmp_path, "git", "clone", "-q", ROOT, clone)
    (clone / ".venv").symlink_to(Path(sys.executable).parents[1])
    for key, value in {"user.name": "a", "user.email": "a@b"}.items():
        shell(clone, "git", "config", key, value)
    with modify_yaml(clone / "params.yaml") as parameters:
        parameters["bench"]["method"] = ["clear", "chance"]
        parameters["ablate"]["study"] = ["templates"]
    committed = (clone / "params.yaml").read_text()
    shell(clone, "git", "commit", "-qam", "few")

    repro = ["make", "-o", "setup", "-o", ".venv/.installed", "repro", "PROFILE=smoke"]
    shell(clone, *repro)
    assert shell(clone, "git", "status", "--porcelain") == ""
    smoke = clone / ".pipelines/smoke"
    assert "up to date" in shell(smoke, "dvc", "status")
    assert "clear.mA" in shell(smoke, "dvc", "metrics", "show", "--md")
    shell(clone, *repro)
    assert "up to date" in shell(smoke, "dvc", "status")

    experiment = ["-S", "profile=smoke", "-S", "bench.seeds=1", "-S", "ablate.seeds=1"]
    shell(clone, "dvc", "exp", "run", "-n", "toy", *experiment)
    shown = csv.DictReader(shell(clone, "dvc", "exp", "show", "--csv").splitlines())
    row = next(row for row in shown if row["Experiment"] == "toy")
    assert float(row["clear.mA"]) > 0 and float(row["chance.mAP"]) > 0
    assert (row["profile"], row["bench.seeds"]) == ("smoke", "1")
    assert not [name for name in row if "metrics.json" in name or "params.yaml:" in name]
    assert (clone / "params.yaml").read_text().count("#") == committed.count("#")
