"""A recognition run: decode the images, train on them, measure every attribute."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.config.start_files import start_files
from clear_bench.data.identities import keep_identities
from clear_bench.data.images import Images, image_store
from clear_bench.data.unknown_labels import positive_shares
from clear_bench.engine.fit import Feed, Start
from clear_bench.engine.inference import encode
from clear_bench.metrics.recognition import Threshold, per_attribute, recognition_metrics
from clear_bench.metrics.thresholds import chosen_thresholds
from clear_bench.metrics.upar import challenge_score
from clear_bench.runs.files import PHRASES, START
from clear_bench.runs.record import plain
from clear_bench.runs.run import Run
from clear_bench.training.initial_weights import begin
from clear_bench.training.model_config import recognition_config
from clear_bench.training.task import Measured, Metrics, Task
from clear_bench.utils.errors import UserError

Rows = dict[str, NDArray[np.intp]]


def split_rows(run: Run, readable: NDArray[np.bool_]) -> Rows:
    """Return the manifest rows of ``train``, ``val`` and ``test`` that a run uses.

    Where val is trained on, its rows are among those of ``train``, and there is no ``val``.

    Args:
        run: The run.
        readable: ``(N,)`` which images can be read.

    Raises:
        UserError: If a split has no images.
    """
    rows = {s: run.dataset.rows(s) for s in ("train", "val", "test")}
    rows = {s: r[readable[r]] for s, r in rows.items()}
    if "val" not in run.measured:
        rows["train"] = np.concatenate([rows["train"], rows.pop("val")])
    persons = run.dataset.manifest["person"].to_numpy()[rows["train"]]
    rows["train"] = rows["train"][keep_identities(persons, run.config["data"]["identities"])]
    for split in rows.keys() - {"test"}:
        rows[split] = rows[split][~left_out(run, rows[split])]
    for split, chosen in rows.items():
        if not len(chosen):
            raise UserError(f"{run.dataset.name}: the {split} split has no images")
    return rows


def left_out(run: Run, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which of some rows ``data.without`` keeps out of training and selection.

    Where it is unknown whether an image has the attribute, it is kept out too.
    """
    without = run.config["data"]["without"]
    if not without:
        return np.zeros(len(rows), bool)
    return run.dataset.labels[rows, run.dataset.schema.column(without)] != 0


def unknown_counts(run: Run, rows: Rows) -> dict[str, int]:
    """Return how many labels of each split's rows are unknown; nothing where all are known."""
    if not run.dataset.has_unknown:
        return {}
    return {
        f"{split}_unknown_labels": int(run.dataset.unknown[r].sum()) for split, r in rows.items()
    }


class Recognition(Task):
    """Image to a probability per attribute."""

    @cached_property
    def images(self) -> Images:
        """The decoded images of the data set."""
        data = self.run.config["data"]
        height, width = data["image_size"]
        return image_store(
            self.run.dataset,
            (height, width),
            self.cache.root / "images",
            skip_unreadable=data["skip_unreadable"],
            keep=data["keep_pixels"],
            letterbox=data["letterbox"],
        )

    @cached_property
    def rows(self) -> Rows:
        """The manifest rows of each split."""
        return split_rows(self.run, self.images.readable)

    @cached_property
    def model(self) -> dict[str, Any]:
        """The full configuration of the model."""
        run = self.run
        shares = positive_shares(run.dataset.labels[self.rows["train"]])
        if np.isnan(shares).any():
            name = run.dataset.schema.names[int(np.isnan(shares).argmax())]
            raise UserError(
                f"{run.dataset.name}: no label of {name} is known in the images that are trained "
                "on; leave that attribute out of the data set, or label some images"
            )
        return recognition_config(run.config, run.dataset.schema, run.folder, shares.tolist())

    def prepare(self) -> None:
        """Write the attributes' text embeddings, if the method reads text."""
        if "text" in self.run.section:
            text = self.cache.phrases(self.run.dataset.schema, self.run.section["text"])
            self.save_once(PHRASES, {"text": text})

    def start(self) -> tuple[Start | None, dict[str, Any]]:
        """Return where training starts: at random, or where ``recognition.init`` or files say."""
        said = begin(self.run, self.model)
        elsewhere = self.run.section["init"] or any(start_files(self.run.section))
        return (Start(self.run.folder / START) if elsewhere else None), said

    def feed(self) -> Feed:
        """Return images and labels."""
        staged = self.cache.labels(self.run.dataset)
        rows = {s: r.tolist() for s, r in self.rows.items()}
        key = {"data": self.run.dataset.checksum, "rows": rows}
        files = self.cache.arrays("rows", key, lambda: self.rows)
        return Feed(
            arrays={"images": self.images.file, "labels": staged / "labels.npy"},
            rows={s: files / f"{s}.npy" for s in ("train", "val") if s in self.rows},
            names=staged / "names.txt",
            validation=self._validation(staged / "labels.npy") if "val" in self.rows else None,
        )

    def _validation(self, labels: Path) -> dict[str, Any]:
        """Return how an epoch is measured on val."""
        rules, train = self.run.rules, self.run.section["train"]
        evaluator: dict[str, Any] = {
            "type": "RecognitionMetric",
            "labels": str(labels),
            "threshold": rules.thresholds_by if rules.threshold == "val" else rules.threshold,
            "undefined": rules.undefined,
        }
        if train["schedule"] == "plateau" and train["watch"] == "loss":
            evaluator["positive_ratio"] = self.model["positive_ratio"]
        return {"val_cfg": {}, "val_evaluator": evaluator}

    def measure(self, model: Any) -> Measured:
        """Return a model's metrics on val and test, and each attribute's on test."""
        rules, labels = self.run.rules, self.run.dataset.labels
        metrics: Metrics = {}
        kept: dict[str, NDArray[Any]] = {}
        threshold: Threshold = 0.5 if rules.threshold == "val" else rules.threshold
        for split in self.run.measured:
            rows = self.rows[split]
            _, probabilities = encode(model, self.images.pixels, rows)
            if split == "val" and rules.threshold == "val":
                threshold = chosen_thresholds(probabilities, labels[rows], rules.thresholds_by)
            scores = recognition_metrics(probabilities, labels[rows], threshold, rules.undefined)
            if rules.madm:
                scores["challenge"] = challenge_score(scores["mA"], scores["f1_instance"])
            metrics[split] = plain(scores)
            kept |= {
                f"{split}_rows": rows,
                f"{split}_probabilities": probabilities,
                f"{split}_labels": labels[rows],
            }
        table = per_attribute(kept["test_probabilities"], kept["test_labels"], threshold)
        if rules.threshold == "val":
            table["threshold"] = np.asarray(threshold)
        attributes = {"name": self.run.dataset.schema.names, **plain(table)}
        return Measured(metrics, lambda: kept, attributes)

    def counts(self) -> dict[str, int]:
        """Return the numbers of images."""
        unreadable = int((~self.images.readable).sum())
        sizes = {f"{split}_images": len(rows) for split, rows in self.rows.items()}
        return {"unreadable_images": unreadable, **sizes, **unknown_counts(self.run, self.rows)}
