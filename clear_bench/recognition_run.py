"""Carry out a recognition run: stage the arrays, train, predict, measure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.runner import set_random_seed
from numpy.typing import NDArray

from clear_bench.cache import Cache
from clear_bench.config import Config
from clear_bench.cost import cost_of
from clear_bench.data.batches import keep_identities
from clear_bench.data.images import Images, image_store
from clear_bench.data.schema import Schema
from clear_bench.distributed import main_process, wait_for_all
from clear_bench.engine import LAST, SELECTED, build, device, fit, load
from clear_bench.errors import UserError
from clear_bench.inference import encode
from clear_bench.metrics.recognition import per_attribute, recognition_metrics
from clear_bench.metrics.upar import challenge_score
from clear_bench.oracle import ORACLE, choose_oracle
from clear_bench.provenance import file_sha256, provenance
from clear_bench.record import Record, plain, write_text
from clear_bench.runs import Run
from clear_bench.starts import START, begin

PHRASES = "phrases.npz"


def split_rows(run: Run, readable: NDArray[np.bool_]) -> dict[str, NDArray[np.intp]]:
    """Return the manifest rows of ``train``, ``val`` and ``test`` that a run uses."""
    rows = {s: run.dataset.rows(s) for s in ("train", "val", "test")}
    rows = {s: r[readable[r]] for s, r in rows.items()}
    persons = run.dataset.manifest["person"].to_numpy()[rows["train"]]
    rows["train"] = rows["train"][keep_identities(persons, run.config["data"]["identities"])]
    for split, found in rows.items():
        if not len(found):
            raise UserError(f"{run.dataset.name}: the {split} split has no images")
    return rows


def positive_ratio(run: Run, rows: dict[str, NDArray[np.intp]]) -> list[float]:
    """Return the share of positives of each attribute in the training images."""
    return run.dataset.labels[rows["train"]].mean(axis=0).tolist()


def model_config(
    config: Config, positive_ratio: Sequence[float], schema: Schema, folder: Path
) -> dict[str, Any]:
    """Return the full configuration of a recognition model: the recipe and what the data say.

    Args:
        config: Resolved configuration.
        positive_ratio: Share of positives of each attribute.
        schema: What the attributes mean; gives ``groups`` to a model that asks for them.
        folder: Run directory, where `stage_phrases` writes the phrases of a method that reads
            text.
    """
    recipe = config["recognition"]
    model = {
        **recipe["model"],
        "attributes": len(positive_ratio),
        "image_size": config["data"]["image_size"],
        "positive_ratio": list(positive_ratio),
        "augment": recipe["augment"],
    }
    if model.get("groups") == []:
        places = {column: g for g, members in enumerate(schema.groups) for column in members}
        model["groups"] = [places[column] for column in range(len(schema))]
    if "text" in recipe:
        model["phrases"] = str(folder / PHRASES)
    return model


def model_of(run: Run, rows: dict[str, NDArray[np.intp]]) -> dict[str, Any]:
    """Return the full configuration of the model of a run."""
    return model_config(run.config, positive_ratio(run, rows), run.dataset.schema, run.folder)


def untrained_config(run: Run) -> dict[str, Any]:
    """Return the same without a look at the data, for a model that gets a checkpoint's weights.

    The shares of positives are a part of every checkpoint.
    """
    schema = run.dataset.schema
    return model_config(run.config, [0.5] * len(schema), schema, run.folder)


def stage_phrases(run: Run, cache: Cache) -> None:
    """Write the attributes' text embeddings beside the record, if the method reads text."""
    if "text" not in run.section:
        return
    if main_process():
        text = cache.phrases(run.dataset.schema, run.section["text"])
        save_arrays(run.folder / PHRASES, {"text": text})
    wait_for_all()


def stage(run: Run, cache: Cache) -> tuple[Images, dict[str, NDArray[np.intp]]]:
    """Return the decoded images of a run's data set and the rows of its splits."""
    height, width = run.config["data"]["image_size"]
    skip = run.config["data"]["skip_unreadable"]
    folder = cache.root / "images"
    keep = run.config["data"]["keep_pixels"]
    images = image_store(run.dataset, (height, width), folder, skip_unreadable=skip, keep=keep)
    return images, split_rows(run, images.readable)


def make(run: Run, cache: Cache, launcher: str) -> Record:
    """Train and evaluate one recognition run and return its record."""
    images, rows = stage(run, cache)
    stage_phrases(run, cache)
    model = model_of(run, rows)
    start = begin(run, model, untrained_config(run.parent) if run.parent else None)
    history = _train(run, cache, launcher, model, images, rows)
    metric = run.config["protocol"]["select_recognition"]
    best = max(history, key=lambda row: row[metric])["epoch"] if history else 0
    found: dict[str, Any] = {}
    if main_process():
        found = choose_oracle(run, model, lambda m: measure(run, m, images.pixels, rows)[0])
        found |= evaluate(run, model, images.pixels, rows)
    return run.record(
        status="finished",
        history=plain(history),
        selected_epoch=int(best),
        data={
            "manifest_checksum": run.dataset.checksum,
            "fingerprint": run.dataset.fingerprint,
            "unreadable_images": int((~images.readable).sum()),
            **{f"{split}_images": len(kept) for split, kept in rows.items()},
            **start,
        },
        cost=cost_of(model, history, len(rows["train"])),
        provenance=provenance(),
        **found,
    )


