"""Which persons of the training split are kept where only a share of them is asked for."""

import hashlib

import numpy as np


def keep_identities(persons: np.ndarray, share: float) -> np.ndarray:
    """Return which rows stay when only a share of the identities is kept.

    Identities are taken in the order of the sha256 of their text: the same on every machine, and
    a smaller share is always part of a larger one.

    Args:
        persons: ``(N,)`` identities as text.
        share: In (0, 1]; at least one identity stays.

    Returns:
        ``(N,)`` bool.
    """
    names = sorted(set(persons), key=lambda p: hashlib.sha256(str(p).encode()).hexdigest())
    kept = names[: max(1, round(share * len(names)))]
    return np.isin(persons, kept)
