"""A trained run as an object: predict, embed, search.  See docs/api.md."""

from collections.abc import Iterable
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from clear_bench.api.images import crops_of
from clear_bench.prediction.predictor import encoded, recogniser_of, threshold_of
from clear_bench.search.images import scan
from clear_bench.search.query import Completions
from clear_bench.search.question import embeddings, question_of, require_one
from clear_bench.search.ranking import ranking
from clear_bench.search.search_engine import Engine, engine_of
from clear_bench.training.trained_model import TrainedModel, open_model
from clear_bench.utils.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from clear_bench.api.images import Images

Floats = NDArray[np.float32]


def load(
    name: str | Path,
    *,
    runs: str | Path = "runs",
    task: Literal["", "recognition", "retrieval"] = "",
    cache: str | Path = ".cache",
) -> "Model":
    """Return what a run has learned.

    Args:
        name: What names a run: ``clear``, ``clear@peta``, its id, the beginning of one, its folder;
            or a folder of ``clear-bench export --hub``.
        runs: Folder of runs.
        task: Of a method with runs of both tasks the one that is meant; "" takes its newest
            retrieval run with the recognition run under it, if it has one.
        cache: Folder of derived files, where `Model.search` keeps what it knows of a gallery.

    Raises:
        UserError: If there is no such run, it has not finished, or it learns nothing.
    """
    opened = open_model(name, Path(runs), task or "retrieval")
    recogniser_of(opened)
    return Model(opened, Path(cache))


