"""The seconds in which a person waits: for an answer, for workers to start, for a report."""

import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from pipeline_world import pipeline_world

from clear_bench.metrics.recognition import decided_metrics
from clear_bench.results.bootstrap import resampled
from clear_bench.results.unit_scores import Units
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import Record

ROOT = Path(__file__).parents[2]
SYNTHPED = ROOT / "data/synthped"
ANSWERS = {
    "train --list": 0,
    "train --show-config": 0,
    "train --dry-run": 0,
    "train --methd clear": 2,
    "train --method claer": 2,
    "train --set recognition.train.lrr=1": 2,
    "ablate --list": 0,
    "ablate --study embeddings --dry-run": 0,
    "report --table recognition_mian": 2,
}
"""A command to its exit status."""


@pytest.fixture(scope="module", autouse=True)
def data():
    """The embedded data set, made once: nobody waits for it twice."""
    if not SYNTHPED.exists():
        words = [sys.executable, "-m", "clear_bench.data", "prepare", "synthped"]
        subprocess.run(words, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def waited(*words: str, cwd: Path = ROOT, status: int = 0) -> float:
    """Return the seconds of a command, those of the clock or of the processor, if they are more."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    took = time.perf_counter() - started
    assert done.returncode == status, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return max(took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


@pytest.mark.parametrize("words", ANSWERS)
def test_answers(keep, words):
    name, *rest = words.split()
    took = [waited(f"clear_bench.{name}", *rest, status=ANSWERS[words]) for _ in range(3)]
    keep(command=f"`{words}`", seconds=median(took), below=1.0)


def test_start_of_training(keep, tmp_path):
    """From the command to the first run of each of two workers, whose imports are behind it."""
    started = time.time()
    waited("clear_bench.train", "--method=vit", "--method=swin", "--task=recognition",
           "--profile=smoke", "--workers=2", "--set=train.epochs=1", "--set=train.warmup_epochs=0",
           f"--runs={tmp_path / 'runs'}", f"--cache={tmp_path / 'cache'}")  # fmt: skip
    begun = []
    for file in (tmp_path / "runs").rglob(RECORD):
        record = Record.load(file.parent)
        ended = datetime.fromisoformat(record.finished_at).timestamp()
        begun.append(ended - record.cost["wall_seconds"] - started)
    assert len(begun) == 2
    keep(command="`train --workers=2` to the start of both runs", seconds=max(begun), below=4.0)


def test_report_of_the_pipeline(keep, tmp_path):
    pipeline_world(tmp_path, SYNTHPED)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    records = len(list(tmp_path.rglob(RECORD)))
    cold = waited_on_the_clock("clear_bench.report", cwd=tmp_path)
    keep(command=f"`report`, {records} made-up records of the pipeline, nothing kept",
         seconds=cold, below=4.0)  # fmt: skip


def test_report_of_what_is_unchanged(keep, tmp_path):
    pipeline_world(tmp_path, SYNTHPED)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    waited("clear_bench.report", cwd=tmp_path)
    took = [waited_on_the_clock("clear_bench.report", cwd=tmp_path) for _ in range(3)]
    keep(command="`report` of the same records once more", seconds=median(took), below=2.0)


def waited_on_the_clock(*words: str, cwd: Path) -> float:
    """Return the seconds of the clock: figures are drawn by all cores."""
    started = time.perf_counter()
    waited(*words, cwd=cwd)
    return time.perf_counter() - started


def test_bootstrap(keep):
    random = np.random.default_rng(0)
    labels = random.random((7_600, 35)) < 0.3
    groups = [[Units(np.arange(7_600), {}, labels, random.random((7_600, 35)) < 0.8)]]
    took = []
    for _ in range(3):
        started = time.perf_counter()
        resampled(groups, "mA")
        took.append(time.perf_counter() - started)
    keep(command="mA bootstrap, 2,000 x 7,600 x 35", seconds=median(took), below=2.0)


def test_recognition_metrics(keep):
    random = np.random.default_rng(0)
    labels = (random.random((100_000, 54)) < 0.3).astype(np.uint8)
    probabilities = random.random((100_000, 54), dtype=np.float32)
    took = []
    for _ in range(9):
        started = time.perf_counter()
        decided_metrics(probabilities, labels)
        took.append(time.perf_counter() - started)
    keep(command="recognition metrics, 100,000 x 54", seconds=median(took), below=0.010)
