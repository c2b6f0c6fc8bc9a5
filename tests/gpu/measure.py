"""What CLEAR costs on this machine's GPU, in one JSON; at most eight minutes, no network.

``PYTHONPATH=.:tests/helpers python tests/gpu/measure.py FILE [--cpu]``: ``--cpu`` rehearses all of
it at nano size, without a GPU even where there is one.  docs/performance.md shows the JSON.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jobs import MODES, Job, device, die_in, differing, forget, settle, speed, weights

from clear_bench.metrics.retrieval import metrics_of_scores, retrieval_metrics
from clear_bench.utils import progress

BUDGET = 450.0  # seconds; what is not begun by then says so


class Clock:
    """The time that is left."""

    def __init__(self, budget: float) -> None:
        self.end = time.monotonic() + budget

    def left(self, wanted: float) -> bool:
        """Return whether so many seconds are left."""
        return self.end - time.monotonic() > wanted


def machine() -> dict[str, Any]:
    """Return what was measured on, by name and version."""
    import mmengine
    import timm

    found = {"torch": torch.__version__, "timm": timm.__version__, "numpy": np.__version__}
    found |= {"mmengine": mmengine.__version__, "python": platform.python_version()}
    if not torch.cuda.is_available():
        return {"card": "none: a rehearsal on the CPU", **found}
    memory = torch.cuda.get_device_properties(0).total_memory
    return {"card": torch.cuda.get_device_name(0), "card bytes": memory,
            "cuda": torch.version.cuda, **found}  # fmt: skip


def speeds(folder: Path, profile: str, nano: bool, clock: Clock) -> list[dict[str, Any]]:
    """Return what each mode makes of a profile's network, then the largest batch that fits."""
    batch = 2 if nano else 64
    job = Job(folder, profile, batch if nano else 8 * batch)
    rows = []
    for mode in MODES:
        if nano and "compile" in mode:  # minutes, and a C++ compiler
            rows.append({"mode": mode, "batch": batch, "failed": "not rehearsed"})
            continue
        wanted = 150 if "compile" in mode else 40  # of paper on a card of some years ago
        if not nano and not clock.left(wanted):
            rows.append({"mode": mode, "batch": batch, "failed": "no time left"})
            continue
        rows.append(speed(job, mode, batch))
    return [*rows, largest(folder / "largest", profile, nano, clock)]


def largest(folder: Path, profile: str, nano: bool, clock: Clock) -> dict[str, Any]:
    """Return the speed in bfloat16 at the largest power of two of images that fits the card."""
    batch, best = 4 if nano else 128, None
    while clock.left(30):
        job = Job(folder / str(batch), profile, batch)
        row = speed(job, "bf16", batch, bare=False)
        shutil.rmtree(folder / str(batch))
        if "failed" in row:
            break
        best, batch = row, 2 * batch
        if nano or batch > 4096:
            break
    if best is None:
        return {"mode": "bf16, largest batch", "batch": 64, "failed": "no larger one fits"}
    return {**best, "mode": "bf16, largest batch"}


def repeated(folder: Path, profile: str, nano: bool) -> dict[str, Any]:
    """Return whether a run equals itself: run twice, and killed in its second epoch and resumed."""
    batch = 2 if nano else 32
    job = Job(folder, profile, 3 * batch)
    found: dict[str, Any] = {}
    for precision in ("fp32", "bf16"):
        histories = [job.fitted(batch, keep=True, precision=precision) for _ in range(2)]
        first, second = (weights(folder / f"run{job.number - k}") for k in (1, 0))
        found[f"{precision}, again"] = {**differing(first, second), **losses(*histories)}
    run = folder / "killed"
    run.mkdir()
    train = {**job.train, "batch_size": batch, "precision": "bf16"}
    told = {"run": str(run), "model": job.model, "train": train, "data": str(folder)}
    process = get_context("spawn").Process(target=die_in, args=(json.dumps(told), 5))
    process.start()
    process.join()
    if process.exitcode != -signal.SIGKILL:
        raise SystemExit(f"the run to be killed ended with status {process.exitcode}")
    from fits import fit_arrays

    resumed = fit_arrays(run, job.model, train, folder)
    found["bf16, killed and resumed"] = {
        **differing(second, weights(run)), **losses(histories[1], resumed)}  # fmt: skip
    return found


def losses(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> dict[str, Any]:
    """Return the mean loss of the last epoch of two runs."""
    return {"losses": [ours[-1]["loss"], theirs[-1]["loss"]]}


def ranking(nano: bool) -> dict[str, Any]:
    """Return the seconds of ranking a gallery with products on the card and on the CPU.

    Both are sums in float64 rounded to float32, and both are measured by the same metrics.
    """
    count, width = (2_000, 32) if nano else (1_000_000, 512)
    random = np.random.default_rng(0)
    images = random.standard_normal((count, width), dtype=np.float32)
    queries = random.standard_normal((500, width), dtype=np.float32)
    category = random.integers(0, 20_000 if not nano else 600, count)
    asked, rule = np.arange(500), {"no_positives": "skip"}
    started = time.perf_counter()
    slow = retrieval_metrics(queries, images, asked, category, **rule).metrics
    took = time.perf_counter() - started
    forget()
    started = time.perf_counter()
    gallery = torch.from_numpy(images).to(device())
    wanted = torch.from_numpy(queries).to(device())

    def products(start: int, stop: int) -> Any:
        parts = [(wanted[start:stop].double() @ some.double().T).float()
                 for some in gallery.split(100_000)]  # fmt: skip
        return torch.cat(parts, dim=1).cpu().numpy()

    fast = metrics_of_scores(products, asked, category, **rule).metrics
    settle()
    return {
        "queries": 500, "images": count, "width": width, "threads": torch.get_num_threads(),
        "seconds on the CPU": took, "seconds with the card": time.perf_counter() - started,
        "metrics": slow, "largest difference": max(abs(slow[k] - fast[k]) for k in slow),
    }  # fmt: skip


def measure(folder: Path, *, nano: bool) -> dict[str, Any]:
    """Return everything; the dearest last, so that a slow card has the rest."""
    began, clock = time.monotonic(), Clock(BUDGET)
    progress.be_quiet()
    found: dict[str, Any] = {"machine": machine(), "speeds": {}}
    found["repeated"] = repeated(folder / "repeated", "smoke" if nano else "base", nano)
    found["ranking"] = ranking(nano)
    for profile in ("smoke",) if nano else ("paper", "base"):
        # A little is kept back for `base`, whose every mode is quick.
        rest = Clock(clock.end - time.monotonic() - (90 if profile == "paper" else 0))
        found["speeds"][profile] = speeds(folder / profile, profile, nano, rest)
    return {**found, "seconds": time.monotonic() - began}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--cpu", action="store_true", help="rehearse at nano size, without a GPU")
    asked = parser.parse_args()
    if asked.cpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # PyTorch has not looked yet
    elif not torch.cuda.is_available():
        raise SystemExit("no CUDA here: --cpu rehearses without it")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), nano=asked.cpu)
    asked.file.parent.mkdir(parents=True, exist_ok=True)
    asked.file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
