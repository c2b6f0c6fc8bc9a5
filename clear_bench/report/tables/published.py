"""Published numbers beside ours; only what the same protocol made is subtracted."""

from collections.abc import Iterator, Mapping, Sequence
from csv import DictReader
from dataclasses import replace
from typing import Any

from clear_bench.config.plugins import folder
from clear_bench.report.bibliography import dataset_title
from clear_bench.report.tables.attributes import of_means
from clear_bench.report.tables.methods import falling, notes_of, protocol_words, stem
from clear_bench.report.tables.model import Cell, Column, Row, Table, TableSpec, cell
from clear_bench.results.groups import Group
from clear_bench.results.load import Results

PUBLISHED = "published.csv"
TRAINED = {"trainval": "train+val", "train": "train"}
SELECTED = {
    "epoch by test": "best epoch on test",
    "epoch by val": "best epoch on val",
    "last epoch": "last epoch",
}
UNSTATED = "selection not stated"
"""What may stand behind the split in column ``protocol`` of the published numbers."""


def against_published(results: Results, spec: TableSpec, name: str, caption: str) -> list[Table]:
    """Return a table a data set, task and protocol: published, reproduced and their difference."""
    numbers = published()
    tables = []
    for dataset in results.datasets:
        for task, columns in spec.options["columns"].items():
            wanted = [r for r in numbers if (r["dataset"], r["task"]) == (dataset, task)]
            places = enumerate(results.by_protocol(dataset, task)) if wanted else ()
            for place, groups in places:
                rows = _published_rows(wanted, groups, columns)
                details = f"{of_means(groups)} pub.: published. Ours: "
                details += protocol_words(groups[0].protocol)
                where = f"Attribute {task} on {dataset_title(dataset)}, test split, per cent."
                heads = tuple(part for column in columns for part in _triple(column))
                tables.append(
                    Table(
                        name, stem(dataset, f"{name}-{task}", place), dataset,
                        f"{caption} {where}", "method", heads, rows, details=details,
                    )
                )  # fmt: skip
    return tables


def published() -> list[dict[str, str]]:
    """Return the rows of the published numbers that lie beside the methods."""
    with (folder("method") / PUBLISHED).open(encoding="utf-8", newline="") as stream:
        return list(DictReader(stream))


def _triple(column: Column) -> tuple[Column, Column, Column]:
    """Return the three columns of a metric."""
    return (
        replace(column, head=f"{column.head} pub.", better=0, scale=1.0, spread=False),
        replace(column, head=column.head, better=0),
        replace(column, head=f"Δ {column.head}", better=0, scale=1.0, spread=False, sign=True),
    )


def _published_rows(
    wanted: Sequence[dict[str, str]], groups: Sequence[Group], columns: Sequence[Column]
) -> tuple[Row, ...]:
    """Return one row a (method, published protocol, source)."""
    keys = dict.fromkeys((r["method"], r["protocol"], r["source"]) for r in wanted)
    recipe = {g.method: g for g in groups if g.is_recipe}
    rows = []
    for method, protocol, source in keys:
        numbers = [r for r in wanted if (r["method"], r["protocol"], r["source"]) ==
               (method, protocol, source)]  # fmt: skip
        group = recipe.get(method)
        unlike = list(differences(protocol, group)) if group else []
        cells = [c for column in columns for c in _cells(numbers, group, column, not unlike)]
        notes = [f"published: {protocol}; {source}", *f1_note(numbers)]
        notes += [f"not compared: {'; '.join(unlike)}"] if unlike else []
        notes += notes_of(group) if group else ["ours: not run"]
        rows.append(
            Row(f"{method}, {protocol.partition(';')[0]}", tuple(cells), tuple(notes), method)
        )
    return falling(rows, [row.cells[0].value for row in rows])


def differences(protocol: str, group: Group) -> Iterator[str]:
    """Yield what tells a published number's protocol from that of our runs, in words.

    What is not stated there is a difference: nobody knows that it is the same.

    Args:
        protocol: ``SPLIT; FACT; ...`` as in the file of published numbers.
        group: Our runs; without any there is nothing to say.
    """
    if not group.runs:
        return
    split, *facts = (part.strip() for part in protocol.split(";"))
    theirs = {
        "split": split,
        "trained on": next((TRAINED[f] for f in facts if f in TRAINED), "not stated"),
        "selection": next((SELECTED[f] for f in facts if f in SELECTED), "not stated"),
        "threshold": "0.5",
    }
    for name, ours in protocol_of(group.runs[0].record.config).items():
        if theirs[name] != ours:
            yield f"{name}: {theirs[name]} there, {ours} here"


def protocol_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the facts of `differences` of one of our runs, an older one's too."""
    split, rules = config["data"]["split"], config["protocol"]
    kinds = {"random": "random split", "official": "official split", "zs": "zero-shot split"}
    by = {"val": "best epoch on val", "last": "last epoch", "oracle": "best epoch on test"}
    return {
        "split": kinds.get(split.rstrip("0123456789"), split),
        "trained on": config["data"].get("train_on", "train"),
        "selection": by[rules.get("select", "val")],
        "threshold": str(rules["threshold"]),
    }


def _cells(
    numbers: Sequence[dict[str, str]], group: Group | None, column: Column, comparable: bool
) -> list[Cell]:
    """Return published, ours and, if they are comparable, the difference of one metric.

    F1 is in the published convention.
    """
    names = [column.metric, "f1_instance"] if column.metric == "f1" else [column.metric]
    row = next((r for name in names for r in numbers if r["metric"] == name), None)
    metric = row["metric"] if row else column.metric
    theirs = Cell(float(row["value"]), n=1, protocol="published") if row else Cell()
    ours = Cell()
    if group:
        ids = tuple(group.run_ids)
        origin = {"protocol": group.protocol, "metric": metric}
        ours = cell(group.estimate(metric), column, ids, **origin)
    if not comparable:
        return [theirs, ours, Cell()]
    return [theirs, ours, Cell(ours.value - theirs.value, n=ours.n, protocol=ours.protocol)]


def f1_note(numbers: Sequence[dict[str, str]]) -> list[str]:
    """Return what F1 means in a published row, where it is not that of the means."""
    conventions = {r["f1_convention"] for r in numbers} - {"", "of_means"}
    meanings = {
        "mean_of_f1": "F1 is the mean of the images' own F1, ours too",
        "unclear": "which F1 is published is unclear; ours is of mean precision and recall",
    }
    return [meanings[c] for c in sorted(conventions)]
