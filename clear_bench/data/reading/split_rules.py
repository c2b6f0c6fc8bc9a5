"""From row numbers or identities to the split of each row: what several readers share."""

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clear_bench.utils.errors import UserError

LARGEST = 1 << 53
"""Whole numbers below this are exact in every form that files write them in."""


def by_hash(texts: Iterable[str]) -> list[str]:
    """Return distinct texts in the order of their sha256: the same everywhere and for ever."""
    return sorted(set(texts), key=lambda text: hashlib.sha256(text.encode()).hexdigest())


def whole(values: ArrayLike, message: str) -> NDArray[np.intp]:
    """Return values as whole numbers, in their own shape.

    Truth values, texts, fractions, NaN and infinity are none; nothing is rounded.

    Raises:
        UserError: If one is anything else; ``message`` is its text.
    """
    if _odd(values):
        raise UserError(message)
    try:
        numbers = np.asarray(values)
    except ValueError:  # rows of several lengths
        raise UserError(message) from None
    if not numbers.size:
        return numbers.astype(np.intp)
    if numbers.dtype.kind not in "iuf" or (numbers != np.round(numbers)).any():
        raise UserError(message)
    if not (np.abs(numbers.astype(np.float64)) < LARGEST).all():
        raise UserError(message)
    return numbers.astype(np.intp)


def _odd(values: object) -> bool:
    """Return whether a list holds what numpy would turn into a number that it is not."""
    if isinstance(values, list | tuple):
        return any(_odd(value) for value in values)
    return isinstance(values, bool | str | bytes)


def from_rows(
    parts: Mapping[str, ArrayLike], count: int, where: str, *, partial: bool = False
) -> NDArray[np.str_]:
    """Return the split of each of ``count`` rows ``(count,)``, "" for a row in none.

    Args:
        parts: Split to its row numbers, from 0.
        count: How many rows there are.
        where: What to name in an error.
        partial: Whether rows may be in no split.

    Raises:
        UserError: If a row is unknown, or is in two splits, or in none and ``partial`` is off.
    """
    split = np.full(count, "", dtype="<U5")
    for part, numbers in parts.items():
        rows = np.asarray(numbers).reshape(-1).astype(np.int64)
        strange = rows[(rows < 0) | (rows >= count)]
        if len(strange):
            raise UserError(f"{where}: {part} names image {strange[0] + 1}, there are {count}")
        if len(np.unique(rows)) < len(rows) or (split[rows] != "").any():
            raise UserError(f"{where}: {part} has an image twice or one of another part")
        split[rows] = part
    if not partial and (split == "").any():
        raise UserError(f"{where}: {(split == '').sum()} of {count} images are in no part")
    return split


def hold_out(split: NDArray[np.str_], persons: NDArray[np.str_], share: int) -> NDArray[np.str_]:
    """Return a split whose ``val`` is one in ``share`` of the train identities.

    For releases without a validation part.  The identities are the first in `by_hash` order.

    Args:
        split: ``(N,)`` of ``train`` and ``test``.
        persons: ``(N,)`` identities as text.
        share: 10 holds out a tenth.
    """
    train = split == "train"
    names = by_hash(persons[train])
    held = np.isin(persons, names[: max(1, len(names) // share)])
    return np.where(train & held, "val", split)


def persons_apart(persons: NDArray[np.str_], val: float, test: float) -> NDArray[np.str_]:
    """Return a split in which nobody is in two parts.

    Identities go, in `by_hash` order, to test, then to val, and the rest to train.

    Args:
        persons: ``(N,)`` identities as text.
        val: Share of the identities.
        test: Share of the identities.
    """
    names = by_hash(persons)
    ends = round(test * len(names)), round((test + val) * len(names))
    tested, held = names[: ends[0]], names[ends[0] : ends[1]]
    return np.where(
        np.isin(persons, tested), "test", np.where(np.isin(persons, held), "val", "train")
    )
