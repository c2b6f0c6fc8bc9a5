"""The chain of commands, each of which is killed at a random moment and given once more.

A chain begins with a fresh store, which holds what the commands before the killed one leave.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import torch
from study_folder import write_study
from tiny import numbers, words

from clear_bench.runs.files import folders_of_runs
from clear_bench.runs.record import Record
from clear_bench.runs.study_result import all_results

VICTIMS = ("child", "parent", "all")
HERE = Path(__file__).parents[2]
ABLATE = """
import sys, pytest
sys.path.insert(0, {helpers!r})
from clear_bench.config import plugins
plugins.PACKAGES["study"] = ("my_studies",)
sys.path.insert(0, {root!r})
if __name__ == "__main__":
    from clear_bench import ablate
    from clear_bench.utils.command_line import main
    main(ablate.app)
"""
OURS = "selected.pth", "last.pth"


def commands(market):
    """Return the name of each command of the chain to its words, in order."""
    study = ["--study=rates", "--dataset=market1501", "--profile=smoke", f"--data-root={market}",
             "--workers=2", "--runs=runs", "--cache=cache"]  # fmt: skip
    module = [sys.executable, "-m"]
    return {
        "train": [*module, "clear_bench.train", *words(market)],
        "ablate": [sys.executable, "ablate.py", *study],
        "report": [*module, "clear_bench.report", "--profile=smoke", "--runs=runs", "--out=out"],
        "export": [*module, "clear_bench.record", "export", "runs.zip", "--runs=runs"],
        "import": [*module, "clear_bench.record", "import", "runs.zip", "--runs=brought"],
        "mirror": [*module, "clear_bench.record", "mirror", "--runs=brought"],
    }  # fmt: skip


def prepare(folder):
    """Make an empty store."""
    folder.mkdir(parents=True)
    write_study(folder)
    helpers = str(HERE / "tests/helpers")
    (folder / "ablate.py").write_text(ABLATE.format(helpers=helpers, root=str(folder)))
    (folder / "params.yaml").unlink(missing_ok=True)


def start(command, folder):
    """Start a command as the first of a group of processes."""
    env = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    env |= {"PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"}
    with (folder / "said.log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True
        )


def finish(command, folder):
    """Carry a command out and return its seconds."""
    began = time.monotonic()
    process = start(command, folder)
    status = process.wait(600)
    assert status == 0, (command, status, (folder / "said.log").read_text()[-3000:])
    return time.monotonic() - began


def kill_at(command, folder, seconds, victim, rng):
    """Start a command, kill some of it after some seconds, and wait until all of it is gone.

    Returns:
        What was killed: "nothing" if the command had ended before.
    """
    process = start(command, folder)
    try:
        process.wait(seconds)
        return "nothing"
    except subprocess.TimeoutExpired:
        pass
    family = psutil.Process(process.pid).children(recursive=True)
    if victim == "all":
        os.killpg(process.pid, signal.SIGKILL)
    elif victim == "child" and family:
        rng.choice(family).kill()
    else:
        victim = "parent"
        process.kill()
    process.wait(300)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, f"without a parent they go on: {[' '.join(p.cmdline()) for p in alive]}"
    return victim


def state(folder):
    """Return everything of a store that must be the same however it was made."""
    found = {}
    for root in ("runs", "brought"):
        for run in folders_of_runs(folder / root):
            record = Record.load(run)
            found[root, run.name] = numbers(record), record.status
            for name in (n for n in OURS if (run / n).is_file()):
                weights = torch.load(run / name, weights_only=True)["state_dict"]
                found[root, run.name, name] = {k: v.numpy().tobytes() for k, v in weights.items()}
        found[root, "studies"] = [r.model_dump_json() for r in all_results(folder / root)]
    out = folder / "out"
    found["report"] = sorted(str(f.relative_to(out)) for f in out.rglob("*") if f.is_file())
    tables = [f for f in out.rglob("*.csv")]
    found["tables"] = [line for f in sorted(tables) for line in lines_of(f)]
    found["mirror"] = mirrored(folder)
    return found


def lines_of(file):
    """Return the lines of a table, of its costs only how many: these are measured."""
    lines = file.read_text().splitlines()
    return [file.name, len(lines)] if "cost" in file.name else [file.name, *lines]


def mirrored(folder):
    """Return run id to status and metrics of MLflow's runs, one each; costs are measured."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    found = {}
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id]):
            key = experiment.name, run.info.run_name
            metrics = {k: v for k, v in run.data.metrics.items() if not k.startswith("cost.")}
            metrics.pop("epoch.seconds", None)
            found.setdefault(key, []).append((run.info.status, json.dumps(metrics, sort_keys=True)))
    return found


def left_behind(folder):
    """Return what should not be there."""
    kept = {"my_studies", "ablate.py", "said.log"}
    ours = {".cache", ".seal.json"}  # what is drawn before, and what seals a derived file
    return [
        str(f.relative_to(folder))
        for f in folder.rglob("*")
        if f.relative_to(folder).parts[0] not in kept and f.name not in ours
        and (f.name.startswith(".") or ".tmp" in f.name or f.suffix == ".lock"
             or ".unusable" in f.name)
    ]  # fmt: skip


class Chain:
    """The chain that nothing interrupted: what it took, what it left after each command."""

    def __init__(self, folder, market):
        self.folder, self.commands = folder, commands(market)
        self.seconds = {}
        work = folder / "straight"
        prepare(work)
        for name, command in self.commands.items():
            shutil.copytree(work, folder / f"before-{name}", symlinks=True)
            self.seconds[name] = finish(command, work)
        self.state = state(work)
        assert not left_behind(work), left_behind(work)

    def fresh(self, name, work):
        """Make a store as it is before a command."""
        shutil.copytree(self.folder / f"before-{name}", work, symlinks=True)
        text = (work / "ablate.py").read_text()
        (work / "ablate.py").write_text(text.replace(str(self.folder / "straight"), str(work)))

    def killed(self, number):
        """Kill one command of a fresh chain, let it finish, and return what was killed in which."""
        rng = random.Random(number)  # noqa: S311
        names = list(self.commands)
        name, victim = names[number % len(names)], VICTIMS[number // len(names) % len(VICTIMS)]
        work = self.folder / f"chain-{number}"
        self.fresh(name, work)
        seconds = rng.uniform(0.02, 1.0) * self.seconds[name]
        while (what := kill_at(self.commands[name], work, seconds, victim, rng)) == "nothing":
            seconds /= 2  # it ended before: the machine is quieter than it was
            shutil.rmtree(work)
            self.fresh(name, work)
        for later in names[names.index(name) :]:
            finish(self.commands[later], work)
        assert not left_behind(work), (number, name, what, seconds, left_behind(work))
        found = state(work)
        for key, value in self.state.items():
            assert found.get(key) == value, (number, name, what, seconds, key)
        shutil.rmtree(work)
        return name, what
