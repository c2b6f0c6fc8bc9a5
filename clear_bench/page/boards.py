"""The page's tables: a leaderboard for each data set, task and protocol, and one for each study."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from clear_bench.page.model import GAP, Board, Cell, Column, Known, Row
from clear_bench.results import Group, Results
from clear_bench.stats import Estimate, difference, estimate
from clear_bench.study import StudyResult, VariantResult
from clear_bench.tables import COLUMNS, COST_HEADS, COST_NOTES, HEADS


def leaderboards(results: Results, known: Known) -> list[Board]:
    """Return a board for each data set, task and protocol that has a run.

    Args:
        results: The records.
        known: Takes in what is behind each number.
    """
    found = []
    groups = sorted(results.groups(), key=lambda g: (g.dataset, g.task, g.protocol))
    for (dataset, task), of_task in groupby(groups, key=lambda g: (g.dataset, g.task)):
        members = {p: list(same) for p, same in groupby(of_task, key=lambda g: g.protocol)}
        for number, (protocol, odd) in enumerate(_told_apart(list(members)).items(), 1):
            tab = f"{dataset}, {task}" + (f": {odd}" if odd else "")
            key = f"board-{dataset}-{task}-{number}"
            found.append(_leaderboard(key, tab, members[protocol], known))
    return found


def _told_apart(protocols: Sequence[str]) -> dict[str, str]:
    """Return each signature with those of its parts that not all of them have."""
    parts = {p: p.split("|") for p in protocols}
    common = set.intersection(*(set(found) for found in parts.values()))
    return {p: " ".join(x for x in found if x not in common) for p, found in parts.items()}


def _leaderboard(key: str, tab: str, groups: Sequence[Group], known: Known) -> Board:
    """Return the board of groups of one data set, task and protocol."""
    first, metrics = groups[0], COLUMNS[groups[0].task]
    ranked = sorted(groups, key=lambda g: (-_mean(g.estimate(metrics[0])), g.label))
    marks = {m: _marks([g.estimate(m) for g in ranked]) for m in metrics}
    rows = []
    for place, group in enumerate(ranked):
        behind = known.add_group(group)
        cells = [_score(group, behind, m, marks[m][place], known) for m in metrics]
        costs = [_cost(group, behind, name, known) for name in COST_HEADS]
        rows.append(Row(group.label, [*cells, _seeds(group), *costs], _reasons(group)))
    return Board(
        key=key,
        tab=tab,
        caption=f"Attribute {first.task} on {first.dataset}, test split, in per cent; mean and "
        "standard deviation (n - 1) over seeds; checkpoint selected on val. "
        + COST_NOTES[first.task],
        protocol=first.protocol,
        columns=[
            *(Column(HEADS[m]) for m in metrics),
            Column("seeds"),
            *(
                Column(head, up=name == "images_per_second")
                for name, (head, *_) in COST_HEADS.items()
            ),
        ],
        rows=rows,
        sorted_by=HEADS[metrics[0]],
    )


def _score(group: Group, behind: int, metric: str, mark: str, known: Known) -> Cell:
    """Return the cell of a metric, in per cent."""
    found = group.estimate(metric)
    if found is None:
        return _gap(group, behind, HEADS[metric], known)
    values = {s: f"{100 * v:.4f}" for s, v in group.values(metric).items()}
    lines = [f"{_text(found)}{_plus_minus(found)} % on test, checkpoint selected on val."]
    last = group.estimate(metric, "last")
    if last:
        lines.append(f"After the last epoch: {_text(last)}{_plus_minus(last)} %.")
    place = known.add_cell(behind, f"{group.label}: {HEADS[metric]}", values, lines)
    return Cell(_text(found), _plus_minus(found).strip(), 100 * found.mean, mark, behind=place)


def _cost(group: Group, behind: int, name: str, known: Known) -> Cell:
    """Return the cell of a cost: the mean over seeds."""
    head, unit, digits = COST_HEADS[name]
    found = group.cost(name)
    if found is None:
        return _gap(group, behind, head, known)
    values = {
        run.record.seed: f"{unit * run.record.cost[name]:.{digits}f}"
        for run in group.runs
        if name in run.record.cost
    }
    place = known.add_cell(behind, f"{group.label}: {head}", values, ["Mean over seeds."])
    return Cell(f"{unit * found.mean:.{digits}f}", value=unit * found.mean, behind=place)


def _gap(group: Group, behind: int, head: str, known: Known) -> Cell:
    """Return the cell of a number that is not there."""
    note = _reasons(group) or "no run measured it"
    place = known.add_cell(behind, f"{group.label}: {head}", {}, [f"No number: {note}."])
    return Cell(GAP, note=note, behind=place)


def _reasons(group: Group) -> str:
    """Return why runs of a group are not there; "" if all are."""
    return "; ".join(str(gap) for gap in group.gaps)


def _seeds(group: Group) -> Cell:
    """Return the cell of the number of seeds, and of how many there should be."""
    have, lack = len(group.runs), len({gap.seed for gap in group.gaps})
    return Cell(f"{have} of {have + lack}" if lack else str(have), value=have)


def studies(results: Results, known: Known) -> list[Board]:
    """Return a board for each study's result.

    Args:
        results: The records and the studies.
        known: Takes in what is behind each number.
    """
    several = len({study.dataset for study in results.studies}) > 1
    return [_study(results, study, known, several) for study in results.studies]


def _study(results: Results, study: StudyResult, known: Known, several: bool) -> Board:
    """Return the board of one study: a row a variant, in the study's own order."""
    groups = [(v, results.variant(study, v)) for v in study.variants]
    reference = next((g for v, g in groups if v.reference), None)
    rows = [_variant(study, v, g, reference, known) for v, g in groups]
    heads = [Column(c) for m in study.metrics for c in (HEADS.get(m, m), f"Δ {HEADS.get(m, m)}")]
    protocols = dict.fromkeys(g.protocol for _, g in groups if g.protocol)
    return Board(
        key=f"study-{study.dataset}-{study.study}",
        tab=study.study + (f", {study.dataset}" if several else ""),
        caption=f"{study.question} {study.method}, {study.task} on {study.dataset}, test split, in "
        "per cent; Δ is the difference to the reference (shaded), seed by seed, with the 95 % "
        "confidence interval of its mean.",
        protocol=" and ".join(protocols),
        columns=[*heads, Column("seeds")],
        rows=rows,
        first="variant",
    )


