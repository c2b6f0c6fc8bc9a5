"""Rank 500 queries over a memory-mapped file of up to 1,000,000 x 512 float32 (2 GB).

``python tests/benchmarks/gallery.py FILE``: the file is written, ranked at three sizes, and
deleted; prints JSON.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from clear_bench.metrics.retrieval import retrieval_metrics
from clear_bench.training.cost import forget_peak_memory, peak_memory

SIZES, WIDTH = (62_500, 250_000, 1_000_000), 512
file = Path(sys.argv[1])
random = np.random.default_rng(0)
stored = np.lib.format.open_memmap(file, "w+", dtype=np.float32, shape=(SIZES[-1], WIDTH))
noise = random.standard_normal((10_000, WIDTH), dtype=np.float32)
for start in range(0, len(stored), len(noise)):
    stored[start : start + len(noise)] = np.roll(noise, start // len(noise), axis=1)
stored.flush()
del stored, noise
gallery = np.load(file, mmap_mode="r")
queries = random.standard_normal((500, WIDTH), dtype=np.float32)
category = random.integers(0, 20_000, len(gallery))
forget_peak_memory()  # of writing the file
points = []
for size in SIZES:
    started = time.perf_counter()
    retrieval_metrics(queries, gallery[:size], np.arange(500), category[:size], no_positives="skip")
    points.append([size, time.perf_counter() - started])
file.unlink()
found = {"points": points, "peak_bytes": peak_memory(), "below_bytes": 1.5e9}
sys.stdout.write(json.dumps(found))
