"""Metrics of person attribute recognition, as the field's shared evaluation code defines them.

The definitions follow ``metrics/pedestrian_metrics.py`` of Rethinking-of-PAR (Jia et al.,
arXiv 2107.03576), which much later work shares.  An attribute is predicted where its probability is
strictly above the threshold, one for all or one an attribute.  All metrics are fractions of 1.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clear_bench.metrics.calibration import calibration_errors
from clear_bench.metrics.counts import count_columns, count_rows
from clear_bench.utils.errors import UserError, unknown

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Threshold = float | Floats
Undefined = Literal["half", "drop"]


def recognition_metrics(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    threshold: Threshold = 0.5,
    undefined: Undefined = "half",
) -> dict[str, float]:
    """Return all metrics of a set of images: `decided_metrics` and `probability_metrics`."""
    decided = decided_metrics(probabilities, labels, threshold, undefined)
    return decided | probability_metrics(probabilities, labels)


def decided_metrics(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.uint8],
    threshold: Threshold = 0.5,
    undefined: Undefined = "half",
) -> dict[str, float]:
    """Return the metrics of what is predicted at a threshold.

    An attribute that no image has (or every image has) has no true positive rate (or no true
    negative rate).  ``undefined`` says what it does to mA:

    - ``"half"``: the undefined rate counts as 0, so that the attribute contributes half of its
      other rate and a perfect model stays below 1.  The field's code does this, by adding 1e-20
      to each denominator.
    - ``"drop"``: mA is the mean over the other attributes only.

    Args:
        probabilities: ``(N, A)`` floats.
        labels: ``(N, A)`` 0 or 1.
        threshold: An attribute is predicted where its probability is greater; one, or ``(A,)``.
        undefined: See above.

    Returns:
        ``mA``, the mean over attributes of the mean of both rates; ``accuracy``, ``precision``
        and ``recall``, means over images, see `instance_scores`; ``f1`` of mean precision and
        mean recall, the one most papers print; ``f1_instance``, the mean of the images' own F1,
        which VTB and its successors print and which is lower.

    Raises:
        UserError: There are no images; a probability is not a number; a label is not 0 or 1;
            ``undefined`` is unknown, or is ``"drop"`` and leaves no attribute.
        ValueError: The shapes do not fit.
    """
    predicted, actual = _decide(probabilities, labels, threshold)
    both = predicted & actual
    scores = _instance_scores(count_rows(both), count_rows(predicted), count_rows(actual))
    mean = {name: float(values.mean()) for name, values in scores.items()}
    total = mean["precision"] + mean["recall"]
    right, guessed, present = map(count_columns, (both, predicted, actual))
    return {
        "mA": _mean_accuracy(*_rates(right, guessed, present, len(actual)), undefined),
        "accuracy": mean["accuracy"],
        "precision": mean["precision"],
        "recall": mean["recall"],
        "f1": 2 * mean["precision"] * mean["recall"] / total if total else 0.0,
        "f1_instance": mean["f1"],
    }


def probability_metrics(
    probabilities: NDArray[np.floating[Any]], labels: NDArray[np.uint8]
) -> dict[str, float]:
    """Return the metrics that need no threshold.

    Args:
        probabilities: ``(N, A)`` floats.
        labels: ``(N, A)`` 0 or 1.

    Returns:
        ``mAP``, the mean of the attributes' average precision over those that some image has, 0
        where no image has any; ``ece``, the mean of the attributes' calibration errors, see
        `clear_bench.metrics.calibration`, less is better.

    Raises:
        UserError: As `decided_metrics`.
        ValueError: The shapes do not fit.
    """
    _, actual = _decide(probabilities, labels, 0.5)
    precisions = _average_precisions(probabilities, actual)
    return {
        "mAP": float(precisions[actual.any(axis=0)].mean()) if actual.any() else 0.0,
        "ece": float(calibration_errors(probabilities, actual).mean()),
    }


def per_attribute(
    probabilities: NDArray[np.floating[Any]], labels: NDArray[np.uint8], threshold: Threshold = 0.5
) -> dict[str, NDArray[Any]]:
    """Return the metrics of each attribute over all images.

    Args:
        probabilities: ``(N, A)`` floats.
        labels: ``(N, A)`` 0 or 1.
        threshold: An attribute is predicted where its probability is greater; one, or ``(A,)``.

    Returns:
        Arrays ``(A,)``: ``positives``, int64; and in float64, NaN where undefined, ``tpr`` and
        ``recall`` (the same; no positives), ``tnr`` (no negatives), ``mA`` (either),
        ``precision`` (nothing predicted), ``f1`` (no positives and nothing predicted) and ``ap``,
        average precision as scikit-learn defines it (no positives).

    Raises:
        UserError: As `recognition_metrics`.
        ValueError: The shapes do not fit.
    """
    predicted, actual = _decide(probabilities, labels, threshold)
    true_positives = count_columns(predicted & actual)
    guessed, positives = count_columns(predicted), count_columns(actual)
    tpr, tnr = _rates(true_positives, guessed, positives, len(actual))
    return {
        "positives": positives,
        "tpr": tpr,
        "tnr": tnr,
        "mA": (tpr + tnr) / 2,
        "precision": _ratio(true_positives, guessed, np.nan),
        "recall": tpr.copy(),
        "f1": _ratio(2 * true_positives, guessed + positives, np.nan),
        "ap": _average_precisions(probabilities, actual),
    }


def instance_scores(
    probabilities: NDArray[np.floating[Any]], labels: NDArray[np.uint8], threshold: Threshold = 0.5
) -> dict[str, Floats]:
    """Return the metrics of each image over its attributes, for paired tests.

    A score whose denominator is empty is 0, as in the field's code: precision where nothing is
    predicted, recall where the image has no attribute, and all of them where both hold, although
    that prediction is right.

    Args:
        probabilities: ``(N, A)`` floats.
        labels: ``(N, A)`` 0 or 1.
        threshold: An attribute is predicted where its probability is greater; one, or ``(A,)``.

    Returns:
        Arrays ``(N,)`` float64: ``accuracy`` (intersection over union of the predicted and the
        actual attributes), ``precision``, ``recall`` and ``f1``.

    Raises:
        UserError: As `recognition_metrics`.
        ValueError: The shapes do not fit.
    """
    predicted, actual = _decide(probabilities, labels, threshold)
    both = predicted & actual
    return _instance_scores(count_rows(both), count_rows(predicted), count_rows(actual))


def _instance_scores(both: Counts, guessed: Counts, present: Counts) -> dict[str, Floats]:
    """Return each image's scores from how many attributes are right, predicted and present."""
    total = guessed + present
    return {
        "accuracy": _ratio(both, total - both, 0.0),
        "precision": _ratio(both, guessed, 0.0),
        "recall": _ratio(both, present, 0.0),
        "f1": _ratio(2 * both, total, 0.0),
    }


