"""A trained retrieval run as a search engine: what is made once a gallery, and scores of queries.

What a query needs lies in one folder of the cache, named by all that determines it.  Where CLEAR
answers, that is numpy alone: importing torch takes longer than a query should.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.config.numbers import VERSIONS, current
from clear_bench.data.schema import Schema
from clear_bench.runs.files import SELECTED, TABLE
from clear_bench.runs.record import Record
from clear_bench.search.images import Gallery, encode_gallery
from clear_bench.search.query import Completions
from clear_bench.search.query_encoder import KIND, QueryTower, export_tower
from clear_bench.utils.errors import UserError, require_file
from clear_bench.utils.files import made_once
from clear_bench.utils.hashing import digest

if TYPE_CHECKING:
    from clear_bench.training.trained_model import TrainedModel

Floats = NDArray[np.float32]
WEIGHTS = SELECTED
TOWER = "tower.npz"
CHUNK = 64  # queries that are scored at once by a method without a common space


@dataclass(frozen=True)
class Engine:
    """A retrieval run, its parent and the folder of derived files; no data set is needed.

    Args:
        run: The retrieval run, with its parent.
        cache: Folder of derived files.
    """

    run: "TrainedModel"
    cache: Path

    @property
    def record(self) -> Record:
        """Record of the retrieval run."""
        return self.run.record

    @property
    def schema(self) -> Schema:
        """What the attributes mean."""
        return self.run.schema

    @cached_property
    def table(self) -> dict[str, NDArray[Any]]:
        """The training table, see `RetrievalModel`."""
        file = require_file(self.run.folder / TABLE, "train the run again")
        with np.load(file, allow_pickle=False) as arrays:
            return {k: arrays[k] for k in ("vectors", "one_hot", "text", "counts", "groups")}

    @property
    def encoder(self) -> str:
        """Name of the text encoder whose embeddings the method reads, or ""."""
        if not self.table["text"].shape[1]:
            return ""
        return str(self.record.config["retrieval"]["text"]["encoder"])

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels that the parent reads."""
        return self.run.image_size

    @cached_property
    def identity(self) -> list[Any]:
        """What determines an image's features: weights, how it is read, numbers versions."""
        letterbox = ["letterbox"] if self.run.letterbox else []
        return [_weights(self.run.recogniser), self.image_size, *letterbox]

    def index(self, gallery: Gallery, *, skip_unreadable: bool) -> Path:
        """Return the folder of everything that queries on a gallery read, made if need be.

        It holds ``rows.npy`` ``(M,)`` (places of the readable images in the gallery),
        ``probabilities.npy`` ``(M, A)``, ``unreadable.json``, and either ``images.npy`` ``(M, d)``
        and ``queries.npy`` ``(C, d)``, the training categories' embeddings, or, for a method
        without a common space, ``features.npy`` ``(M, D)``; for CLEAR also `TOWER`.

        Raises:
            UserError: If a checkpoint does not fit, or an image cannot be read.
        """
        weights = _weights(self.run)
        key = [*self.identity, weights, gallery.digest, skip_unreadable]

        def make(target: Path) -> None:
            self._make(target, gallery, skip_unreadable)

        return made_once(self.cache / "search" / digest(key)[:24], make)

    def score(self, index: Path, asked: Completions, text: Floats) -> Floats:
        """Return the score of each readable image: the weighted mean over a query's completions.

        Args:
            index: From `index`.
            asked: The full vectors that the query stands for.
            text: ``(K, T)`` a text embedding for each.
        """
        if not (index / "images.npy").is_file():
            return self._score_without_space(index, asked)
        images = np.load(index / "images.npy", mmap_mode="r")
        return images @ (asked.weights @ self._queries(index, asked, text))

    def _queries(self, index: Path, asked: Completions, text: Floats) -> Floats:
        """Return ``(K, d)`` embeddings of completions, by the cheapest way there is."""
        same = len(asked.rows) and np.array_equal(text, self.table["text"][asked.rows])
        if same:  # training categories as they are
            return np.load(index / "queries.npy", mmap_mode="r")[asked.rows]
        if (index / TOWER).is_file():
            return QueryTower(index / TOWER).embed(self.schema.one_hot(asked.vectors), text)
        return self.embed(asked, text)

    def embed(self, asked: Completions, text: Floats) -> Floats:
        """Return ``(K, d)`` embeddings of completions, by the network itself."""
        from clear_bench.engine.inference import embed_queries

        one_hot = self.schema.one_hot(asked.vectors)
        queries: dict[str, NDArray[Any]] = {"vectors": asked.vectors, "one_hot": one_hot}
        queries["text"] = text
        return embed_queries(self.run.model, queries)

    def _score_without_space(self, index: Path, asked: Completions) -> Floats:
        """Return the scores of a method that has no embeddings; the features are cached."""
        from clear_bench.engine.inference import score

        split = {k: np.load(index / f"{k}.npy") for k in ("features", "probabilities")}
        split["vectors"] = asked.vectors
        total = np.zeros(len(split["features"]))
        for start in range(0, len(asked.vectors), CHUNK):
            stop = min(start + CHUNK, len(asked.vectors))
            total += asked.weights[start:stop] @ score(self.run.model, split, start, stop)
        return total.astype(np.float32)

    def _make(self, target: Path, gallery: Gallery, skip_unreadable: bool) -> None:
        """Write what `index` returns."""
        from clear_bench.engine.inference import embed

        encoded = encode_gallery(
            gallery,
            self.cache / "search" / f"features-{digest(self.identity)[:24]}.sqlite",
            self.run.read,
            lambda: self.run.recogniser.model,
            skip_unreadable=skip_unreadable,
        )
        arrays: dict[str, NDArray[Any]] = {
            "rows": encoded.rows,
            "probabilities": encoded.probabilities,
        }
        if self.run.model.embeds:
            split = {k: self.table[k] for k in ("vectors", "one_hot", "text")}
            split |= {"features": encoded.features, "probabilities": encoded.probabilities}
            arrays["queries"], arrays["images"] = embed(self.run.model, split)
            if type(self.run.model).__name__ == KIND:
                np.savez(target / TOWER, **export_tower(self.run.model))  # type: ignore[arg-type]
        else:
            arrays["features"] = encoded.features
        for name, values in arrays.items():
            np.save(target / f"{name}.npy", values)
        (target / "unreadable.json").write_text(json.dumps(encoded.causes), encoding="utf-8")


