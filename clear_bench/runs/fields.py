"""What the fields of a record may hold: it may come from anywhere, and names become paths."""

import math
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._@+-]*$"
DEPTH = 20
LETTERS = 20_000
WIDEST = 2**63
COUNTS = ("queries",)
"""Metrics that are no fractions of 1."""

Name = Annotated[str, StringConstraints(pattern=PATTERN, max_length=200)]
"""Of a method, data set, profile, run or study: never a path, nor anything that means something."""

DatasetName = Annotated[
    str, StringConstraints(pattern=rf"{PATTERN[:-1]}(:[A-Za-z0-9_]+)?$", max_length=200)
]
"""Of a data set: the name of one's own stands behind a colon, which no file name has."""

OptionalName = Annotated[str, StringConstraints(pattern=rf"{PATTERN}|^$", max_length=200)]
Signature = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:%@+,| -]*$", max_length=1000)]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.@+ -]+$", max_length=300)]
Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]*$", max_length=64)]
Count = Annotated[int, Field(ge=0, lt=WIDEST)]
Number = Annotated[float, Field(allow_inf_nan=False)]


def _is_time(text: str) -> str:
    """Return the text of a time, or "" for none."""
    if text:
        datetime.fromisoformat(text)
    return text


Time = Annotated[str, StringConstraints(max_length=40), AfterValidator(_is_time)]


def clean(value: Any, depth: int = 0) -> Any:
    """Return a plain value as it is, if it may be shown anywhere.

    Raises:
        ValueError: If it is nested deeply, holds a number that is none or a huge one, or text with
            control characters, surrogates or of more than `LETTERS`.
    """
    if depth > DEPTH:
        raise ValueError(f"is nested more than {DEPTH} deep")
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _clean_text(str(key))
            clean(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            clean(inner, depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"holds {value}, which is no number")
    elif isinstance(value, int) and abs(value) >= WIDEST:
        raise ValueError("holds a number of more than 64 bits")
    return value


def showable(value: Any) -> Any:
    """Return a plain value that `clean` takes: what cannot be printed is escaped, long text cut.

    The name of a file may be in no encoding, and what an error says may be anything.
    """
    if isinstance(value, str):
        text = value.encode("utf-8", "backslashreplace").decode("utf-8")
        if not text.isprintable():
            text = "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)
        return text if len(text) <= LETTERS else f"{text[: LETTERS - 2]}.."
    if isinstance(value, Mapping):
        return {showable(k): showable(v) for k, v in value.items()}
    return [showable(v) for v in value] if isinstance(value, list | tuple) else value


def _clean_text(text: str) -> str:
    """Return a text of printable characters, lines and tabs alone."""
    if len(text) > LETTERS:
        raise ValueError(f"holds a text of {len(text)} letters")
    if not text.isprintable() and not all(c.isprintable() or c in "\n\t " for c in text):
        raise ValueError("holds a text with control characters")
    return text


def require_metrics(metrics: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Raise a `ValueError` for a metric that is out of its range."""
    for checkpoint, splits in metrics.items():
        for split, values in splits.items():
            for name, value in values.items():
                if value < 0 or (value > 1 and name not in COUNTS):
                    raise ValueError(f"{checkpoint}.{split}.{name} is {value}, not from 0 to 1")


def require_numbers(values: Mapping[str, Any], words: Collection[str]) -> None:
    """Raise a `ValueError` for a value that is no number from 0 on, but for those of ``words``."""
    for name, value in values.items():
        known: Any = str if name in words else int | float
        if not isinstance(value, known) or (name not in words and value < 0):
            raise ValueError(f"{name} is {str(value)[:40]!r}")


def require_history(history: list[dict[str, float]]) -> None:
    """Raise a `ValueError` unless the rows of a history are of one epoch after the other."""
    epochs = [row.get("epoch", -1.0) for row in history]
    if any(after <= before for before, after in zip([-0.5, *epochs], epochs, strict=False)):
        raise ValueError("the epochs of history do not follow each other")


def require_attributes(table: Mapping[str, list[Any]]) -> None:
    """Raise a `ValueError` unless a table of attributes has names, and a value for each."""
    if not table:
        return
    names = table.get("name", ())
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError("per_attribute has no names, or one twice")
    for column, values in table.items():
        numbers = column == "name" or all(
            value is None or (isinstance(value, int | float) and value >= 0) for value in values
        )
        if len(values) != len(names) or not numbers:
            raise ValueError(f"per_attribute.{column} is no column of {len(names)} numbers")
