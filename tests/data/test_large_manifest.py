"""100,000 images: loading a manifest takes under 2 s of the processor and under 500 MB."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

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


@pytest.fixture(scope="module")
def large(tmp_path_factory):
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
    folder = tmp_path_factory.mktemp("large")
    Dataset("pa100k", "official", "26", folder, SCHEMA, manifest).save(folder)
    return folder, int(labels.sum())


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from /proc")
def test_manifest_of_100_000_images(large):
    folder, positives = large
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder)], capture_output=True, text=True, check=True
    )
    measured = json.loads(done.stdout)
    assert measured["rows"] == {"train": 80_000, "val": 10_000, "test": 10_000}
    assert measured["positives"] == positives
    assert measured["seconds"] < 2, measured
    assert measured["megabytes"] < 500, measured
