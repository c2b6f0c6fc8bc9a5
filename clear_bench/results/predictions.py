"""A run's test metrics from its kept predictions, not from its record.  No torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from clear_bench.metrics.recognition import per_attribute, recognition_metrics
from clear_bench.metrics.retrieval import retrieval_metrics
from clear_bench.runs.files import PREDICTIONS
from clear_bench.runs.record import Record
from clear_bench.utils.errors import UserError

Arrays = dict[str, NDArray[Any]]
TOLERANCE = 1e-6
POSITIVE = "positive"
BROKEN = (OSError, ValueError, EOFError, BadZipFile)
"""What numpy raises for a file that is no ``.npz``, or half of one."""


@contextmanager
def opened(folder: Path) -> Iterator[Any]:
    """Open ``predictions.npz``, whose arrays are read as the body asks for them.

    Raises:
        UserError: If the run keeps none, they cannot be read, or one that is asked for lacks.
    """
    file = folder / PREDICTIONS
    try:
        with np.load(file, allow_pickle=False) as kept:
            yield kept
    except (*BROKEN, KeyError) as error:
        cause = str(error).partition("\n")[0]
        raise UserError(f"{file}: no predictions in it ({cause}); train the run again") from None


def arrays_of(folder: Path) -> Arrays:
    """Return the arrays of ``predictions.npz``, see `opened`."""
    with opened(folder) as kept:
        return {name: kept[name] for name in kept.files}


def metrics_again(folder: Path, record: Record) -> dict[str, float]:
    """Return the test metrics of the selected checkpoint, computed from the predictions.

    Of a retrieval method without a common space only average precisions are kept, so only mAP can
    be computed; where a protocol hides images from queries, so can nothing else.

    Raises:
        UserError: If the predictions lack what it takes.
    """
    kept = arrays_of(folder)
    rules = record.config["protocol"]
    try:
        if record.task == "recognition":
            seen = kept["test_probabilities"], kept["test_labels"]
            return recognition_metrics(*seen, record.threshold, rules["undefined"])
        if "queries" in kept and rules["removal"] == "none":
            rule = {name: rules[name] for name in ("ap", "ties", "no_positives")}
            arrays = (kept[n] for n in ("queries", "images", "query_category", "category"))
            return retrieval_metrics(*arrays, **rule).metrics
        return {"mAP": float(np.nanmean(kept["average_precision"]))}
    except KeyError as error:
        raise UserError(f"{folder / PREDICTIONS}: keeps no {error}; train again") from None


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
            return float(labels[:, place].mean())
        table = per_attribute(kept["test_probabilities"], labels, record.threshold)
        return float(table[metric][place])
    except KeyError as error:
        raise UserError(f"{folder / PREDICTIONS}: keeps no {error}; train again") from None
