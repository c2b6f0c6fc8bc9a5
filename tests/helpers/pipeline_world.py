"""Records as many and as large as those of `make repro`, in seconds: made up, but on its own data."""

import numpy as np
from fake_runs import fake_bench, fake_study
from figure_world import _on_real_data

from clear_bench.config.plugins import tasks_of
from clear_bench.data.load import load_dataset

METHODS = (
    "clear c2t_net vit swin deepmar strong_baseline alm ssc vtb label2label dafl promptpar parformer "
    "sequencepar clear_soft clear_hard asmr sal aihm cmce two_way_net deep_cca likelihood "
    "l1_distance queried_product agreement label_prior chance"
).split()
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
    common = {"names": dataset.schema.names, "images": len(rows), "split": dataset.split_name}
    of = {t: [m for m in METHODS if t in tasks_of(m)] for t in ("recognition", "retrieval")}
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
