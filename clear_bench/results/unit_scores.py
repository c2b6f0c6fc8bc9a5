"""One score an image (recognition) or a query (retrieval) of a finished run, for paired tests."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.metrics.recognition import instance_scores
from clear_bench.results.predictions import arrays_of
from clear_bench.runs.record import Record

UNIT_METRIC = {"recognition": "f1_instance", "retrieval": "mAP"}
"""What the mean of the units' scores is; mA is no mean over images."""


def unit_scores(folder: Path, record: Record) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return what tells the units of the test split apart, and the score of each.

    Args:
        folder: Run directory.
        record: Its record.

    Returns:
        ``(U,)`` int64 manifest rows of images (recognition) or ``(U, A)`` uint8 query vectors
        (retrieval), and ``(U,)`` each image's F1, or each query's average precision; both of the
        selected checkpoint.

    Raises:
        UserError: If the run keeps no predictions.
    """
    if record.task == "retrieval":
        kept = arrays_of(folder, "vectors", "average_precision")
        return kept["vectors"], kept["average_precision"].astype(np.float64)
    kept = arrays_of(folder, "test_rows", "test_probabilities", "test_labels")
    threshold = record.config["protocol"]["threshold"]
    scores = instance_scores(kept["test_probabilities"], kept["test_labels"], threshold)
    return kept["test_rows"], scores["f1"]
