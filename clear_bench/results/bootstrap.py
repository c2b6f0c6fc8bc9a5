"""A paired bootstrap over images, for metrics that are no mean over images: mA and F1.

All methods are measured on the same resamples of the test images, so that what makes an image hard
for all of them cancels out of their difference (Efron and Tibshirani, 1993, chapter 8).
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from clear_bench.results.unit_scores import Units

RESAMPLES = 2_000
ROWS = 250  # resamples at once; memory grows with it, the result is the same
Floats = NDArray[np.float64]
Counts = NDArray[np.float32]
Measure = Callable[[Counts], Floats]


def resampled(groups: Sequence[Sequence[Units]], metric: str) -> Floats:
    """Return a metric of each group on each resample ``(G, RESAMPLES)``, the mean over its runs.

    Args:
        groups: The runs of each group, all on the same images.
        metric: ``mA`` or ``f1`` (of mean precision and mean recall).
    """
    measures: dict[str, Callable[..., Measure]] = {"mA": _MeanAccuracy, "f1": _F1}
    measure = measures[metric](groups)
    images = len(groups[0][0].ids)
    return np.concatenate([measure(counts) for counts in draws(images)], axis=1)


def draws(images: int, resamples: int = RESAMPLES) -> Iterator[Counts]:
    """Yield how often each image is drawn, ``(up to ROWS, images)``; from a fixed seed."""
    rng = np.random.default_rng(0)
    for start in range(0, resamples, ROWS):
        rows = min(ROWS, resamples - start)
        drawn = rng.integers(0, images, (rows, images))
        drawn += images * np.arange(rows)[:, None]
        counted = np.bincount(drawn.ravel(), minlength=rows * images)
        yield counted.reshape(rows, images).astype(np.float32)


def intervals(units: Units, metrics: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return the 95 % interval of each metric of one run over its images or queries.

    Ends are the percentiles of the metric on resamples of the test units.  It says how much the
    choice of units matters, and nothing of other seeds.

    Args:
        units: What the run did on the units.
        metrics: Names; one that the units do not give is left out.
    """
    samples: dict[str, Floats] = {}
    means = [name for name in metrics if name in units.scores]
    if means:
        table = np.array([units.scores[name] for name in means]).T
        table = table[~np.isnan(table).any(axis=1)]  # what the protocol skips
        parts = [counts.astype(np.float64) @ table / len(table) for counts in draws(len(table))]
        samples |= dict(zip(means, np.concatenate(parts).T, strict=True))
    if units.right.size:
        resample = [name for name in ("mA", "f1") if name in metrics]
        samples |= {name: resampled([[units]], name)[0] for name in resample}
    ends = {name: np.percentile(values, (2.5, 97.5)) for name, values in samples.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def bootstrap_p(differences: Floats) -> Floats:
    """Return the two-sided p-values ``(G,)`` that differences are 0.

    Twice the smaller share of resamples on either side of 0, the sample itself counted on both.

    Args:
        differences: ``(G, resamples)``.
    """
    total = differences.shape[1] + 1
    below = ((differences <= 0).sum(axis=1) + 1) / total
    above = ((differences >= 0).sum(axis=1) + 1) / total
    return np.minimum(1.0, 2 * np.minimum(below, above))


class _MeanAccuracy:
    """mA on resamples: the labels are everybody's, so a group is its mean over runs.

    With counts w of images, an attribute's true positive rate is the sum of w over positives that
    are predicted right, over the sum of w over positives; and so for the negatives.  An image of
    which the attribute is unknown is neither; an attribute unknown of all drawn images is left out.
    """

    def __init__(self, groups: Sequence[Sequence[Units]]) -> None:
        first = groups[0][0]
        self.undefined, self.groups = first.undefined, len(groups)
        absent = ~first.labels if first.known is None else first.known & ~first.labels
        self.kinds = np.concatenate([first.labels, absent], axis=1).astype(np.float32)
        shares = [np.mean([u.right for u in runs], axis=0, dtype=np.float32) for runs in groups]
        self.right = np.concatenate([self.kinds * np.tile(right, 2) for right in shares], axis=1)

    def __call__(self, counts: Counts) -> Floats:
        whole = (counts @ self.kinds).astype(np.float64)
        part = (counts @ self.right).reshape(len(counts), self.groups, -1).astype(np.float64)
        rates = np.full(part.shape, np.nan)
        np.divide(part, whole[:, None], out=rates, where=whole[:, None] > 0)
        if self.undefined == "half":
            measured = whole.reshape(len(counts), 2, -1).any(axis=1)
            share = measured.shape[1] / np.maximum(measured.sum(axis=1), 1)
            return np.nan_to_num(rates).mean(axis=2).T * share
        both = rates.reshape(len(counts), self.groups, 2, -1).mean(axis=2)
        return np.nanmean(both, axis=2).T


class _F1:
    """F1 of mean precision and mean recall on resamples, the mean over a group's runs."""

    def __init__(self, groups: Sequence[Sequence[Units]]) -> None:
        self.sizes = [len(runs) for runs in groups]
        runs = [units for group in groups for units in group]
        columns = [units.scores[name] for name in ("precision", "recall") for units in runs]
        table = np.array(columns, np.float32).T
        self.counted = ~np.isnan(table).any(axis=1)  # of the others no label is known
        self.columns = table[self.counted]

    def __call__(self, counts: Counts) -> Floats:
        if not self.counted.all():
            counts = counts[:, self.counted]
        images = counts.sum(axis=1, dtype=np.float64)[:, None]
        sums = (counts @ self.columns).astype(np.float64)
        precision, recall = np.split(sums / np.maximum(images, 1), 2, axis=1)
        total = precision + recall
        f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
        ends = np.cumsum(self.sizes)[:-1]
        return np.array([part.mean(axis=1) for part in np.split(f1, ends, axis=1)])
