"""Sentence embeddings on disk: each sentence is embedded once for each encoder."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clear_bench.config.numbers import VERSIONS
from clear_bench.text import encoders
from clear_bench.utils.locks import locked
from clear_bench.utils.vector_store import VectorStore, open_store

CHUNK = 1024  # sentences between two commits: what a kill costs at most


def embed(name: str, sentences: Sequence[str], folder: Path) -> NDArray[np.float32]:
    """Return the embeddings of sentences; the encoder is loaded only if one of them is new.

    Each sentence is embedded once, however many processes ask for it at the same time.

    Args:
        name: See `clear_bench.text.encoders.load`.
        sentences: N texts.
        folder: Where embeddings are kept, a SQLite file an encoder.

    Returns:
        ``(N, dim)`` float32, not normalised.

    Raises:
        UserError: If the encoder cannot be had.
    """
    identity = f"{encoders.identity(name)} {VERSIONS['text']}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
    file = folder / f"{re.sub(r'[^0-9A-Za-z.-]+', '_', name)}-{digest}.sqlite"
    with open_store(file, "embedding", "sentence", ("vector",)) as store:
        distinct = list(dict.fromkeys(sentences))
        vectors = store.read(distinct)
        if len(vectors) < len(distinct):
            with locked(file.with_name(f".{file.name}.lock")):  # one embeds, the others wait for it
                stored = store.stored(distinct)
                missing = [sentence for sentence in distinct if sentence not in stored]
                if missing:
                    _embed(store, name, missing, folder)
            vectors = store.read(distinct)
    return np.stack([vectors[sentence][0] for sentence in sentences])


def _embed(store: VectorStore, name: str, sentences: Sequence[str], folder: Path) -> None:
    """Embed and store new sentences."""
    encoder = encoders.load(name, folder)
    for start in range(0, len(sentences), CHUNK):
        chunk = sentences[start : start + CHUNK]
        store.add(chunk, encoder.encode(chunk).astype(np.float32))
