"""A retrieval run: features of the recognition run under it, adapters on them, a ranking."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.unknown_labels import fully_known
from clear_bench.engine.fit import Feed, Start
from clear_bench.engine.inference import as_seen, embed, encode, rank_split
from clear_bench.runs.files import SELECTED, TABLE, VAL
from clear_bench.runs.record import plain
from clear_bench.runs.run import Run
from clear_bench.training.cache import Cache
from clear_bench.training.checkpoints import selected_model
from clear_bench.training.finetuning import begin, seen_in_training
from clear_bench.training.gallery import gallery_of, order_of
from clear_bench.training.made_queries import made_queries
from clear_bench.training.model_config import (
    Arrays,
    config_for_weights,
    retrieval_config,
    training_table,
)
from clear_bench.training.recognition import (
    Recognition,
    Rows,
    left_out,
    split_rows,
    unknown_counts,
)
from clear_bench.training.task import Measured, Task
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import file_sha256

HIDDEN = ("removed_query", "removed_image")
"""Pairs of query and image that are not ranked: by a rule, or because nobody knows their truth."""


class Retrieval(Task):
    """Attribute query to a ranked gallery."""

    def __init__(self, run: Run, cache: Cache, launcher: str = "none") -> None:
        super().__init__(run, cache, launcher)
        assert run.parent is not None  # noqa: S101 - `plan` gives every retrieval run one
        self.parent = Recognition(run.parent, cache, launcher)

    @cached_property
    def features(self) -> Path:
        """Folder of the parent's features of all images, computed once.

        It holds ``features.npy`` and ``mirrored.npy`` ``(N, D)``, ``probabilities.npy`` ``(N, A)``
        and ``readable.npy`` ``(N,)``.  The mirrored view of each image is encoded too: a frozen
        backbone has no other augmentation.
        """
        run, images = self.parent.run, self.parent.images
        checkpoint = run.folder / SELECTED
        weights = file_sha256(checkpoint) if checkpoint.is_file() else run.id

        def make() -> Arrays:
            trained = selected_model(run, self.parent.model)
            everything = np.arange(len(images.pixels))
            features, probabilities = encode(trained, images.pixels, everything)
            mirrored, _ = encode(trained, images.pixels, everything, mirror=True)
            return {
                "features": features,
                "mirrored": mirrored,
                "probabilities": probabilities,
                "readable": images.readable,
            }

        key = {"weights": weights, "images": images.file.parent.name, "numbers": run.numbers}
        return self.cache.arrays("features", key, make)

    @cached_property
    def encoded(self) -> Mapping[str, NDArray[Any]]:
        """The arrays of `features`, memory-mapped."""
        names = ("features", "probabilities", "readable")
        return {n: np.load(self.features / f"{n}.npy", mmap_mode="r") for n in names}

    @cached_property
    def parent_rows(self) -> Rows:
        """Manifest rows of each split that its parent is trained and measured on."""
        return split_rows(self.run, np.asarray(self.encoded["readable"]))

    @cached_property
    def rows(self) -> Rows:
        """Manifest rows of ``train``, ``val`` (if held out, by the rule) and ``test``, in order.

        An image with an unknown label belongs to no category, so it trains no category either.
        """
        rows = dict(self.parent_rows)
        if "val" in rows:
            rows["val"] = self._val_rows(rows)
        rows["train"] = rows["train"][fully_known(self.run.dataset.labels[rows["train"]])]
        if not len(rows["train"]):
            raise UserError(
                f"{self.run.dataset.name}: no train image has all its labels known, so there is no "
                "category to learn"
            )
        return rows | {s: rows[s][order_of(self.run, rows[s])] for s in self.run.measured}

    @cached_property
    def queries(self) -> Arrays:
        """Queries of the training images, see `Cache.queries`."""
        labels = self.run.dataset.labels[self.rows["train"]]
        return self.cache.queries(self.run.dataset.schema, labels, self.text_settings)

    @cached_property
    def splits(self) -> dict[str, Arrays]:
        """``val``, if it is held out, and ``test`` as `rank_split` wants them."""
        val = self.run.dataset.rows("val")
        trained_on = self.parent_rows["train"]
        learned_from = np.concatenate([trained_on, val[~left_out(self.run, val)]])
        splits = {}
        seen_before = {"val": trained_on, "test": learned_from}
        for split in self.run.measured:
            rows = self.rows[split]
            encoded = {k: np.asarray(self.encoded[k][rows]) for k in ("features", "probabilities")}
            splits[split] = (
                gallery_of(self.run, self.cache, split, rows, seen_before[split])
                | encoded
                | {"rows": rows}
            )
        return splits

    @cached_property
    def table(self) -> Arrays:
        """What the model reads of the training split."""
        run, rows, model = self.run, self.rows["train"], self.run.section["model"]
        mean = np.asarray(self.encoded["features"][rows]).mean(axis=0)
        drawn = model.get("made", 0) if model.get("align") and model["embedding"] != "hard" else 0
        made = made_queries(run.dataset, self.cache, rows, drawn, self.text_settings)
        return training_table(run, self.queries, mean) | made

    @property
    def text_settings(self) -> Mapping[str, str] | None:
        """Encoder and template of training; None for a method that reads no text."""
        return self.run.section.get("text")

    @cached_property
    def model(self) -> dict[str, Any]:
        """The full configuration of the model."""
        recognition = config_for_weights(self.parent.run)
        return retrieval_config(self.run.config, self.run.folder, recognition)

    def prepare(self) -> None:
        """Write the table."""
        self.save_once(TABLE, self.table)

    def start(self) -> tuple[Start | None, dict[str, Any]]:
        """Return where training starts: at the parent's weights, where the backbone learns too."""
        return (begin(self.run, self.model) if self.run.trains else None), {}

    def feed(self) -> Feed:
        """Return features, or images where the backbone learns too, and their categories."""
        run, images = self.run, self.parent.images.file
        category = np.full(len(run.dataset.labels), -1, np.int64)
        category[self.rows["train"]] = self.queries["category"]
        arrays = {"category": category, **self.rows}
        files = self.cache.arrays("rows", {"run": run.id}, lambda: arrays)
        validation = None
        if "val" in self.splits:
            self.save_once(VAL, self.splits["val"])
            loop = {
                "type": "RetrievalValLoop",
                "split": str(run.folder / VAL),
                "rule": run.rules.ranking,
                "images": str(images),
            }
            validation = {"val_cfg": loop, "val_evaluator": []}
        return Feed(
            arrays={
                **seen_in_training(run, self.features, images),
                "category": files / "category.npy",
            },
            rows={s: files / f"{s}.npy" for s in ("train", "val") if s in self.rows},
            names=self.cache.labels(run.dataset) / "names.txt",
            validation=validation,
        )

    def measure(self, model: Any) -> Measured:
        """Return a model's ranking metrics on val and test, and what it ranks test by."""
        rule, pixels = self.run.rules.ranking, self.parent.images.pixels
        seen = {split: as_seen(model, arrays, pixels) for split, arrays in self.splits.items()}
        ranked = {split: rank_split(*pair, **rule) for split, pair in seen.items()}
        metrics = {split: plain(result.metrics) for split, result in ranked.items()}

        def predictions() -> Arrays:
            ranks, test = seen["test"]
            kept = {name: test[name] for name in ("vectors", "category", "query_category")}
            kept |= {
                "rows": self.rows["test"],
                "average_precision": ranked["test"].average_precision,
                "rank_of_first": ranked["test"].rank_of_first,
            }
            if len(test["removed_query"]):
                kept |= {name: test[name] for name in HIDDEN}
            if ranks.embeds:
                kept["queries"], kept["images"] = embed(ranks, test)
            return kept

        return Measured(metrics, predictions)

    def counts(self) -> dict[str, int]:
        """Return the numbers of images, categories and queries."""
        held_out = {}
        if "val" in self.splits:
            held_out = {
                "val_images": len(self.rows["val"]),
                "val_queries": len(self.splits["val"]["vectors"]),
            }
        return {
            "unreadable_images": int((~self.encoded["readable"]).sum()),
            "train_images": len(self.rows["train"]),
            "train_categories": len(self.table["vectors"]),
            **held_out,
            "gallery_images": len(self.rows["test"]),
            "queries": len(self.splits["test"]["vectors"]),
            **({"made_queries": len(self.table["made_text"])} if "made_text" in self.table else {}),
            **self._unknown_counts(),
        }

    def _unknown_counts(self) -> dict[str, int]:
        """Return what unknown labels take away; nothing where all are known."""
        if not self.run.dataset.has_unknown:
            return {}
        return {
            **unknown_counts(self.run, self.parent_rows),
            "unused_train_images": len(self.parent_rows["train"]) - len(self.rows["train"]),
            "unranked_pairs": len(self.splits["test"]["removed_query"]),
        }

    def _val_rows(self, rows: Rows) -> NDArray[np.intp]:
        """Return the val images that select the checkpoint: by rule only those of new persons.

        The frozen backbone has seen the training persons, so on them retrieval looks better than
        it is and goes on improving while it gets worse on new people.
        """
        if self.run.rules.val_identities == "all":
            return rows["val"]
        person = self.run.dataset.manifest["person"].to_numpy()
        new = rows["val"][~np.isin(person[rows["val"]], person[rows["train"]])]
        if not len(new):
            raise UserError(
                f"{self.run.dataset.name}: every val image shows a person of the training split; "
                "set protocol.val_identities=all"
            )
        return new