def _mean_accuracy(tpr: Floats, tnr: Floats, undefined: Undefined) -> float:
    """Return mA, see `decided_metrics`."""
    if undefined == "half":
        return float((np.nan_to_num(tpr) + np.nan_to_num(tnr)).mean() / 2)
    if undefined != "drop":
        raise unknown("rule for undefined rates", undefined, ("half", "drop"))
    both = ((tpr + tnr) / 2)[~np.isnan(tpr + tnr)]
    if not len(both):
        raise UserError(
            "mA is undefined: no attribute is present in some images and absent from others; "
            "set protocol.undefined=half"
        )
    return float(both.mean())


def _rates(both: Counts, guessed: Counts, present: Counts, images: int) -> tuple[Floats, Floats]:
    """Return the true positive and true negative rates ``(A,)``, NaN where undefined."""
    absent = images - present
    neither = absent - (guessed - both)
    return _ratio(both, present, np.nan), _ratio(neither, absent, np.nan)


def _average_precisions(
    probabilities: NDArray[np.floating[Any]], actual: NDArray[np.bool_]
) -> Floats:
    """Return the average precision ``(A,)`` of each attribute, NaN without positives."""
    columns = zip(np.asarray(probabilities).T, actual.T, strict=True)
    return np.array([_average_precision(column, truth) for column, truth in columns])


def _average_precision(values: NDArray[np.floating[Any]], actual: NDArray[np.bool_]) -> float:
    """Return the average precision of one attribute, NaN without positives.

    It is the mean over positives of the precision at the positive's own value.  Images of equal
    value enter together, so their order in the split does not matter.
    """
    positives = np.sort(values[actual])
    if not len(positives):
        return float("nan")
    retrieved = len(values) - np.searchsorted(np.sort(values), positives, side="left")
    right = len(positives) - np.searchsorted(positives, positives, side="left")
    return float((right / retrieved).mean())


def _decide(
    probabilities: NDArray[np.floating[Any]], labels: NDArray[np.uint8], threshold: Threshold
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Check the input and return which attributes are predicted and which are present."""
    values, truth = np.asarray(probabilities), np.asarray(labels)
    if values.ndim != 2 or values.shape != truth.shape:
        raise ValueError(f"probabilities {values.shape} and labels {truth.shape} must be (N, A)")
    if not values.size:
        raise UserError(f"nothing to measure: {len(values)} images, {values.shape[1]} attributes")
    # A comparison with NaN is False: a diverged model would pass for one that predicts nothing.
    if np.isnan(values.max()):  # NaN if any is
        raise UserError("a probability is not a number; the model has diverged, lower train.lr")
    present = truth == 1
    if not _is_binary(truth, present):
        raise UserError("labels must be 0 or 1; map other values first, RAP's 2 (unsure) to 0")
    return values > threshold, present


def _is_binary(truth: NDArray[Any], present: NDArray[np.bool_]) -> bool:
    """Return whether all labels are 0 or 1; of unsigned ones the largest tells."""
    if truth.dtype == np.uint8:
        return bool(truth.max() <= 1)
    return bool((present | (truth == 0)).all())


def _ratio(part: Counts, whole: Counts, empty: float) -> Floats:
    """Return ``part / whole``, and ``empty`` where ``whole`` is 0."""
    result = np.full(part.shape, empty)
    return np.divide(part, whole, out=result, where=whole > 0)