def learn(run: Run, cache: Cache) -> list[dict[str, float]]:
    """Train a run and return its val history; nothing is evaluated on test, and nothing recorded.

    The checkpoints stay, so that `make` goes on from there.
    """
    images, rows = stage(run, cache)
    stage_phrases(run, cache)
    model = model_of(run, rows)
    begin(run, model, untrained_config(run.parent) if run.parent else None)
    return _train(run, cache, "none", model, images, rows)


def remeasure(run: Run, cache: Cache) -> dict[str, dict[str, dict[str, float]]]:
    """Return the metrics of a finished run's checkpoints, computed from the images again."""
    images, rows = stage(run, cache)
    model = model_of(run, rows)
    found = checkpoints(run, model).items()
    return {name: measure(run, loaded, images.pixels, rows)[0] for name, loaded in found}


def _train(
    run: Run,
    cache: Cache,
    launcher: str,
    model: dict[str, Any],
    images: Images,
    rows: dict[str, NDArray[np.intp]],
) -> list[dict[str, float]]:
    """Train, if the method trains, and return the history."""
    train, rule = run.section["train"], run.config["protocol"]
    if not train["epochs"]:
        return []
    staged = cache.labels(run.dataset)
    key = {"data": run.dataset.checksum, "rows": {s: r.tolist() for s, r in rows.items()}}
    split_files = cache.arrays("rows", key, lambda: rows)
    history = fit(
        folder=run.folder,
        title=run.id,
        seed=run.config["seed"],
        model=model,
        train=train,
        arrays={"images": images.file, "labels": staged / "labels.npy"},
        rows={s: split_files / f"{s}.npy" for s in ("train", "val")},
        names=staged / "names.txt",
        metric=rule["select_recognition"],
        validation={
            "val_cfg": {},
            "val_evaluator": {
                "type": "RecognitionMetric",
                "labels": str(staged / "labels.npy"),
                "threshold": rule["threshold"],
                "undefined": rule["undefined"],
            },
        },
        launcher=launcher,
        every=run.rules.oracle,
        start=run.folder / START if run.section["init"] else None,
    )
    if main_process():
        (run.folder / START).unlink(missing_ok=True)
    return history


def evaluate(
    run: Run, model: dict[str, Any], pixels: Any, rows: dict[str, NDArray[np.intp]]
) -> dict[str, Any]:
    """Measure the checkpoints and keep the selected one's predictions beside the record."""
    found = {
        name: measure(run, loaded, pixels, rows) for name, loaded in checkpoints(run, model).items()
    }
    kept = found["selected"][1]
    threshold = run.config["protocol"]["threshold"]
    test_labels = run.dataset.labels[rows["test"]]
    table = per_attribute(kept["test_probabilities"], test_labels, threshold)
    save_arrays(run.folder / "predictions.npz", kept)
    write_text(run.folder / "schema.json", run.dataset.schema.to_json())
    return {
        "metrics": {name: metrics for name, (metrics, _) in found.items()},
        "per_attribute": {"name": run.dataset.schema.names, **plain(table)},
        "artefacts": artefacts(run.folder),
    }


def measure(
    run: Run, model: Any, pixels: Any, rows: dict[str, NDArray[np.intp]]
) -> tuple[dict[str, dict[str, float]], dict[str, NDArray[Any]]]:
    """Return a model's metrics on val and test, and the predictions they are made of."""
    rule: Any = {k: run.config["protocol"][k] for k in ("threshold", "undefined")}
    metrics: dict[str, dict[str, float]] = {}
    kept: dict[str, NDArray[Any]] = {}
    for split in ("val", "test"):
        _, probabilities = encode(model, pixels, rows[split])
        found = recognition_metrics(probabilities, run.dataset.labels[rows[split]], **rule)
        if run.rules.madm:
            found["challenge"] = challenge_score(found["mA"], found["f1_instance"])
        metrics[split] = plain(found)
        kept |= {
            f"{split}_rows": rows[split],
            f"{split}_probabilities": probabilities,
            f"{split}_labels": run.dataset.labels[rows[split]],
        }
    return metrics, kept


def checkpoints(run: Run, model: dict[str, Any]) -> dict[str, Any]:
    """Return the trained models: ``selected`` on val, of the ``last`` epoch, and ``oracle``.

    The last, selected on test, is there only if the protocol asks for it.  A method that does not
    train has one model and no checkpoint.
    """
    if not run.section["train"]["epochs"]:
        set_random_seed(run.config["seed"])
        return {"selected": build(model).to(device()).eval()}
    files = {"selected": SELECTED, "last": LAST} | ({"oracle": ORACLE} if run.rules.oracle else {})
    return {name: load(model, run.folder / file) for name, file in files.items()}


def save_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write an ``.npz`` file, whole or not at all."""
    temporary = path.with_name(f".{path.stem}.tmp.npz")
    np.savez(temporary, **arrays)  # type: ignore[arg-type]
    temporary.replace(path)


def artefacts(folder: Path) -> dict[str, str]:
    """Return the sha256 of the files that a run leaves beside its record."""
    names = (SELECTED, LAST, ORACLE, "predictions.npz", "schema.json", "table.npz", PHRASES)
    return {name: file_sha256(folder / name) for name in names if (folder / name).is_file()}