class Model:
    """A trained model, ready to predict; from `clear_bench.load`.

    Several threads may use one.  It changes no global state.

    Attributes:
        run_id: Id of its run.
        method: File name of the method.
        task: ``recognition`` or ``retrieval``; one of retrieval predicts with the recognition
            run under it.
        dataset: Name of the data set that it was trained on.
        attributes: Names of its A attributes.
        threshold: ``(A,)``; an attribute is present where its probability is greater.
    """

    def __init__(self, opened: TrainedModel, cache: Path) -> None:
        record = opened.record
        self.run_id, self.method, self.dataset = record.run_id, record.method, record.dataset
        self.task = record.task
        self._opened, self._cache, self._lock = opened, cache, RLock()
        self.attributes: list[str] = list(opened.recogniser.schema.names)
        self.threshold: NDArray[np.floating[Any]] = threshold_of(opened.recogniser).copy()

    def __repr__(self) -> str:
        return f"<clear_bench.Model {self.run_id}: {len(self.attributes)} attributes>"

    @overload
    def predict(self, images: "Images", *, arrays: Literal[False] = False) -> "pd.DataFrame": ...
    @overload
    def predict(self, images: "Images", *, arrays: Literal[True]) -> Floats: ...

    def predict(self, images: "Images", *, arrays: bool = False) -> "pd.DataFrame | Floats":
        """Return the probability of each attribute in images, crops of one person each.

        The numbers are those of ``clear-bench predict``.

        Args:
            images: One or several: paths of files, folders and patterns; pictures of Pillow; numpy
                arrays ``(H, W, 3)`` or ``(N, H, W, 3)``; torch tensors ``(3, H, W)`` or
                ``(N, 3, H, W)``.  Arrays are RGB of any size, uint8 from 0 to 255 or float from 0
                to 1, which are rounded to 8 bits; no mean is subtracted.
            arrays: Return ``(N, A)`` float32 instead of a table.

        Returns:
            A row an image (its path, or its number) and a column an attribute, float32.

        Raises:
            UserError: If something is no such image, or a file cannot be read.
        """
        import pandas as pd

        names: list[Any] = []
        _, probabilities = self._encode(images, names)
        if arrays:
            return probabilities
        return pd.DataFrame(probabilities, pd.Index(names, name="image"), self.attributes)

    def embed_images(self, images: "Images") -> Floats:
        """Return unit vectors ``(N, d)`` of images; a query's score is its dot product with them.

        Args:
            images: See `predict`.

        Raises:
            UserError: As of `predict`, or if the run has no common space of images and queries.
        """
        from clear_bench.engine.inference import embed_images

        engine = self._engine(embeds=True)
        features, probabilities = self._encode(images, [])
        split = {"features": features, "probabilities": probabilities}
        return embed_images(engine.run.model, split)

    def embed_text(self, sentences: str | Iterable[str], *, unspecified: str = "average") -> Floats:
        """Return vectors ``(Q, d)`` of sentences, as `search` compares them.

        Args:
            sentences: One or several.
            unspecified: ``average`` or ``absent``, see docs/search.md.

        Raises:
            UserError: If the run has no common space, or cannot read a sentence.
        """
        several = [sentences] if isinstance(sentences, str) else list(sentences)
        return self._embed([("", text) for text in several], unspecified)

    def embed_attributes(
        self,
        queries: str | Iterable[str] | NDArray[np.integer],
        *,
        unspecified: str = "average",
    ) -> Floats:
        """Return vectors ``(Q, d)`` of queries in attributes, as `search` compares them.

        A query that says some attributes stands for several full ones and is their weighted mean,
        which is no unit vector.

        Args:
            queries: One or several such as ``"gender=female, upper_color=red, hat=no"``; or full
                vectors ``(Q, A)`` of 0 and 1, whose embeddings are unit vectors.
            unspecified: ``average`` or ``absent``, see docs/search.md.

        Raises:
            UserError: If the run has no common space, or for an unknown attribute.
        """
        if isinstance(queries, np.ndarray):
            return self._embed_full(queries)
        several = [queries] if isinstance(queries, str) else list(queries)
        return self._embed([(attributes, "") for attributes in several], unspecified)

    def search(
        self,
        gallery: str | Path,
        attributes: str = "",
        *,
        text: str = "",
        unspecified: str = "average",
        skip_unreadable: bool = False,
    ) -> "pd.DataFrame":
        """Return the images of a folder, best first, as ``clear-bench search`` ranks them.

        Args:
            gallery: Folder of images, each a crop of one person.
            attributes: A query in attributes, see docs/search.md.
            text: A sentence instead.
            unspecified: What becomes of attributes that are not said: ``average`` or ``absent``.
            skip_unreadable: Leave out files that cannot be read.

        Returns:
            ``rank`` (from 1), ``file`` (path below the folder), ``score`` and ``attributes`` (names
            of what recognition calls present) of each image.  ``attrs["reading"]`` says how the
            query was read, ``attrs["unreadable"]`` has a line a file that was left out.

        Raises:
            UserError: If it is no retrieval run, or for a wrong query or image.
        """
        import json

        import pandas as pd

        require_one(attributes, text, "attributes or text")
        engine = self._engine()
        with self._lock:
            question = question_of(engine, attributes, text, unspecified)
            scanned = scan(Path(gallery))
            index = engine.index(scanned, skip_unreadable=skip_unreadable)
            hits = ranking(engine, index, scanned.names, question)
        table = pd.DataFrame([vars(hit) for hit in hits])
        unreadable = json.loads((index / "unreadable.json").read_text(encoding="utf-8"))
        table.attrs = {"reading": question.reading, "unreadable": unreadable}
        return table

    def _encode(self, images: "Images", names: list[Any]) -> tuple[Floats, Floats]:
        """Return features ``(N, D)`` and probabilities ``(N, A)``, and add to the names."""
        opened = self._opened.recogniser
        with self._lock:
            network = opened.model  # loaded once
        features = [np.zeros((0, network.feature_dim), np.float32)]
        probabilities = [np.zeros((0, len(self.attributes)), np.float32)]
        for batch, feature, probability in encoded(opened, crops_of(images, names)):
            if batch.bad:
                raise UserError(batch.bad[0].cause)
            features.append(feature)
            probabilities.append(probability)
        return np.concatenate(features), np.concatenate(probabilities)

    def _engine(self, *, embeds: bool = False) -> Engine:
        """Return the search engine of the run.

        Raises:
            UserError: If it is no retrieval run, or has no common space that is asked for.
        """
        engine = engine_of(self._opened, self._cache)
        with self._lock:
            if embeds and not engine.run.model.embeds:
                raise UserError(f"{self.run_id}: {self.method} has no space of images and queries")
        return engine

    def _embed(self, queries: list[tuple[str, str]], unspecified: str) -> Floats:
        """Return the weighted means ``(Q, d)`` of what queries stand for."""
        engine = self._engine(embeds=True)
        rows = []
        with self._lock:
            for attributes, text in queries:
                require_one(attributes, text, "attributes or text")
                question = question_of(engine, attributes, text, unspecified)
                vectors = engine.embed(question.asked, question.embedded)
                rows.append(question.asked.weights @ vectors)
        return np.stack(rows) if rows else self._embed_full(np.zeros((0, len(self.attributes))))

    def _embed_full(self, vectors: NDArray[Any]) -> Floats:
        """Return the embeddings of full attribute vectors."""
        engine = self._engine(embeds=True)
        wide = len(engine.schema)
        if vectors.ndim != 2 or vectors.shape[1] != wide or not np.isin(vectors, (0, 1)).all():
            raise UserError(f"queries {vectors.shape}: must be 0 and 1, (Q, {wide}), or texts")
        count = len(vectors)
        weights = np.full(count, 1 / max(count, 1), np.float32)
        nowhere = np.zeros(0, np.intp)
        full = Completions(vectors.astype(np.uint8), weights, nowhere, "")
        with self._lock:
            return engine.embed(full, embeddings(engine, full, ""))
