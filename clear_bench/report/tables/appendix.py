"""The appendix: by which protocols the numbers of a report are made, and in which environments."""

from collections import Counter
from collections.abc import Sequence

from clear_bench.config.method import TASKS
from clear_bench.report.tables.methods import stem
from clear_bench.report.tables.model import Cell, Column, Row, Table, TableSpec
from clear_bench.results.groups import Loaded
from clear_bench.results.load import Results

FIRST = ("data set", "split")
PREFIXES = {
    "attrs": "attributes",
    "img": "image",
    "train-ids": "training persons",
    "thr": "threshold",
}


def by_rule(results: Results, spec: TableSpec, name: str, caption: str) -> list[Table]:
    """Return a table a data set: a row a rule, a column a protocol."""
    tables = []
    for dataset in results.datasets:
        signatures = [
            (task, groups[0].protocol)
            for task in TASKS
            for groups in results.by_protocol(dataset, task)
            if any(group.runs for group in groups)
        ]
        signatures = list(dict.fromkeys(signatures))
        if not signatures:
            continue
        parts = [rules(signature) for _, signature in signatures]
        names = list(dict.fromkeys(rule for part in parts for rule in part))
        rows = tuple(
            Row(rule, tuple(Cell(text=part.get(rule, "")) for part in parts)) for rule in names
        )
        heads = _heads([task for task, _ in signatures])
        tables.append(
            Table(name, stem(dataset, name), dataset, f"{caption} {dataset}.", "rule", heads, rows)
        )
    return tables


def rules(signature: str) -> dict[str, str]:
    """Return the parts of a protocol's signature by name."""
    value_of: dict[str, str] = {}
    for place, part in enumerate(signature.split("|")):
        if place < len(FIRST):
            value_of[FIRST[place]] = part
            continue
        prefix = next((p for p in PREFIXES if part.startswith(p)), None)
        if prefix:
            value_of[PREFIXES[prefix]] = part.removeprefix(prefix).removeprefix(":")
        elif ":" in part:
            rule, _, value = part.partition(":")
            value_of[rule] = value
        else:
            value_of["version" if part.startswith("v") else part] = part
    return value_of


def _heads(tasks: Sequence[str]) -> tuple[Column, ...]:
    """Return one column a protocol, numbered where a task has several."""
    seen: Counter[str] = Counter()
    heads = []
    for task in tasks:
        seen[task] += 1
        number = f" {seen[task]}" if tasks.count(task) > 1 else ""
        heads.append(Column(task + number, better=0))
    return tuple(heads)


def by_environment(results: Results, spec: TableSpec, name: str, caption: str) -> list[Table]:
    """Return a table a data set: what its runs were made with, and how many by each."""
    tables = []
    for dataset in results.datasets:
        runs = [r for r in results.runs if r.usable and r.record.dataset == dataset]
        counts: dict[str, Counter[str]] = {}
        for run in runs:
            for fact, value in facts(run).items():
                counts.setdefault(fact, Counter())[value] += 1
        rows = tuple(
            Row(fact, (Cell(text=value), Cell(text=str(counts[fact][value]))))
            for fact in counts
            for value in sorted(counts[fact])
        )
        columns = (Column("value", better=0), Column("runs", better=0))
        if rows:
            tables.append(
                Table(name, stem(dataset, name), dataset, f"{caption} {dataset}, {len(runs)} runs.",
                      "fact", columns, rows)
            )  # fmt: skip
    return tables


def facts(run: Loaded) -> dict[str, str]:
    """Return what a run was made with, in words."""
    where, cost = run.record.provenance, run.record.cost
    dirty = ", with changes" if where.get("git_dirty") else ""
    made_with = {
        "git commit": str(where.get("git_commit", "unknown"))[:12] + dirty,
        "environment": str(where.get("environment", "unknown"))[:12],
        "Python": str(where.get("python", "unknown")),
    }
    made_with |= {str(k): str(v) for k, v in sorted(where.get("libraries", {}).items())}
    return made_with | {
        "platform": str(where.get("platform", "unknown")),
        "processor": str(where.get("cpu", "unknown")),
        "device": str(cost.get("device", "unknown")),
        "threads": str(cost.get("threads", "unknown")),
    }
