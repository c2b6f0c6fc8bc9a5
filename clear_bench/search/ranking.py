"""From what a user asks for to the images that answer it, best first."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clear_bench.search.output import Hit
from clear_bench.search.query import Completions, complete, parse, recognise, spell
from clear_bench.search.search_engine import Engine, text_of
from clear_bench.text.descriptions import describe_all
from clear_bench.utils.errors import UserError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """A query as a run reads it.

    Args:
        completions: What it stands for.
        text: ``(K, T)`` a text embedding of each.
        reading: What was done, for the user.
    """

    completions: Completions
    text: Floats
    reading: str


def require_one(attributes: str, text: str, names: str) -> None:
    """Raise a `UserError` unless a query is in attributes or in words, which have these names."""
    if bool(attributes) == bool(text):
        raise UserError(f"give either {names}")


def ask(engine: Engine, attributes: str, text: str, unspecified: str) -> Asked:
    """Return what a query stands for, and a text embedding of each.

    Args:
        engine: The run.
        attributes: In the grammar of `parse`; or "".
        text: A sentence instead.
        unspecified: See `complete`.

    Raises:
        UserError: If the method cannot read the query.
    """
    schema, table = engine.schema, engine.table
    said = recognise(schema, text) if text else parse(schema, attributes)
    asked = complete(said, table["vectors"], table["counts"], table["groups"], unspecified)
    reads_code = engine.record.config["retrieval"]["model"].get("embedding") != "soft"
    if not text:
        reading = f"query: {spell(schema, said)}; {asked.reading}"
    elif not engine.encoder and not said:
        raise UserError(
            f"--text: {engine.record.method} reads no text, and no attribute of its schema was "
            f"recognised in '{text}'; use --attributes, with {', '.join(schema.names)}"
        )
    else:
        soft = "the sentence as it is" if engine.encoder else "none, the method reads no text"
        hard = f"recognised in the words: {spell(schema, said) or 'nothing'}; {asked.reading}"
        reading = f"soft part: {soft}; hard part: {hard if reads_code else 'none'}"
    return Asked(asked, embeddings(engine, asked, text), reading)


def embeddings(engine: Engine, asked: Completions, text: str) -> Floats:
    """Return ``(K, T)``: the sentence's embedding K times, or that of each description."""
    if not engine.encoder:
        return np.zeros((len(asked.vectors), 0), np.float32)
    if text:
        return np.repeat(text_of(engine, [text]), len(asked.vectors), axis=0)
    if len(asked.rows):
        return engine.table["text"][asked.rows]
    template = engine.record.config["retrieval"]["text"]["template"]
    phrasings = describe_all(engine.schema, asked.vectors, template)
    embedded = text_of(engine, [sentence for sentences in phrasings for sentence in sentences])
    ends = np.cumsum([len(sentences) for sentences in phrasings])
    return np.stack([part.mean(axis=0) for part in np.split(embedded, ends[:-1])])


def ranking(engine: Engine, index: Path, names: list[str], scores: Floats) -> list[Hit]:
    """Return the readable images, best first; equal scores by name."""
    rows = np.load(index / "rows.npy")
    threshold = engine.run.recogniser.record.threshold
    present = np.load(index / "probabilities.npy", mmap_mode="r") > threshold
    attributes = np.array(engine.schema.names)
    return [
        Hit(rank, names[rows[k]], float(scores[k]), attributes[present[k]].tolist())
        for rank, k in enumerate(np.argsort(-scores, kind="stable"), 1)
    ]
