"""What is computed once: staged arrays of a data set, features of a frozen model, query tables.

Everything is addressed by the sha256 of all that determines it, and written under a temporary
name first, so a file that is there is whole and right.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.dataset import Dataset, categories
from clear_bench.data.schema import Schema
from clear_bench.text.descriptions import attribute_phrases, describe_all
from clear_bench.text.store import embed
from clear_bench.utils.files import made_once
from clear_bench.utils.hashing import digest


@dataclass(frozen=True)
class Cache:
    """A folder of derived files that may be deleted at any time.

    Args:
        root: The folder.
    """

    root: Path

    def folder(self, kind: str, key: Any, make: Callable[[Path], None]) -> Path:
        """Return the folder of ``key``; ``make`` fills it if it is not there."""
        return made_once(self.root / kind / digest(key)[:24], make)

    def labels(self, dataset: Dataset) -> Path:
        """Return a folder with ``labels.npy`` ``(N, A)`` uint8 and ``names.txt`` of a data set."""

        def make(folder: Path) -> None:
            np.save(folder / "labels.npy", dataset.labels)
            names = "\n".join(dataset.manifest["path"])
            (folder / "names.txt").write_text(names, encoding="utf-8", errors="surrogateescape")

        return self.folder("labels", dataset.checksum, make)

    def arrays(self, kind: str, key: Any, make: Callable[[], Mapping[str, NDArray[Any]]]) -> Path:
        """Return a folder with one ``.npy`` file an array that ``make`` returns."""

        def write(folder: Path) -> None:
            for name, values in make().items():
                np.save(folder / f"{name}.npy", values)

        return self.folder(kind, key, write)

    def text(
        self, schema: Schema, vectors: NDArray[Any], settings: Mapping[str, str] | None
    ) -> NDArray[np.float32]:
        """Return the text embeddings of attribute vectors; ``(C, 0)`` if no text is read.

        Several paraphrases of one vector are averaged.
        """
        if settings is None or settings["encoder"] == "none":
            return np.zeros((len(vectors), 0), np.float32)
        phrasings = describe_all(schema, vectors, settings["template"])
        flat = [sentence for sentences in phrasings for sentence in sentences]
        vectors = embed(settings["encoder"], flat, self.root / "text")
        ends = np.cumsum([len(sentences) for sentences in phrasings])
        return np.stack([part.mean(axis=0) for part in np.split(vectors, ends[:-1])])

    def phrases(self, schema: Schema, settings: Mapping[str, str]) -> NDArray[np.float32]:
        """Return the text embedding ``(A, T)`` of each attribute of a schema."""
        phrases = attribute_phrases(schema, settings["template"])
        return embed(settings["encoder"], phrases, self.root / "text")

    def queries(
        self, schema: Schema, labels: NDArray[Any], settings: Mapping[str, str] | None
    ) -> dict[str, NDArray[Any]]:
        """Return the queries of some images: each distinct attribute vector is one.

        Returns:
            ``vectors`` ``(Q, A)``, ``one_hot`` ``(Q, H)``, ``text`` ``(Q, T)`` and the images'
            ``category`` ``(N,)`` int64.
        """
        vectors, category = categories(labels)
        return {
            "vectors": vectors,
            "one_hot": schema.one_hot(vectors),
            "text": self.text(schema, vectors, settings),
            "category": category.astype(np.int64),
        }
