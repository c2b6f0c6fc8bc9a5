"""A run's test metrics from its kept predictions, not from its record.  No torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.unknown_labels import positive_shares
from clear_bench.metrics.recognition import per_attribute, recognition_metrics
from clear_bench.metrics.retrieval import retrieval_metrics
from clear_bench.runs.files import PREDICTIONS
from clear_bench.runs.record import Record
from clear_bench.utils.arrays import read_arrays
from clear_bench.utils.errors import UserError

Arrays = dict[str, NDArray[Any]]
TOLERANCE = 1e-6
POSITIVE = "positive"
FORMS = {
    "rows": (1, "iu"), "category": (1, "iu"), "query_category": (1, "iu"),
    "average_precision": (1, "f"), "rank_of_first": (1, "f"), "queries": (2, "f"),
    "images": (2, "f"), "vectors": (2, "iub"),
    "removed_query": (1, "iu"), "removed_image": (1, "iu"),
    **{f"{split}_{name}": form for split in ("val", "test") for name, form in
       (("rows", (1, "iu")), ("probabilities", (2, "f")), ("labels", (2, "iub")))},
}  # fmt: skip
"""Name of an array to its number of axes and the kinds of numbers that it may hold."""

UNDEFINED = ("average_precision", "rank_of_first")
"""What a query that the protocol skips, or that has no right image, has none of."""

FITTING = (
    ("queries", "images", 1, 1), ("queries", "query_category", 0, 0), ("images", "category", 0, 0),
    ("removed_query", "removed_image", 0, 0),
    *((f"{s}_probabilities", f"{s}_labels", k, k) for s in ("val", "test") for k in (0, 1)),
    *((f"{s}_rows", f"{s}_labels", 0, 0) for s in ("val", "test")),
)  # fmt: skip
"""Two arrays, and the axis of each that is as long as the other's."""


def arrays_of(folder: Path, *names: str, optional: Sequence[str] = ()) -> Arrays:
    """Return the arrays of ``predictions.npz``.

    Args:
        folder: Run directory.
        names: Which; all if none is said.
        optional: More of them, which older runs do not keep.

    Raises:
        UserError: If the run keeps none, they cannot be read, or do not fit each other.
    """
    file = folder / PREDICTIONS
    if not file.exists():
        raise UserError(f"{file}: no predictions came with this record; get an export with them")
    arrays = read_arrays(file, names or None, optional=optional)
    for name, values in arrays.items():
        known = FORMS.get(name)
        if known and (values.ndim != known[0] or values.dtype.kind not in known[1]):
            raise UserError(f"{file}: {name} is {values.dtype} {values.shape}; train the run again")
        if values.dtype.kind == "f" and name not in UNDEFINED and not _finite(values):
            raise UserError(f"{file}: {name} is not finite; train the run again")
    for one, other, axis, other_axis in FITTING:
        if one in arrays and other in arrays:
            sizes = arrays[one].shape[axis], arrays[other].shape[other_axis]
            if sizes[0] != sizes[1]:
                said = f"{sizes[0]} and {sizes[1]}"
                raise UserError(
                    f"{file}: {one} and {other} do not fit ({said}); train the run again"
                )
    return arrays


def _finite(values: NDArray[Any]) -> bool:
    """Return whether all are numbers."""
    return bool(np.isfinite(values).all())


def metrics_again(folder: Path, record: Record) -> dict[str, float]:
    """Return the test metrics of the selected checkpoint, computed from the predictions.

    Of a retrieval method without a common space only average precisions are kept, so only mAP can
    be computed; nor can anything else of an older run whose protocol hides images from queries.

    Raises:
        UserError: If the predictions lack what it takes.
    """
    kept = arrays_of(folder)
    rules = record.config["protocol"]
    try:
        if record.task == "recognition":
            seen = kept["test_probabilities"], kept["test_labels"]
            return recognition_metrics(*seen, record.threshold, rules["undefined"])
        if "queries" in kept and (rules["removal"] == "none" or hidden_of(kept)):
            rule = {name: rules[name] for name in ("ap", "ties", "no_positives")}
            arrays = (kept[n] for n in ("queries", "images", "query_category", "category"))
            return retrieval_metrics(*arrays, **rule, removed=hidden_of(kept)).metrics
        return {"mAP": float(np.nanmean(kept["average_precision"]))}
    except KeyError as error:
        raise UserError(f"{folder / PREDICTIONS}: keeps no {error}; train again") from None


def hidden_of(kept: Arrays) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return the pairs of query and image that are not ranked; None if none is kept."""
    if "removed_query" not in kept:
        return None
    return kept["removed_query"], kept["removed_image"]


def attribute_again(folder: Path, record: Record, attribute: str, metric: str) -> float:
    """Return one attribute's test metric, or its share of positives, from the predictions.

    Raises:
        UserError: If the predictions lack what it takes.
    """
    kept = arrays_of(folder)
    place = record.per_attribute["name"].index(attribute)
    try:
        labels = kept["test_labels"]
        if metric == POSITIVE:
            return float(positive_shares(labels[:, [place]])[0])
        table = per_attribute(kept["test_probabilities"], labels, record.threshold)
        return float(table[metric][place])
    except KeyError as error:
        raise UserError(f"{folder / PREDICTIONS}: keeps no {error}; train again") from None
