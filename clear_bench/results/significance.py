"""Which methods differ from a reference on the same images or queries, beyond chance.

Each metric is tested as what it is: a mean over images or queries by flipping signs, one that is no
such mean (mA, and F1 of mean precision and mean recall) by a paired bootstrap over images.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.results.bootstrap import bootstrap_p, resampled
from clear_bench.results.groups import Group
from clear_bench.results.statistics import holm, paired_tests
from clear_bench.results.unit_scores import Units, units_of
from clear_bench.runs.code import sources
from clear_bench.utils.errors import UserError
from clear_bench.utils.kept_values import kept

ALPHA = 0.05
UNITS = {"recognition": "images", "retrieval": "queries"}
RESAMPLED = ("mA", "f1")
ONE_SEED = "one seed alone says nothing about the method"


@dataclass(frozen=True)
class Comparison:
    """Tests of several groups against one.

    Args:
        reference: Label of the one.
        p_values: Metric to label to p-value, corrected by Holm's method for their number.
        untested: Label to the reason why there is none.
    """

    reference: str
    p_values: dict[str, dict[str, float]] = field(default_factory=dict)
    untested: dict[str, str] = field(default_factory=dict)

    def p_value(self, label: str, metric: str) -> float | None:
        """Return the p-value of a group's metric; None if it was not tested."""
        return self.p_values.get(metric, {}).get(label)

    def differs(self, label: str, metric: str) -> bool:
        """Return whether a group differs from the reference in a metric at 5 %."""
        value = self.p_value(label, metric)
        return value is not None and value < ALPHA


def compare(groups: Iterable[Group], reference: Group, metrics: Sequence[str]) -> Comparison:
    """Test each group against a reference in each metric, corrected by Holm's method.

    Means over units are tested by `paired_tests` on each unit's mean over seeds, the others by
    `bootstrap_p`.  A group of one seed is not tested: what differs then may be the seed.  A metric
    of which no unit's score is kept has no p-values.
    """
    everybody = [*groups]
    found = kept(
        lambda: [
            _key(everybody),
            _key([reference]),
            [*metrics],
            sources(),
            version("numpy"),
            version("scipy"),
        ],
        lambda: asdict(_compare(everybody, reference, metrics)),
    )
    return Comparison(**found)


def _key(groups: Sequence[Group]) -> list[Any]:
    """Return what the tests of groups depend on: their runs' records and predictions."""
    return [
        [group.label, str(run.folder), run.record.model_dump_json(), run.predictions]
        for group in groups
        for run in group.runs
    ]


def _compare(groups: Sequence[Group], reference: Group, metrics: Sequence[str]) -> Comparison:
    """Test each group against a reference, see `compare`."""
    comparison = Comparison(reference.label)
    try:
        target = group_units(reference)
    except UserError as error:
        comparison.untested[reference.label] = str(error)
        return comparison
    labels, tested = [], []
    for group in groups:
        if group.label == reference.label or not group.runs:
            continue
        try:
            units = group_units(group)
        except UserError as error:
            comparison.untested[group.label] = str(error)
            continue
        if not np.array_equal(units[0].ids, target[0].ids):
            comparison.untested[group.label] = f"measured on other units than {reference.label}"
            continue
        labels.append(group.label)
        tested.append(units)
    for metric, raw in _p_values(tested, target, metrics).items() if tested else ():
        comparison.p_values[metric] = dict(zip(labels, holm(raw), strict=True))
    return comparison


def _p_values(
    groups: Sequence[Sequence[Units]], target: Sequence[Units], metrics: Sequence[str]
) -> dict[str, list[float]]:
    """Return each group's p-value in each metric, but for metrics whose scores are not kept."""
    everybody = [target, *groups]
    found: dict[str, Any] = {}
    gaps: dict[bytes, dict[str, NDArray[np.float64]]] = {}
    for metric in metrics:
        if metric in RESAMPLED and target[0].right.size:
            values = resampled(everybody, metric)
            found[metric] = bootstrap_p(values[1:] - values[0])
        elif all(metric in units.scores for runs in everybody for units in runs):
            scores = [np.mean([u.scores[metric] for u in runs], axis=0) for runs in everybody]
            table = np.array(scores)
            there = ~np.isnan(table).any(axis=0)  # a query that the protocol skips has no score
            gaps.setdefault(there.tobytes(), {})[metric] = (table[1:] - table[0])[:, there]
    for of_metric in gaps.values():  # signs are flipped once for all metrics of the same units
        together = np.concatenate([*of_metric.values()])
        parts = np.split(paired_tests(together, np.zeros(together.shape[1])), len(of_metric))
        found |= dict(zip(of_metric, parts, strict=True))
    return {metric: [float(p) for p in found[metric]] for metric in metrics if metric in found}


def group_units(group: Group) -> list[Units]:
    """Return what each seed of a group did on the units.

    Raises:
        UserError: If there is one seed, a run keeps no predictions, or the seeds have other units.
    """
    if len(group.runs) == 1:
        raise UserError(ONE_SEED)
    units = [units_of(run.folder, run.record) for run in group.runs]
    if any(not np.array_equal(units[0].ids, each.ids) for each in units[1:]):
        raise UserError(f"{group.label}: its seeds were measured on unlike units")
    return units


def explanation(task: str, reference: str) -> str:
    """Return what a dagger means, for a caption."""
    return (
        f"† differs from {reference} at 5 % in that metric, on the same test {UNITS[task]} "
        "(Holm-corrected)."
    )


def how(task: str) -> str:
    """Return how metrics are tested, for a note below a table."""
    if task == "retrieval":
        return "Tests: sign flips of each query's own score, mean over seeds."
    return (
        "Tests: mA and F1 by a paired bootstrap over images, the others by sign flips of each "
        "image's own score; mean over seeds."
    )
