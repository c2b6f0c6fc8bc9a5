"""A trained retrieval run as a search engine: what is made once a gallery, and scores of queries.

What a query needs lies in one folder of the cache, named by all that determines it.  Where CLEAR
answers, that is numpy alone: importing torch takes longer than a query should.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from clear_bench import plugins
from clear_bench.data.schema import Schema
from clear_bench.errors import UserError, require_file
from clear_bench.made_once import made_once
from clear_bench.record import FILE, Record, find_run
from clear_bench.search.gallery import Gallery, digest, encode_gallery
from clear_bench.search.query import Completions
from clear_bench.search.tower import KIND, QueryTower, export_tower

Floats = NDArray[np.float32]
WEIGHTS = "selected.pth"
TOWER = "tower.npz"
CHUNK = 64  # queries that are scored at once by a method without a common space


@dataclass(frozen=True)
class Engine:
    """A retrieval run, its parent and the folder of derived files; no data set is needed.

    Args:
        folder: Directory of the retrieval run.
        parent: Directory of the recognition run under it.
        cache: Folder of derived files.
    """

    folder: Path
    parent: Path
    cache: Path

    @cached_property
    def record(self) -> Record:
        """Record of the retrieval run."""
        return Record.load(self.folder)

    @cached_property
    def parent_record(self) -> Record:
        """Record of the parent."""
        return Record.load(self.parent)

    @cached_property
    def schema(self) -> Schema:
        """What the attributes mean."""
        file = require_file(self.folder / "schema.json", "train the run again")
        return Schema.from_json(file.read_text(encoding="utf-8"))

    @cached_property
    def table(self) -> dict[str, NDArray[Any]]:
        """The training table, see `RetrievalModel`."""
        file = require_file(self.folder / "table.npz", "train the run again")
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
        height, width = self.parent_record.config["data"]["image_size"]
        return height, width

    @cached_property
    def identity(self) -> list[Any]:
        """What determines an image's features: weights, size, code."""
        return [_weights(self.parent, self.parent_record), self.image_size, _code()]

    def index(self, gallery: Gallery, *, skip_unreadable: bool) -> Path:
        """Return the folder of everything that queries on a gallery read, made if need be.

        It holds ``rows.npy`` ``(M,)`` (places of the readable images in the gallery),
        ``probabilities.npy`` ``(M, A)``, ``unreadable.json``, and either ``images.npy`` ``(M, d)``
        and ``queries.npy`` ``(C, d)``, the training categories' embeddings, or, for a method
        without a common space, ``features.npy`` ``(M, D)``; for CLEAR also `TOWER`.

        Raises:
            UserError: If a checkpoint does not fit, or an image cannot be read.
        """
        own = _weights(self.folder, self.record)
        key = [*self.identity, own, gallery.digest, skip_unreadable]

        def make(target: Path) -> None:
            self._make(target, gallery, skip_unreadable)

        return made_once(self.cache / "search" / digest(key), make)

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
        one_hot = self.schema.one_hot(asked.vectors)
        if (index / TOWER).is_file():
            return QueryTower(index / TOWER).embed(one_hot, text)
        from clear_bench.inference import embed

        nothing: dict[str, NDArray[Any]] = {
            "features": np.zeros((1, self._model.feature_mean.numel()), np.float32),
            "probabilities": np.zeros((1, len(self.schema)), np.float32),
        }
        queries: dict[str, NDArray[Any]] = {
            "vectors": asked.vectors,
            "one_hot": one_hot,
            "text": text,
        }
        return embed(self._model, queries | nothing)[0]

    def _score_without_space(self, index: Path, asked: Completions) -> Floats:
        """Return the scores of a method that has no embeddings; the features are cached."""
        from clear_bench.inference import score

        split = {k: np.load(index / f"{k}.npy") for k in ("features", "probabilities")}
        split["vectors"] = asked.vectors
        total = np.zeros(len(split["features"]))
        for start in range(0, len(asked.vectors), CHUNK):
            stop = min(start + CHUNK, len(asked.vectors))
            total += asked.weights[start:stop] @ score(self._model, split, start, stop)
        return total.astype(np.float32)

    @cached_property
    def _model(self) -> Any:
        """The trained retrieval model."""
        from clear_bench.retrieval_run import model_config

        plugins.load("method", self.record.method)  # registers the model
        return _trained(self.folder, self.record, model_config(_run(self.folder, self.record)))

    def _recogniser(self) -> Any:
        """Return the trained parent."""
        from clear_bench.recognition_run import model_config

        record = self.parent_record
        plugins.load("method", record.method)
        built = model_config(record.config, [0.5] * len(self.schema), self.schema, self.parent)
        return _trained(self.parent, record, built)

    def _make(self, target: Path, gallery: Gallery, skip_unreadable: bool) -> None:
        """Write what `index` returns."""
        from clear_bench.inference import embed

        encoded = encode_gallery(
            gallery,
            self.cache / "search" / f"features-{digest(self.identity)}.sqlite",
            self.image_size,
            self._recogniser,
            skip_unreadable=skip_unreadable,
        )
        found: dict[str, NDArray[Any]] = {
            "rows": encoded.rows,
            "probabilities": encoded.probabilities,
        }
        if self._model.embeds:
            split = {k: self.table[k] for k in ("vectors", "one_hot", "text")}
            split |= {"features": encoded.features, "probabilities": encoded.probabilities}
            found["queries"], found["images"] = embed(self._model, split)
            if type(self._model).__name__ == KIND:
                np.savez(target / TOWER, **export_tower(self._model))  # type: ignore[arg-type]
        else:
            found["features"] = encoded.features
        for name, values in found.items():
            np.save(target / f"{name}.npy", values)
        (target / "unreadable.json").write_text(json.dumps(encoded.causes), encoding="utf-8")


