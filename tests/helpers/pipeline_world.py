"""Records as many and as large as those of `make repro`, made up in seconds on the same data."""

from pathlib import Path

import numpy as np
import yaml
from fake_runs import fake_bench, fake_study
from figure_world import _on_real_data

from clear_bench.config.plugins import tasks_of
from clear_bench.data.load import load_dataset

PARAMS = Path(__file__).parents[2] / "params.yaml"
STUDIES = {
    "embeddings": {"retrieval.text.encoder": ("minilm", "glove", "smollm2", "e5")},
    "templates": {"retrieval.text.template": ("positives", "list", "all", "mixed")},
}


def pipeline_world(root, synthped):
    """Write runs of all methods and three seeds, two studies and attention maps below ``root``.

    Args:
        root: An empty folder.
        synthped: Folder of the embedded data set.
    """
    (root / "data").mkdir()
    (root / "data/synthped").symlink_to(synthped)
    dataset = load_dataset("synthped", root / "data/synthped")
    rows = dataset.rows("test")
    known = dataset.manifest.iloc[rows][dataset.schema.names]
    common = {"names": dataset.schema.names, "images": len(rows), "split": dataset.split_name,
              "distinct": len(known.drop_duplicates())}  # fmt: skip
    methods = yaml.safe_load(PARAMS.read_text())["bench"]["method"]
    of = {t: [m for m in methods if t in tasks_of(m)] for t in ("recognition", "retrieval")}
    made = fake_bench(root / "runs", **of, epochs=12, **common)
    for name, factors in STUDIES.items():
        fake_study(root / "runs", name, factors=factors, epochs=12, **common)
    for record in made:
        _on_real_data(root / "runs", record, dataset, rows)
    maps = root / "reports/attention/default"
    maps.mkdir(parents=True)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (10, 64, 32, 3), np.uint8)
    looks = {"vit": rng.random((10, 8, 4)), "swin": rng.random((10, 2, 1))}
    np.savez(maps / f"{made[0].run_id}.npz", rows=rows[:10], pixels=pixels, **looks)
