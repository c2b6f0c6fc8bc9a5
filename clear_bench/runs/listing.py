"""Runs as rows and lines: what ``runs list``, ``best`` and ``show`` print.  No torch."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clear_bench.config.choice import Choice
from clear_bench.config.protocol import Protocol
from clear_bench.runs.facts import chosen, in_words, of_studies
from clear_bench.runs.files import STUDIES
from clear_bench.runs.naming import find_run
from clear_bench.runs.record import Record, records
from clear_bench.runs.removing import size_of
from clear_bench.runs.stale import is_stale
from clear_bench.runs.study_result import all_results
from clear_bench.utils.errors import UserError

Found = tuple[Path, Record]
COLUMNS = ("run", "status", "metric", "val", "test", "finished", "settings", "place")


def select(root: Path, name: str, choice: Choice) -> tuple[list[Found], dict[str, Record]]:
    """Return some runs, and the records of all by their id.

    Args:
        root: Folder of all runs.
        name: Beginning of their ids; "" takes all.
        choice: See `chosen`.

    Raises:
        UserError: If there is no run, or none of that name.
    """
    everyone = list(records(root)) if root.is_dir() else []
    if not everyone:
        raise UserError(f"{root}: no runs; train one first: python -m clear_bench.train")
    known = {record.run_id: record for _, record in everyone}
    begins = [each for each in everyone if each[1].run_id.startswith(name)]
    if not begins:
        folder = find_run(root, name)  # another kind of name, or the error that says so
        begins = [(folder, Record.load(folder))]
    kept = chosen([record for _, record in begins], choice)
    return [each for each, keep in zip(begins, kept, strict=True) if keep], known


def row_of(folder: Path, record: Record, known: Mapping[str, Record], root: Path) -> dict[str, Any]:
    """Return what is shown of a run: `COLUMNS` to words, and fractions or None."""
    metric = str(getattr(Protocol.model_validate(record.config["protocol"]), _rule(record)))
    selected = record.metrics.get("selected", {})
    return {
        "run": record.run_id,
        "status": "stale" if is_stale(record) else record.status,
        "metric": metric,
        "val": selected.get("val", {}).get(metric),
        "test": selected.get("test", {}).get(metric),
        "finished": record.finished_at[:16].replace("T", " "),
        "settings": in_words(record, known),
        "place": STUDIES if of_studies(folder, root) else "",
    }


def best_rows(found: Iterable[Found], known: Mapping[str, Record], root: Path) -> list[Any]:
    """Return the row of the best run of each profile, data set, task and protocol, by val alone.

    A run that has no number on val, since it trains on it or failed, is not among them; nor is a
    stale one.
    """
    best: dict[tuple[str, ...], dict[str, Any]] = {}
    for folder, record in found:
        row = row_of(folder, record, known, root)
        key = (record.profile, record.dataset, record.task, record.protocol)
        if row["status"] != "finished" or row["val"] is None:
            continue
        if key not in best or row["val"] > best[key]["val"]:
            best[key] = row
    return [best[key] for key in sorted(best)]


def lines_of(folder: Path, record: Record, known: Mapping[str, Record], root: Path) -> list[str]:
    """Return everything at a glance of one run."""
    children = sorted(r.run_id for r in known.values() if r.parent == record.run_id)
    studies = [s.study for s in all_results(root) if record.run_id in s.run_ids]
    facts = {
        "run": record.run_id,
        "folder": f"{folder} ({size_of(folder) / 1e6:.1f} MB)",
        "status": f"{record.status} {record.finished_at[:19]} {record.reason}".strip(),
        "settings": in_words(record, known),
        "protocol": record.protocol,
        "parent": record.parent or "none",
        "children": ", ".join(children) or "none",
        "studies": ", ".join(studies) or "none",
        "epochs": f"{len(record.history)}, selected {record.selected_epoch}",
        **{k: v for k, v in record.cost.items() if k in ("wall_seconds", "images_per_second")},
    }
    return [f"{name:18} {value}" for name, value in facts.items()]


def table_of(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows as a table for the terminal, fractions in per cent."""
    from rich.table import Table

    table = Table(*COLUMNS)
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in COLUMNS))
    return table


def _cell(value: Any) -> str:
    """Return a value in words."""
    from rich.markup import escape

    if value is None:
        return "--"
    return f"{100 * value:.2f}" if isinstance(value, float) else escape(str(value))


def _rule(record: Record) -> str:
    """Return the name of the protocol's rule that says which metric judges a run."""
    return f"select_{record.task}"
