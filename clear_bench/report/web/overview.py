"""All data sets at a glance: a row a method, the first metrics of each data set's leaderboard."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan, nan

from clear_bench.config.method import TASKS
from clear_bench.report.tables import model
from clear_bench.report.tables.main import ALL
from clear_bench.report.tables.marks import mark_columns
from clear_bench.report.web.behind import Behind
from clear_bench.report.web.facets import EVERY, MAIN, title_of
from clear_bench.report.web.leaderboard import WORDS, named, ranked, with_facts, words_of
from clear_bench.report.web.methods import is_floor
from clear_bench.report.web.model import DialogData, PageTable
from clear_bench.report.web.page_tables import page_table
from clear_bench.results.groups import Group
from clear_bench.results.load import Results

METRICS = {
    "recognition": (model.Column("mA", "mA"), model.Column("F1", "f1")),
    "retrieval": (model.Column("mAP", "mAP"), model.Column("R@1", "rank1")),
}
"""Task to what is shown of each data set; the first ranks its methods."""

MEAN_RANK = model.Column("mean rank", better=-1, digits=1, spread=False)
FIRST = "first of each data set"
CAPTION = (
    "Attribute {task} on {count} data sets, per cent; of each the protocol of most methods, which "
    "its own leaderboard names. Mean rank: by {metric}, over all data sets, among the methods that "
    "have a number on each. Bold best, underlined second of a column."
)


def overviews(
    results: Results, dialog: DialogData, profile: str
) -> list[tuple[model.Table, PageTable]]:
    """Return the table over all data sets of each task that several have, and as the page has it.

    Args:
        results: The records of one profile.
        dialog: Takes in what is behind each number.
        profile: Its name.
    """
    made = []
    for task in TASKS:
        boards = {d: (results.by_protocol(d, task) or [[]])[0] for d in results.datasets}
        boards = {d: groups for d, groups in boards.items() if any(g.runs for g in groups)}
        if len(boards) > 1:
            made.append(_overview(results, dialog, profile, task, boards))
    return made


def _overview(
    results: Results, dialog: DialogData, profile: str, task: str,
    boards: Mapping[str, Sequence[Group]],
) -> tuple[model.Table, PageTable]:  # fmt: skip
    """Return the table of one task."""
    by_label = {d: {g.label: g for g in groups if g.runs} for d, groups in boards.items()}
    first = {label: g for groups in reversed(by_label.values()) for label, g in groups.items()}
    ranks = mean_ranks(by_label, METRICS[task][0].metric)
    columns = [MEAN_RANK] + [replace(c, over=title_of(d)) for d in boards for c in METRICS[task]]
    order = sorted(first, key=lambda label: (ranks.get(label, float("inf")), label))
    rows = mark_columns([_row(label, ranks, by_label, METRICS[task]) for label in order], columns)
    stem = f"overview-{task}"
    caption = CAPTION.format(task=task, count=len(boards), metric=METRICS[task][0].head)
    table = model.Table("overview", stem, ALL, caption, "method", tuple(columns), rows)
    facets = {"task": task, "data set": EVERY, "metrics": MAIN, "protocol": FIRST}
    facets |= {"profile": profile}
    shown = page_table(table, Behind(results, dialog, table), facets, "")
    groups = [first[label] for label in order]
    values = [-ranks.get(label, nan) for label in order]
    places = ranked(groups, values)
    own = zip(shown.rows, groups, places, strict=True)
    rows_shown = [named(row, group, place) for row, group, place in own]
    board = replace(shown, rows=rows_shown, sorted_by=MEAN_RANK.head)
    return table, with_facts(board, WORDS, [words_of(group) for group in groups])


def mean_ranks(by_label: Mapping[str, Mapping[str, Group]], metric: str) -> dict[str, float]:
    """Return the mean rank of each method that learns and has a number on every data set.

    Args:
        by_label: Data set to the name of each row to its runs.
        metric: What ranks them; more is better.
    """
    values = {
        d: {label: e.mean for label, g in groups.items() if (e := g.estimate(metric))}
        for d, groups in by_label.items()
    }
    everywhere = set.intersection(*(set(v) for v in values.values()))
    learning = {
        label for label in everywhere if not any(is_floor(g[label]) for g in by_label.values())
    }
    ranks = {
        label: [1 + sum(v[o] > v[label] for o in learning) for v in values.values()]
        for label in learning
    }
    return {label: sum(r) / len(r) for label, r in ranks.items()}


def _row(
    label: str, ranks: Mapping[str, float], by_label: Mapping[str, Mapping[str, Group]],
    metrics: Sequence[model.Column],
) -> model.Row:  # fmt: skip
    """Return the row of a method; where a data set lacks it, its cells are gaps that say so."""
    cells = [model.Cell(ranks.get(label, nan), n=len(by_label))]
    notes = []
    if isnan(cells[0].value):
        notes.append("mean rank: not ranked, since it learns nothing or a data set lacks it")
    for dataset, groups in by_label.items():
        group = groups.get(label)
        if group is None:
            cells += [model.Cell() for _ in metrics]
            notes.append(f"{title_of(dataset)}: no run by this protocol")
            continue
        ids = tuple(group.run_ids)
        cells += [
            model.cell(group.estimate(c.metric), c, ids, protocol=group.protocol) for c in metrics
        ]
    return model.Row(label, tuple(cells), tuple(notes))
