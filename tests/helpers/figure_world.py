"""A folder of runs on a small Market-1501 that is there, of which every figure can be drawn."""

import json

import numpy as np
from fake_runs import fake_bench, fake_run, fake_study
from layouts import write_market

from clear_bench.data.load import load_dataset
from clear_bench.runs.study_result import SearchResult, SearchTrial

DATA = "market1501"


def figure_world(root):
    """Runs on a small Market-1501 that is there, three studies, a failed and a stale run."""
    write_market(root / "data" / DATA, plain=True)
    dataset = load_dataset(DATA, root / "data" / DATA)
    rows = dataset.rows("test")
    common = {"names": dataset.schema.names, "images": len(rows), "dataset": DATA}
    common["split"] = dataset.split_name
    bench = {k: v for k, v in common.items() if k != "dataset"}
    methods = ("clear", "asmr", "clear_soft", "chance")
    bench |= {"recognition": ("clear", "vtb", "chance"), "retrieval": methods, "epochs": 3}
    fake_study(root / "runs", "lm_choice", seeds=(0, 1), epochs=3, **common,
               states={"smollm2": ("unavailable", "no weights")})  # fmt: skip
    depth = {"retrieval.model.depth": (1, 2, 4), "retrieval.text.template": ("positives", "list")}
    study = fake_study(
        root / "runs", "cross_depth", factors=depth, seeds=(0, 1), epochs=3, **common
    )
    made = fake_bench(root / "runs", datasets=(DATA,), seeds=(0, 1), **bench)
    for record in made:
        _on_real_data(root / "runs", record, dataset, rows)
    trials = [SearchTrial(number=k, state="complete", values={"lr": 0.1**k}, val=0.2 + 0.03 * k)
              for k in range(1, 5)]  # fmt: skip
    trials.append(SearchTrial(number=5, state="pruned", values={"lr": 1.0}, val=0.1))
    search = SearchResult(metric="mAP", budget=6, trials=trials, best={"lr": 1e-4},
                         importance={"lr": 0.8, "margin": 0.2})  # fmt: skip
    study.model_copy(update={"search": search}).save(root / "runs")
    fake_run(root / "runs", "vit", status="failed", reason="diverged", **common)
    fake_run(root / "runs", "swin", stale=True, **common)
    maps = root / "attention/default"
    maps.mkdir(parents=True)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (3, 64, 32, 3), np.uint8)
    looks = {"vit": rng.random((3, 4, 2)), "swin": rng.random((3, 2, 1))}
    np.savez(maps / f"{made[0].run_id}.npz", rows=rows[:3], pixels=pixels, **looks)
    return root


def _on_real_data(root, record, dataset, rows):
    """Make a fake run one of data that are there."""
    folder = root / record.profile / record.dataset / record.method / record.run_id
    content = json.loads((folder / "record.json").read_text())
    content["data"]["manifest_checksum"] = dataset.checksum
    content["config"]["data"]["label_set"] = dataset.label_set
    for cost in ("flops_per_image", "train_seconds"):  # else there is no figure of cost
        content["cost"][cost] *= 1 + len(record.method)
    (folder / "record.json").write_text(json.dumps(content))
    with np.load(folder / "predictions.npz") as kept:
        arrays = dict(kept)
    if "rows" in arrays:
        np.savez(folder / "predictions.npz", **{**arrays, "rows": rows})
