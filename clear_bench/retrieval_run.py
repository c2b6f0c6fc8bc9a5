"""Carry out a retrieval run: cached features of the frozen parent, adapters, ranking."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench import recognition_run
from clear_bench.cache import Cache
from clear_bench.cost import cost_of
from clear_bench.data.images import Images
from clear_bench.distributed import main_process, wait_for_all
from clear_bench.engine import SELECTED, fit
from clear_bench.errors import UserError
from clear_bench.galleries import gallery_of, order_of
from clear_bench.inference import as_seen, embed, encode, rank_split
from clear_bench.metrics.retrieval import RetrievalResult
from clear_bench.provenance import file_sha256, provenance
from clear_bench.recognition_run import (
    artefacts,
    checkpoints,
    choose_oracle,
    save_arrays,
    split_rows,
)
from clear_bench.record import Record, plain, write_text
from clear_bench.runs import Run
from clear_bench.starts import START
from clear_bench.tuning import begin, seen_in_training, tuned_config

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Staged:
    """What a retrieval run needs of its parent and its data.

    Args:
        folder: Where the parent's ``features.npy`` and ``mirrored.npy`` lie.
        rows: Manifest rows of ``train``, ``val`` (by the protocol's rule) and ``test``.
        queries: Queries of the training images, see `Cache.queries`.
        splits: ``val`` and ``test`` as `rank_split` wants them.
        mean: ``(D,)`` mean feature of the training images.
        images: The pictures, read where the backbone learns too.
    """

    folder: Path
    rows: dict[str, NDArray[np.intp]]
    queries: Arrays
    splits: dict[str, Arrays]
    mean: NDArray[np.float32]
    images: Images


def features_of(run: Run, cache: Cache) -> Path:
    """Return the folder of the parent's features of all images, computed once.

    It holds ``features.npy`` and ``mirrored.npy`` ``(N, D)``, ``probabilities.npy`` ``(N, A)`` and
    ``readable.npy`` ``(N,)``.  The mirrored view of each image is encoded too: a frozen backbone
    has no other augmentation.
    """
    parent = run.parent
    assert parent is not None  # noqa: S101 - `plan` gives every retrieval run one
    images, rows = recognition_run.stage(parent, cache)
    checkpoint = parent.folder / SELECTED
    weights = file_sha256(checkpoint) if checkpoint.is_file() else parent.id

    def make() -> Arrays:
        model = recognition_run.model_of(parent, rows)
        trained = checkpoints(parent, model)["selected"]
        everything = np.arange(len(images.pixels))
        features, probabilities = encode(trained, images.pixels, everything)
        mirrored, _ = encode(trained, images.pixels, everything, mirror=True)
        return {
            "features": features,
            "mirrored": mirrored,
            "probabilities": probabilities,
            "readable": images.readable,
        }

    key = {"weights": weights, "images": images.file.parent.name, "code": parent.code}
    return cache.arrays("features", key, make)


def stage(run: Run, cache: Cache) -> Staged:
    """Return everything that training and evaluation read."""
    folder = features_of(run, cache)
    names = ("features", "probabilities", "readable")
    found = {n: np.load(folder / f"{n}.npy", mmap_mode="r") for n in names}
    rows = split_rows(run, np.asarray(found["readable"]))
    rows["val"] = val_rows(run, rows)
    known = np.concatenate([rows["train"], run.dataset.rows("val")])
    text = run.section.get("text")
    splits = {}
    for s, seen in (("val", rows["train"]), ("test", known)):
        rows[s] = rows[s][order_of(run, rows[s])]
        splits[s] = gallery_of(run, cache, rows[s], seen)
        splits[s] |= {k: np.asarray(found[k][rows[s]]) for k in names[:2]} | {"rows": rows[s]}
    train = cache.queries(run.dataset.schema, run.dataset.labels[rows["train"]], text)
    mean = np.asarray(found["features"][rows["train"]]).mean(axis=0)
    assert run.parent is not None  # noqa: S101 - `plan` gives every retrieval run one
    images, _ = recognition_run.stage(run.parent, cache)
    return Staged(folder, rows, train, splits, mean, images)


def val_rows(run: Run, rows: dict[str, NDArray[np.intp]]) -> NDArray[np.intp]:
    """Return the val images that select the checkpoint: by rule only those of new persons.

    The frozen backbone has seen the training persons, so on them retrieval looks better than it
    is and goes on improving while it gets worse on new people.
    """
    if run.config["protocol"]["val_identities"] == "all":
        return rows["val"]
    person = run.dataset.manifest["person"].to_numpy()
    new = rows["val"][~np.isin(person[rows["val"]], person[rows["train"]])]
    if not len(new):
        raise UserError(
            f"{run.dataset.name}: every val image shows a person of the training split; "
            "set protocol.val_identities=all"
        )
    return new


def model_config(run: Run) -> dict[str, Any]:
    """Return the full configuration of a run's model; its table lies beside the record."""
    return tuned_config(run, head_config(run, run.folder / "table.npz"))


def head_config(run: Run, table: Path) -> dict[str, Any]:
    """Return the full configuration of the retrieval model that reads features."""
    model = dict(run.section["model"])
    if run.section.get("text", {}).get("encoder") == "none":
        model["embedding"] = "hard"
    return {**model, "table": str(table)}


def training_table(run: Run, queries: Arrays, mean: NDArray[np.float32]) -> Arrays:
    """Return what a retrieval model reads of the training split, see `RetrievalModel`."""
    table = {k: queries[k] for k in ("vectors", "one_hot", "text")}
    groups = np.zeros(len(run.dataset.schema), np.int64)
    for number, columns in enumerate(run.dataset.schema.groups):
        groups[columns] = number
    counts = np.bincount(queries["category"], minlength=len(table["vectors"]))
    return {**table, "counts": counts, "groups": groups, "feature_mean": mean}


def make(run: Run, cache: Cache, launcher: str) -> Record:
    """Train and evaluate one retrieval run and return its record."""
    staged = stage(run, cache)
    table = training_table(run, staged.queries, staged.mean)
    if main_process():
        save_arrays(run.folder / "table.npz", table)
    wait_for_all()
    model = model_config(run)
    history = _train(run, cache, launcher, model, staged)
    metric = run.config["protocol"]["select_retrieval"]
    best = max(history, key=lambda row: row[metric])["epoch"] if history else 0
    measured: dict[str, Any] = {}
    if main_process():
        measured = choose_oracle(run, model, lambda m: plain_metrics(measure(run, m, staged)))
        measured |= evaluate(run, model, staged)
    return run.record(
        status="finished",
        history=plain(history),
        selected_epoch=int(best),
        data={
            "manifest_checksum": run.dataset.checksum,
            "fingerprint": run.dataset.fingerprint,
            "unreadable_images": int((~np.load(staged.folder / "readable.npy")).sum()),
            "train_images": len(staged.rows["train"]),
            "train_categories": len(table["vectors"]),
            "val_images": len(staged.rows["val"]),
            "val_queries": len(staged.splits["val"]["vectors"]),
            "gallery_images": len(staged.rows["test"]),
            "queries": len(staged.splits["test"]["vectors"]),
        },
        cost=cost_of(model, history, len(staged.rows["train"])),
        provenance=provenance(),
        **measured,
    )


def learn(run: Run, cache: Cache) -> list[dict[str, float]]:
    """Train a run and return its val history, see `recognition_run.learn`."""
    staged = stage(run, cache)
    save_arrays(run.folder / "table.npz", training_table(run, staged.queries, staged.mean))
    return _train(run, cache, "none", model_config(run), staged)


def evaluate(run: Run, model: dict[str, Any], staged: Staged) -> dict[str, Any]:
    """Measure the checkpoints and keep the selected one's ranking inputs beside the record."""
    trained = checkpoints(run, model)
    found = {name: measure(run, loaded, staged) for name, loaded in trained.items()}
    test = staged.splits["test"]
    kept = {
        "rows": staged.rows["test"],
        "vectors": test["vectors"],
        "category": test["category"],
        "query_category": test["query_category"],
        "average_precision": found["selected"]["test"].average_precision,
    }
    ranks, seen = as_seen(trained["selected"], test, staged.images.pixels)
    if ranks.embeds:
        kept["queries"], kept["images"] = embed(ranks, seen)
    save_arrays(run.folder / "predictions.npz", kept)
    write_text(run.folder / "schema.json", run.dataset.schema.to_json())
    metrics = {name: plain_metrics(splits) for name, splits in found.items()}
    return {"metrics": metrics, "artefacts": artefacts(run.folder)}


def remeasure(run: Run, cache: Cache) -> dict[str, dict[str, dict[str, float]]]:
    """Return the metrics of a finished run's checkpoints, computed again."""
    staged = stage(run, cache)
    trained = checkpoints(run, model_config(run)).items()
    return {name: plain_metrics(measure(run, loaded, staged)) for name, loaded in trained}


def measure(run: Run, model: Any, staged: Staged) -> dict[str, RetrievalResult]:
    """Return a model's ranking results on val and test."""
    rule = run.rules.ranking
    return {
        split: rank_split(*as_seen(model, arrays, staged.images.pixels), **rule)
        for split, arrays in staged.splits.items()
    }


def plain_metrics(splits: dict[str, RetrievalResult]) -> dict[str, dict[str, float]]:
    """Return the plain metrics of each split's result."""
    return {split: plain(result.metrics) for split, result in splits.items()}


def _train(
    run: Run, cache: Cache, launcher: str, model: dict[str, Any], staged: Staged
) -> list[dict[str, float]]:
    """Train, if the method trains, and return the history."""
    if not run.section["train"]["epochs"]:
        return []
    category = np.full(len(run.dataset.labels), -1, np.int64)
    category[staged.rows["train"]] = staged.queries["category"]
    files = cache.arrays("rows", {"run": run.id}, lambda: {"category": category, **staged.rows})
    val = run.folder / "val.npz"
    if main_process():
        save_arrays(val, staged.splits["val"])
    wait_for_all()
    rule = run.rules.ranking
    history = fit(
        folder=run.folder,
        title=run.id,
        seed=run.config["seed"],
        model=model,
        train=run.section["train"],
        arrays={
            **seen_in_training(run, staged.folder, staged.images),
            "category": files / "category.npy",
        },
        rows={s: files / f"{s}.npy" for s in ("train", "val")},
        names=cache.labels(run.dataset) / "names.txt",
        metric=run.config["protocol"]["select_retrieval"],
        validation={
            "val_cfg": {
                "type": "RetrievalValLoop",
                "split": str(val),
                "rule": rule,
                "images": str(staged.images.file),
            },
            "val_evaluator": [],
        },
        launcher=launcher,
        every=run.rules.oracle,
        **begin(run, model),
    )
    if main_process():
        val.unlink()
        (run.folder / START).unlink(missing_ok=True)
    return history
