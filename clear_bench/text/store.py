"""Sentence embeddings on disk: each sentence is embedded once for each encoder."""

import hashlib
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from clear_bench.text import encoders

CHUNK = 1024  # sentences between two commits: what a kill costs at most
VARIABLES = 500  # of one SQL statement; SQLite's own limit is far above


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
    identity = encoders.identity(name)
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
    file = folder / f"{re.sub(r'[^0-9A-Za-z.-]+', '_', name)}-{digest}.sqlite"
    with closing(sqlite3.connect(file, timeout=600)) as base:
        base.execute(
            "CREATE TABLE IF NOT EXISTS embedding (sentence TEXT PRIMARY KEY, vector BLOB)"
        )
        distinct = list(dict.fromkeys(sentences))
        known = _known(base, distinct)
        if len(known) < len(distinct):
            with FileLock(file.with_suffix(".lock")):  # one process embeds, the others wait for it
                known = _known(base, distinct)
                missing = [sentence for sentence in distinct if sentence not in known]
                known |= _embedded(base, name, missing, folder) if missing else {}
    return np.stack([known[sentence] for sentence in sentences])


def _embedded(
    base: sqlite3.Connection, name: str, sentences: Sequence[str], folder: Path
) -> dict[str, NDArray[np.float32]]:
    """Return the embeddings of new sentences, after storing them."""
    encoder = encoders.load(name, folder)
    found: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(sentences), CHUNK):
        chunk = sentences[start : start + CHUNK]
        vectors = encoder.encode(chunk).astype(np.float32)
        found |= dict(zip(chunk, vectors, strict=True))
        rows = [(s, v.tobytes()) for s, v in zip(chunk, vectors, strict=True)]
        with base:
            base.executemany("INSERT INTO embedding VALUES (?, ?)", rows)
    return found


def _known(base: sqlite3.Connection, sentences: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Return the stored embeddings of those sentences that have one."""
    found = {}
    for start in range(0, len(sentences), VARIABLES):
        part = sentences[start : start + VARIABLES]
        marks = ",".join("?" * len(part))
        query = f"SELECT sentence, vector FROM embedding WHERE sentence IN ({marks})"  # noqa: S608
        for sentence, vector in base.execute(query, part):
            found[sentence] = np.frombuffer(vector, np.float32)
    return found