def open_engine(run: str, runs_root: Path, cache: Path) -> Engine:
    """Return the search engine of a retrieval run.

    Args:
        run: What names it, see `clear_bench.runs.naming`.
        runs_root: Folder of runs, see `open_model`.
        cache: Folder of derived files.

    Raises:
        UserError: If the run or its parent is not there, or it is no retrieval run.
    """
    from clear_bench.training.trained_model import open_model

    return engine_of(open_model(run, runs_root, "retrieval"), cache)


def engine_of(opened: "TrainedModel", cache: Path) -> Engine:
    """Return the search engine of an opened run, see `open_engine`."""
    record = opened.record
    if record.task != "retrieval":
        raise UserError(f"{record.run_id}: is a recognition run; a search takes a retrieval run")
    backbone = record.config["retrieval"].get("backbone", "frozen")
    if backbone != "frozen":
        raise UserError(
            f"{record.run_id}: trained its image network too (retrieval.backbone={backbone}); a "
            "search takes a run on frozen features"
        )
    return Engine(opened, cache)


def text_of(engine: Engine, sentences: list[str]) -> Floats:
    """Return ``(N, T)`` text embeddings by the encoder that the run was trained with."""
    from clear_bench.text import encoders
    from clear_bench.text.store import embed

    if engine.encoder.removesuffix("@mean") == "minilm":  # loading it in torch takes seconds
        from clear_bench.text.numpy_minilm import NumpyBert

        encoders.identity(engine.encoder)  # says what to install
        package = files(encoders.PACKAGED["minilm"].modules[0])
        return NumpyBert(Path(str(package)) / "model").encode(sentences)
    return embed(engine.encoder, sentences, engine.cache / "text")


def _weights(run: "TrainedModel") -> list[Any]:
    """Return what tells a run's weights and code from others, without reading the weights."""
    file = run.folder / run.weights
    stat = file.stat() if file.is_file() else None
    state = [stat.st_size, stat.st_mtime_ns] if stat else []
    record = run.record
    versions = {name: current(name) for name in record.numbers}
    return [record.run_id, record.artefacts.get(SELECTED, ""), *state, {**VERSIONS, **versions}]
