"""What a finished run did on each image (recognition) or query (retrieval), for paired tests."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.metrics.recognition import instance_scores
from clear_bench.results.predictions import arrays_of
from clear_bench.runs.record import Record

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
UNIT_METRIC = {"recognition": "f1_instance", "retrieval": "mAP"}
"""What stands for a unit where one number must: the mean of the units' own scores."""
RANKS = {"rank1": 1, "rank5": 5, "rank10": 10}


def _none() -> Flags:
    """Return the flags of units without attributes."""
    return np.zeros((0, 0), bool)


@dataclass(frozen=True)
class Units:
    """The units of a run's test split and what it did on each; U units, A attributes.

    Args:
        ids: ``(U,)`` int64 manifest rows of images, or ``(U, A)`` uint8 query vectors.
        scores: Metric to ``(U,)`` float64, of metrics that are means over units; NaN for a unit
            that is left out.
        labels: ``(U, A)`` bool, whether the attribute is present; none for retrieval.
        right: ``(U, A)`` bool, whether the attribute is predicted as it is; none for retrieval.
        undefined: What mA does with a rate that is undefined.
        known: ``(U, A)`` bool, whether the label is known; None for all.
    """

    ids: NDArray[Any]
    scores: dict[str, Floats]
    labels: Flags = field(default_factory=_none)
    right: Flags = field(default_factory=_none)
    undefined: str = "half"
    known: Flags | None = None


def units_of(folder: Path, record: Record) -> Units:
    """Return what the selected checkpoint of a run did on the units of the test split.

    Raises:
        UserError: If the run keeps no predictions.
    """
    if record.task == "retrieval":
        kept = arrays_of(folder, "vectors", "average_precision", optional=["rank_of_first"])
        scores = {"mAP": kept["average_precision"].astype(np.float64)}
        if "rank_of_first" in kept:  # records before 2026-12 keep none
            first = kept["rank_of_first"]
            hits = {name: first <= k for name, k in RANKS.items()}
            skipped = np.isnan(first)
            scores |= {name: np.where(skipped, np.nan, hit) for name, hit in hits.items()}
        return Units(kept["vectors"], scores)
    kept = arrays_of(folder, "test_rows", "test_probabilities", "test_labels")
    values, labels = kept["test_probabilities"], kept["test_labels"] == 1
    scores = instance_scores(values, kept["test_labels"], record.threshold)
    scores["f1_instance"] = scores.pop("f1")
    right = (values > record.threshold) == labels
    known = kept["test_labels"] != UNKNOWN
    undefined = record.config["protocol"]["undefined"]
    everything = None if known.all() else known
    return Units(kept["test_rows"], scores, labels, right, undefined, everything)


def unit_scores(folder: Path, record: Record) -> tuple[NDArray[Any], Floats]:
    """Return what tells the units of the test split apart, and the score ``(U,)`` of each.

    The score is the image's F1 or the query's average precision.

    Raises:
        UserError: If the run keeps no predictions.
    """
    units = units_of(folder, record)
    return units.ids, units.scores[UNIT_METRIC[record.task]]
