"""What a query is ranked against: the order of the gallery, and images a query does not see.

Published retrieval code differs in both.  The rules here restate what the released code of SAL (Cao
et al., ECCV 2020) and of ASMR (Jeong et al., ICCV 2021) does.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.utils.errors import unknown

Rows = NDArray[np.intp]
ORDERS = ("manifest", "sal", "asmr")
REMOVALS = ("none", "sal")


def gallery_order(
    rule: str, category: NDArray[np.integer[Any]], paths: NDArray[Any], query: NDArray[np.bool_]
) -> Rows:
    """Return the order of a split's images ``(N,)``, which decides between equal scores.

    - ``manifest``: as the data set lists them.
    - ``sal``: those that are no query images in reverse, then the query images; where all images
      are query images too (PETA), all in reverse.
    - ``asmr``: by category, then by file name: ASMR copies images into one folder a category.  Its
      folders are named after codes, and so in another order; which categories come first matters
      only where images of two categories have exactly equal scores.

    Args:
        rule: One of `ORDERS`.
        category: ``(N,)`` in the data set's order, as the other two.
        paths: ``(N,)`` text.
        query: ``(N,)`` which are query images of the release.

    Raises:
        UserError: If the rule is unknown.
    """
    rows = np.arange(len(category))
    if rule == "manifest":
        return rows
    if rule == "sal":
        return rows[::-1] if query.all() else np.concatenate([rows[~query][::-1], rows[query]])
    if rule == "asmr":
        names = np.array([str(path).rsplit("/", 1)[-1] for path in paths])
        return np.lexsort((names, category))
    raise unknown("gallery order", rule, ORDERS)


def removed_images(
    rule: str,
    category: NDArray[np.integer[Any]],
    person: NDArray[Any],
    camera: NDArray[Any],
    query: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return which images the query of their own category does not see ``(N,)``.

    - ``none``: it sees all.
    - ``sal``: a query is represented by the first query image of its category, and does not see
      that image, nor others of the same person by the same camera.  (The re-identification rule
      that SAL's code inherits.  Where cameras are not recorded, it is that image alone.)

    Args:
        rule: One of `REMOVALS`.
        category: ``(N,)`` in the data set's order, as the others; -1 for none.
        person: ``(N,)`` text.
        camera: ``(N,)`` text, "" if not recorded.
        query: ``(N,)`` which are query images of the release.

    Raises:
        UserError: If the rule is unknown.
    """
    if rule not in REMOVALS:
        raise unknown("removal rule", rule, REMOVALS)
    if rule == "none":
        return np.zeros(len(category), bool)
    candidates = np.flatnonzero(query & (category >= 0))
    present, first = np.unique(category[candidates], return_index=True)
    stands_for = np.full(int(category.max()) + 1, -1)
    stands_for[present] = candidates[first]
    represented_by = np.where(category >= 0, stands_for[category], -1)
    same = (person == person[represented_by]) & (camera == camera[represented_by]) & (camera != "")
    return (represented_by >= 0) & (same | (represented_by == np.arange(len(category))))