def open_engine(run: str, runs_root: Path, cache: Path) -> Engine:
    """Return the search engine of a retrieval run.

    Args:
        run: Run directory, id, or the beginning of one.
        runs_root: Folder of runs; the parent is looked for beside the run first.
        cache: Folder of derived files.

    Raises:
        UserError: If the run or its parent is not there, or it is no retrieval run.
    """
    folder = find_run(runs_root, run)
    record = Record.load(folder)
    if record.task != "retrieval" or record.status != "finished":
        what = f"{record.status} {record.task}"
        raise UserError(f"{record.run_id}: is a {what} run; --run takes a finished retrieval run")
    beside = [f.parent for f in folder.resolve().parent.parent.glob(f"*/{record.parent}/{FILE}")]
    return Engine(folder, beside[0] if beside else find_run(runs_root, record.parent), cache)


def text_of(engine: Engine, sentences: list[str]) -> Floats:
    """Return ``(N, T)`` text embeddings by the encoder that the run was trained with."""
    from clear_bench.text import encoders
    from clear_bench.text.store import embed

    if engine.encoder.removesuffix("@mean") == "minilm":  # loading it in torch takes seconds
        from clear_bench.text.bert import NumpyBert

        encoders.identity(engine.encoder)  # says what to install
        package = files(encoders.PACKAGED["minilm"].modules[0])
        return NumpyBert(Path(str(package)) / "model").encode(sentences)
    return embed(engine.encoder, sentences, engine.cache / "text")


def _trained(folder: Path, record: Record, config: dict[str, Any]) -> Any:
    """Return a run's selected model; one that learns nothing has no checkpoint."""
    from mmengine.runner import set_random_seed

    from clear_bench.engine import build, device, load

    if record.config[record.task]["train"]["epochs"]:
        return load(config, folder / WEIGHTS)
    set_random_seed(record.config["seed"])
    return build(config).to(device()).eval()


def _run(folder: Path, record: Record) -> Any:
    """Return the run of a record without its data, which searching does not need."""
    from clear_bench.data.dataset import Dataset
    from clear_bench.runs import Run

    nothing = cast(Dataset, None)
    return Run(record.config, record.task, nothing, folder.parent, home=folder)


def _weights(folder: Path, record: Record) -> list[Any]:
    """Return what tells a run's weights from others, without reading them."""
    file = folder / WEIGHTS
    stat = file.stat() if file.is_file() else None
    state = [stat.st_size, stat.st_mtime_ns] if stat else []
    return [record.run_id, record.artefacts.get(WEIGHTS, ""), *state]


def _code() -> str:
    """Return the hash of the source files that features and embeddings depend on."""
    here = Path(__file__).parents[1]
    methods = [Path(*p.split(".")) for p in plugins.PACKAGES["method"]]
    sources = [f for m in methods for f in sorted((here.parent / m).glob("*.py"))]
    sources += [here / f for f in ("data/images.py", "inference.py", "search/space.py",
                                   "search/tower.py")]  # fmt: skip
    return digest([file.read_text(encoding="utf-8") for file in sources])