def _variant(
    study: StudyResult,
    variant: VariantResult,
    group: Group,
    reference: Group | None,
    known: Known,
) -> Row:
    """Return the row of one variant."""
    behind = known.add_group(group)
    cells: list[Cell] = []
    for metric in study.metrics:
        values = group.values(metric, variant.checkpoint)
        base = reference.values(metric, _checkpoint(study)) if reference else {}
        cells += _pair(group, behind, metric, values, {} if variant.reference else base, known)
    return Row(variant.label, [*cells, _seeds(group)], _reasons(group), variant.reference)


def _checkpoint(study: StudyResult) -> str:
    """Return which checkpoint of the reference is measured."""
    return next((v.checkpoint for v in study.variants if v.reference), "selected")


def _pair(
    group: Group,
    behind: int,
    metric: str,
    values: Mapping[int, float],
    base: Mapping[int, float],
    known: Known,
) -> list[Cell]:
    """Return the cells of a metric and of its difference to the reference."""
    head = HEADS.get(metric, metric)
    if not values:
        return [_gap(group, behind, head, known), Cell("", value=None)]
    found = estimate(list(values.values()))
    shown = {s: f"{100 * v:.4f}" for s, v in values.items()}
    line = f"{_text(found)}{_plus_minus(found)} %."
    place = known.add_cell(behind, f"{group.label}: {head}", shown, [line])
    cell = Cell(_text(found), _plus_minus(found).strip(), 100 * found.mean, behind=place)
    both = sorted(set(values) & set(base))
    if not both:
        return [cell, Cell("", value=None)]
    gap = difference([values[s] for s in both], [base[s] for s in both])
    gaps = {s: f"{100 * (values[s] - base[s]):+.4f}" for s in both}
    line = f"{100 * gap.mean:+.2f}{_interval(gap)} against the reference, over seeds {both}."
    place = known.add_cell(behind, f"{group.label}: difference of {head}", gaps, [line])
    delta = Cell(f"{100 * gap.mean:+.2f}", _interval(gap).strip(), 100 * gap.mean, behind=place)
    return [cell, delta]


def _marks(column: Sequence[Estimate | None]) -> list[str]:
    """Return which of a column's means is best and which second, before rounding; ties share."""
    means = [_mean(e) for e in column]
    order = sorted({m for m in means if m != float("-inf")}, reverse=True)
    words = dict(zip(order, ("best", "second"), strict=False))
    return [words.get(m, "") for m in means]


def _mean(found: Estimate | None) -> float:
    """Return a mean, or what is below all of them."""
    return found.mean if found else float("-inf")


def _text(found: Estimate) -> str:
    """Return a mean in per cent."""
    return f"{100 * found.mean:.2f}"


def _plus_minus(found: Estimate) -> str:
    """Return the deviation in per cent; nothing for one seed."""
    return f" ± {100 * found.std:.2f}" if found.n > 1 else ""


def _interval(found: Estimate) -> str:
    """Return the confidence interval in per cent; nothing for one seed."""
    return f" [{100 * found.low:+.2f}, {100 * found.high:+.2f}]" if found.n > 1 else ""
