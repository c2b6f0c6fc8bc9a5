"""What surrounds a step: data from disk, cached features, commands, a sweep of two workers."""

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from training import Job

from clear_bench.data.images import image_store
from clear_bench.data.load import load_dataset
from clear_bench.engine.building import build
from clear_bench.engine.inference import encode
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import Record
from clear_bench.text import encoders
from clear_bench.text.descriptions import describe
from clear_bench.text.store import embed

ROOT = Path(__file__).parents[2]
PETA = ROOT.parent / "shared/data/PETA"
COMMANDS = ("train", "evaluate", "predict", "report", "data", "record", "ablate")


def command(*words: str, threads: int = 1, cwd: Path | None = None) -> float:
    """Return the seconds that a command takes."""
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True, env=env,
                   cwd=cwd or ROOT)  # fmt: skip
    return time.perf_counter() - started


@pytest.mark.skipif(not PETA.exists(), reason=f"no PETA in {PETA}")
def test_real_images(versus, tmp_path):
    """After the first epoch, pixels come from a memory map in the page cache."""
    data = load_dataset("peta", PETA, "random0", "35")
    store = image_store(data, (64, 32), tmp_path / "store", skip_unreadable=True, keep=True)
    job = Job(tmp_path, "vit", images=len(data.labels))
    few = np.flatnonzero(store.readable)[:4096]
    np.save(tmp_path / "train.npy", few)
    np.save(tmp_path / "labels.npy", np.resize(data.labels, np.load(tmp_path / "labels.npy").shape))
    pixels = np.asarray(store.pixels[:])

    def fed(array):
        def run():
            np.save(tmp_path / "images.npy", array)
            return job.fitted()

        return run

    noise = np.resize(pixels[:1], pixels.shape)  # one image: no page is ever missing
    versus("training on PETA's images, 4096 of them", {
        "clear_bench": fed(pixels), "one image repeated": fed(noise),
    }, {"one image repeated": ("at most", 1 / 0.95)}, rounds=2)  # fmt: skip


def test_cached_features(versus, tmp_path):
    """An epoch of stage 2: features read, or images encoded for it again; bit-equal."""
    job = Job(tmp_path)
    model, pixels = build(job.model).eval(), np.load(tmp_path / "images.npy")
    rows = np.arange(len(pixels))
    np.save(tmp_path / "features.npy", encode(model, pixels, rows)[0])
    stored = np.load(tmp_path / "features.npy", mmap_mode="r")
    assert np.array_equal(stored, encode(model, pixels, rows)[0])
    head = torch.nn.Linear(stored.shape[1], 128)

    def train(features):
        for start in range(0, len(features), 128):
            batch = torch.from_numpy(np.array(features[start : start + 128]))
            head(batch).square().mean().backward()

    versus("an epoch of a retrieval head, 1024 images", {
        "clear_bench": lambda: train(stored),
        "encoding images each time": lambda: train(encode(model, pixels, rows)[0]),
    }, {"encoding images each time": ("at least", 50.0)})  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_help(keep, name):
    if not (ROOT / f"clear_bench/{name}.py").exists() and name != "data":
        pytest.skip(f"no command {name}")
    took = sorted(command(f"clear_bench.{name}", "--help") for _ in range(3))[1]
    keep(command=f"`{name} --help`", seconds=took, below=0.7)


def working_seconds(runs: Path) -> float:
    """Return the seconds from the start of the first run to the end of the last one."""
    records = [Record.load(file.parent) for file in runs.rglob(RECORD)]
    ends = [datetime.fromisoformat(r.finished_at).timestamp() for r in records]
    starts = [e - r.cost["wall_seconds"] for e, r in zip(ends, records, strict=True)]
    return max(ends) - min(starts)


def test_two_workers(versus, tmp_path):
    """Six runs of about 20 s: one worker of one thread, or two of them side by side.

    What counts is what a study's worker does in an hour; the seconds in which the command itself
    and its workers start are the same for six runs or six hundred, and are left out.
    """
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one core")
    words = ["clear_bench.train", "--method=vit", "--profile=smoke"]
    if not (ROOT / "data/synthped").exists():
        command("clear_bench.data", "prepare", "synthped")
    cache = f"--cache={tmp_path / 'cache'}"
    command(*words, f"--runs={tmp_path / 'first'}", cache, "--set=train.epochs=2")

    def sweep(workers):
        def run():
            runs = tmp_path / f"{workers}-{time.time_ns()}"
            command(*words, cache, f"--runs={runs}", f"--workers={workers}", "--seeds=6",
                    "--set=train.epochs=30")  # fmt: skip
            return working_seconds(runs)

        return run

    versus("six runs of a sweep", {"clear_bench": sweep(2), "one worker": sweep(1)},
           {"one worker": ("at least", 1.8)}, rounds=1, warm=False)  # fmt: skip


@pytest.mark.parametrize("words", ["", "--table=recognition_main"])
@pytest.mark.parametrize("records", [100, 1000])
def test_report(keep, tmp_path, records, words):
    """Everything, tables, figures and the page, or one table, from records alone."""
    sys.path.insert(0, str(ROOT / "tests"))
    from fake_runs import fake_bench

    methods = ("clear", "alm", "ssc", "vtb", "dafl", "swin", "vit", "deepmar", "chance", "c2t_net")
    datasets = tuple(f"set{k}" for k in range(records // 100))
    fake_bench(tmp_path / "runs", recognition=methods, retrieval=(), datasets=datasets,
               seeds=range(10), names=tuple(f"a_{k}" for k in range(40)), images=1000,
               epochs=60)  # fmt: skip
    took = command("clear_bench.report", *words.split(), cwd=tmp_path)
    title = f"`{f'report {words}'.strip()}`, {records} records"
    keep(command=title, seconds=took, below=3 + 0.01 * records)


def test_sentences(versus, tmp_path):
    """Each distinct sentence is encoded once ever, in batches of like length."""
    data = load_dataset("synthped", ROOT / "data/synthped", "ids6", "30")
    rows = data.labels[:200]
    sentences = [describe(data.schema, row, "positives")[0] for row in rows]
    encoder = encoders.load("minilm", tmp_path)
    embed("minilm", sentences[:1], tmp_path / "warm")
    distinct = len(set(sentences))
    store = tmp_path / "store"
    versus(f"embedding {len(sentences)} descriptions, {distinct} distinct, by minilm", {
        "clear_bench": lambda: (embed("minilm", sentences, store), None)[1],
        "each one anew": lambda: ([encoder.encode([s]) for s in sentences], None)[1],
    }, {"each one anew": ("at least", len(sentences) / distinct)},
        rounds=1, warm=False)  # fmt: skip
