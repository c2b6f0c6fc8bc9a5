"""Which methods differ from a reference on the same images or queries, beyond chance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.results.groups import Group
from clear_bench.results.statistics import holm, paired_tests
from clear_bench.results.unit_scores import UNIT_METRIC, unit_scores
from clear_bench.utils.errors import UserError

ALPHA = 0.05
UNITS = {"recognition": "images", "retrieval": "queries"}


@dataclass(frozen=True)
class Comparison:
    """Tests of several groups against one.

    Args:
        reference: Label of the one.
        p_values: Label to p-value, corrected by Holm's method for their number.
        untested: Label to the reason why there is none.
    """

    reference: str
    p_values: dict[str, float] = field(default_factory=dict)
    untested: dict[str, str] = field(default_factory=dict)

    def differs(self, label: str) -> bool:
        """Return whether a group differs from the reference at 5 %."""
        return self.p_values.get(label, 1.0) < ALPHA


def compare(groups: Iterable[Group], reference: Group) -> Comparison:
    """Test each group against a reference by `stats.paired_tests`, corrected by Holm's method.

    A unit's score is the mean over the seeds of a group; it is each image's F1 (recognition) or
    each query's average precision (retrieval).
    """
    comparison = Comparison(reference.label)
    try:
        units, target = group_scores(reference)
    except UserError as error:
        comparison.untested[reference.label] = str(error)
        return comparison
    labels, scores = [], []
    for group in groups:
        if group.label == reference.label or not group.runs:
            continue
        try:
            units_of_group, score = group_scores(group)
        except UserError as error:
            comparison.untested[group.label] = str(error)
            continue
        if not np.array_equal(units_of_group, units):
            comparison.untested[group.label] = f"measured on other units than {reference.label}"
            continue
        labels.append(group.label)
        scores.append(score)
    if labels:
        raw: Sequence[float] = paired_tests(np.array(scores), target).tolist()
        comparison.p_values.update(zip(labels, holm(raw), strict=True))
    return comparison


def group_scores(group: Group) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return a group's units and each unit's score ``(U,)``, the mean over seeds.

    Raises:
        UserError: If a run keeps no predictions, or the seeds have other units.
    """
    pairs = [unit_scores(run.folder, run.record) for run in group.runs]
    units = pairs[0][0]
    if any(not np.array_equal(units, others) for others, _ in pairs[1:]):
        raise UserError(f"{group.label}: its seeds were measured on unlike units")
    return units, np.mean([score for _, score in pairs], axis=0)


def explanation(task: str, reference: str) -> str:
    """Return what a dagger means, for a caption."""
    unit, metric = UNITS[task], UNIT_METRIC[task]
    score = {"f1_instance": "F1", "mAP": "average precision"}[metric]
    return (
        f"† differs from {reference} at 5 % in the {unit}' own {score} (mean over seeds; paired "
        "sign-flip permutation test, Holm-corrected)."
    )
