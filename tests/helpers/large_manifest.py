"""A manifest of 100,000 images, and a process that loads it and says what that cost."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd

from clear_bench.data.dataset import Dataset
from clear_bench.data.sets.pa100k import SCHEMA

LOAD = """
import json, sys, time
from pathlib import Path
import pandas
import pyarrow.parquet
from clear_bench.data.dataset import Dataset
before = time.process_time()
dataset = Dataset.load(Path(sys.argv[1]), Path('.'), 'pa100k', 'official', '26')
rows = {part: len(dataset.rows(part)) for part in ('train', 'val', 'test')}
seconds = time.process_time() - before
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
peak = int(status['VmHWM'].split()[0]) / 1024  # of this program alone, unlike ru_maxrss
print(json.dumps({'seconds': seconds, 'megabytes': peak, 'rows': rows,
                  'positives': int(dataset.labels.sum())}))
"""


def write_manifest(folder):
    """Write the manifest and return how many labels are positive."""
    count = 100_000
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (count, len(SCHEMA)), dtype=np.uint8)
    stems = [f"{k + 1:06d}" for k in range(count)]
    head = pd.DataFrame({
        "path": [f"release_data/release_data/{stem}.jpg" for stem in stems],
        "split": np.repeat(["train", "val", "test"], [80_000, 10_000, 10_000]),
        "person": stems,
        "camera": "",
    })  # fmt: skip
    manifest = pd.concat([head, pd.DataFrame(labels, columns=SCHEMA.names)], axis=1)
    Dataset("pa100k", "official", "26", folder, SCHEMA, manifest).save(folder)
    return int(labels.sum())


def load_manifest(folder):
    """Return what another process finds, with its megabytes and seconds of the processor."""
    command = [sys.executable, "-c", LOAD, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
