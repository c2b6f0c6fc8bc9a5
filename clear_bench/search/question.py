"""What a method reads of a query: full attribute vectors, and an embedded sentence for each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clear_bench.search.query import Completions, Said, complete, parse, recognise, spell
from clear_bench.search.search_engine import Engine, text_of
from clear_bench.text.descriptions import describe_all
from clear_bench.utils.errors import UserError


@dataclass(frozen=True)
class Question:
    """A query as a method reads it.

    Args:
        said: Column -> 0 or 1 of what was said, or recognised in a sentence.
        asked: The ``K`` full vectors that it stands for.
        embedded: ``(K, T)`` float32, a text embedding of each; T is 0 if the method reads no text.
        reading: One line that says all this.
    """

    said: Said
    asked: Completions
    embedded: NDArray[np.float32]
    reading: str


def require_one(attributes: str, text: str, names: str) -> None:
    """Raise a `UserError` unless a query is in attributes or in words, which have these names."""
    if bool(attributes) == bool(text):
        raise UserError(f"give either {names}")


def question_of(engine: Engine, attributes: str, text: str, unspecified: str) -> Question:
    """Return what a method reads of attributes in the grammar of `parse`, or of a sentence instead.

    Raises:
        UserError: If the method cannot read it.
    """
    if text:
        return of_text(engine, text, unspecified)
    return of_attributes(engine, parse(engine.schema, attributes), unspecified)


def of_attributes(engine: Engine, said: Said, unspecified: str) -> Question:
    """Return what a method reads of attributes.

    Args:
        engine: The method's.
        said: From `parse`.
        unspecified: See `complete`.

    Raises:
        UserError: If ``unspecified`` is unknown.
    """
    asked = _completed(engine, said, unspecified)
    reading = f"query: {spell(engine.schema, said)}; {asked.reading}"
    return Question(said, asked, embeddings(engine, asked, ""), reading)


def of_text(engine: Engine, text: str, unspecified: str) -> Question:
    """Return what a method reads of a sentence.

    Args:
        engine: The method's.
        text: The sentence.
        unspecified: See `complete`.

    Raises:
        UserError: If the method reads no text and no attribute of its schema is in the sentence.
    """
    said = recognise(engine.schema, text)
    if not engine.encoder and not said:
        raise UserError(
            f"'{text}': {engine.record.method} reads no text, and no attribute that it knows "
            f"was recognised in the words; ask for some of {', '.join(engine.schema.names)}"
        )
    asked = _completed(engine, said, unspecified)
    soft = "the sentence as it is" if engine.encoder else "none, the method reads no text"
    hard = f"recognised in the words: {spell(engine.schema, said) or 'nothing'}; {asked.reading}"
    reading = f"soft part: {soft}; hard part: {hard if reads_code(engine) else 'none'}"
    return Question(said, asked, embeddings(engine, asked, text), reading)


def reads_code(engine: Engine) -> bool:
    """Return whether a method reads attribute vectors themselves, and not their text alone."""
    return bool(engine.record.config["retrieval"]["model"].get("embedding") != "soft")


def descriptions(engine: Engine, vectors: NDArray[np.uint8]) -> list[list[str]]:
    """Return the pseudo-descriptions ``(K, A)`` vectors have in a method that reads text."""
    template = engine.record.config["retrieval"]["text"]["template"]
    return describe_all(engine.schema, vectors, template)


def _completed(engine: Engine, said: Said, unspecified: str) -> Completions:
    """Return the full vectors that a query stands for."""
    table = engine.table
    return complete(said, table["vectors"], table["counts"], table["groups"], unspecified)


def embeddings(engine: Engine, asked: Completions, text: str) -> NDArray[np.float32]:
    """Return ``(K, T)``: the sentence's embedding K times, or that of each description."""
    if not engine.encoder:
        return np.zeros((len(asked.vectors), 0), np.float32)
    if text:
        return np.repeat(text_of(engine, [text]), len(asked.vectors), axis=0)
    if len(asked.rows):
        return engine.table["text"][asked.rows]
    phrasings = descriptions(engine, asked.vectors)
    embedded = text_of(engine, [sentence for sentences in phrasings for sentence in sentences])
    ends = np.cumsum([len(sentences) for sentences in phrasings])
    return np.stack([part.mean(axis=0) for part in np.split(embedded, ends[:-1])])
