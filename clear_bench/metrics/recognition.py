"""Metrics of person attribute recognition, as the field's shared evaluation code defines them.

The definitions follow ``metrics/pedestrian_metrics.py`` of Rethinking-of-PAR (Jia et al.,
arXiv 2107.03576), which much later work shares.  An attribute is predicted where its probability is
strictly above the threshold, one for all or one an attribute.  All metrics are fractions of 1.

An unknown label is left out of every one of them: an attribute is measured on the images where it
is known, an image on its known attributes; attributes and images without any are left out of means.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.metrics.calibration import calibration_errors
from clear_bench.metrics.counts import count_columns, count_rows
from clear_bench.utils.errors import UserError, unknown

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Known = NDArray[np.bool_] | None
"""Which labels are known; None says all, and costs nothing."""
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
        labels: ``(N, A)`` 0, 1 or `UNKNOWN`.
        threshold: An attribute is predicted where its probability is greater; one, or ``(A,)``.
        undefined: See above.

    Returns:
        ``mA``, the mean over attributes of the mean of both rates; ``accuracy``, ``precision``
        and ``recall``, means over images, see `instance_scores`; ``f1`` of mean precision and
        mean recall, the one most papers print; ``f1_instance``, the mean of the images' own F1,
        which VTB and its successors print and which is lower.

    Raises:
        UserError: There are no images; a probability is not a number; a label is none of the
            three, or none is known; ``undefined`` is unknown, or is ``"drop"`` and leaves no
            attribute.
        ValueError: The shapes do not fit.
    """
    predicted, actual, known = _decide(probabilities, labels, threshold)
    both = predicted & actual
    scores = _instance_scores(count_rows(both), count_rows(predicted), count_rows(actual))
    if known is not None:
        scores = {name: values[known.any(axis=1)] for name, values in scores.items()}
    mean = {name: float(values.mean()) for name, values in scores.items()}
    total = mean["precision"] + mean["recall"]
    right, guessed, present = map(count_columns, (both, predicted, actual))
    return {
        "mA": _mean_accuracy(*_rates(right, guessed, present, _images(actual, known)), undefined),
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
        labels: ``(N, A)`` 0, 1 or `UNKNOWN`.

    Returns:
        ``mAP``, the mean of the attributes' average precision over those that some image has, 0
        where no image has any; ``ece``, the mean of the attributes' calibration errors, see
        `clear_bench.metrics.calibration`, less is better.

    Raises:
        UserError: As `decided_metrics`.
        ValueError: The shapes do not fit.
    """
    _, actual, known = _decide(probabilities, labels, 0.5)
    precisions = _average_precisions(probabilities, actual, known)
    errors = calibration_errors(probabilities, actual, known=known)
    return {
        "mAP": float(precisions[actual.any(axis=0)].mean()) if actual.any() else 0.0,
        "ece": float(errors[~np.isnan(errors)].mean()),
    }


def per_attribute(
    probabilities: NDArray[np.floating[Any]], labels: NDArray[np.uint8], threshold: Threshold = 0.5
) -> dict[str, NDArray[Any]]:
    """Return the metrics of each attribute over all images.

    Args:
        probabilities: ``(N, A)`` floats.
        labels: ``(N, A)`` 0, 1 or `UNKNOWN`.
        threshold: An attribute is predicted where its probability is greater; one, or ``(A,)``.

    Returns:
        Arrays ``(A,)``: ``positives``, int64; and in float64, NaN where undefined, ``tpr`` and
        ``recall`` (the same; no positives), ``tnr`` (no negatives), ``mA`` (either),
        ``precision`` (nothing predicted), ``f1`` (no positives and nothing predicted) and ``ap``,
        average precision as scikit-learn defines it (no positives).  Where labels are unknown
        also ``known``, int64: of how many images they are not.

    Raises:
        UserError: As `recognition_metrics`.
        ValueError: The shapes do not fit.
    """
    predicted, actual, known = _decide(probabilities, labels, threshold)
    true_positives = count_columns(predicted & actual)
    guessed, positives = count_columns(predicted), count_columns(actual)
    images = _images(actual, known)
    tpr, tnr = _rates(true_positives, guessed, positives, images)
    counted = {} if known is None else {"known": images}
    return counted | {
        "positives": positives,
        "tpr": tpr,
        "tnr": tnr,
        "mA": (tpr + tnr) / 2,
        "precision": _ratio(true_positives, guessed, np.nan),
        "recall": tpr.copy(),
        "f1": _ratio(2 * true_positives, guessed + positives, np.nan),
        "ap": _average_precisions(probabilities, actual, known),
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
        labels: ``(N, A)`` 0, 1 or `UNKNOWN`.
        threshold: An attribute is predicted where its probability is greater; one, or ``(A,)``.

    Returns:
        Arrays ``(N,)`` float64: ``accuracy`` (intersection over union of the predicted and the
        actual attributes), ``precision``, ``recall`` and ``f1``; NaN for an image of which no
        label is known.

    Raises:
        UserError: As `recognition_metrics`.
        ValueError: The shapes do not fit.
    """
    predicted, actual, known = _decide(probabilities, labels, threshold)
    both = predicted & actual
    scores = _instance_scores(count_rows(both), count_rows(predicted), count_rows(actual))
    if known is not None:
        for values in scores.values():
            values[~known.any(axis=1)] = np.nan
    return scores


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
        measured = ~(np.isnan(tpr) & np.isnan(tnr))  # both are where no label is known
        return float((np.nan_to_num(tpr) + np.nan_to_num(tnr))[measured].mean() / 2)
    if undefined != "drop":
        raise unknown("rule for undefined rates", undefined, ("half", "drop"))
    both = ((tpr + tnr) / 2)[~np.isnan(tpr + tnr)]
    if not len(both):
        raise UserError(
            "mA is undefined: no attribute is present in some images and absent from others; "
            "set protocol.undefined=half"
        )
    return float(both.mean())


def _images(actual: NDArray[np.bool_], known: Known) -> Counts:
    """Return on how many images each attribute is measured ``(A,)``."""
    if known is None:
        return np.full(actual.shape[1], len(actual))
    return count_columns(known)


def _rates(both: Counts, guessed: Counts, present: Counts, images: Counts) -> tuple[Floats, Floats]:
    """Return the true positive and true negative rates ``(A,)``, NaN where undefined."""
    absent = images - present
    neither = absent - (guessed - both)
    return _ratio(both, present, np.nan), _ratio(neither, absent, np.nan)


def _average_precisions(
    probabilities: NDArray[np.floating[Any]], actual: NDArray[np.bool_], known: Known
) -> Floats:
    """Return the average precision ``(A,)`` of each attribute, NaN without positives."""
    columns = list(zip(np.asarray(probabilities).T, actual.T, strict=True))
    if known is not None:
        columns = [(v[k], truth[k]) for (v, truth), k in zip(columns, known.T, strict=True)]
    return np.array([_average_precision(values, truth) for values, truth in columns])


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
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Known]:
    """Check the input and return which attributes are predicted, present and known.

    What is unknown is neither predicted nor present, so that no count of either holds it.
    """
    values, truth = np.asarray(probabilities), np.asarray(labels)
    if values.ndim != 2 or values.shape != truth.shape:
        raise ValueError(f"probabilities {values.shape} and labels {truth.shape} must be (N, A)")
    if not values.size:
        raise UserError(f"nothing to measure: {len(values)} images, {values.shape[1]} attributes")
    # A comparison with NaN is False: a diverged model would pass for one that predicts nothing.
    if np.isnan(values.max()):  # NaN if any is
        raise UserError("a probability is not a number; the model has diverged, lower train.lr")
    present, predicted = truth == 1, values > threshold
    known = _known(truth, present)
    return (predicted if known is None else predicted & known), present, known


def _known(truth: NDArray[Any], present: NDArray[np.bool_]) -> Known:
    """Return which labels are known; if all are, the largest of unsigned ones tells."""
    if truth.dtype == np.uint8 and truth.max() <= 1:
        return None
    known = present | (truth == 0)
    if known.all():
        return None
    if not (known | (truth == UNKNOWN)).all():
        raise UserError(
            f"labels must be 0, 1 or {UNKNOWN} (unknown); map other values first, such as RAP's 2"
        )
    if not known.any():
        raise UserError(f"nothing to measure: no label of {len(truth)} images is known")
    return known


def _ratio(part: Counts, whole: Counts, empty: float) -> Floats:
    """Return ``part / whole``, and ``empty`` where ``whole`` is 0."""
    result = np.full(part.shape, empty)
    return np.divide(part, whole, out=result, where=whole > 0)
