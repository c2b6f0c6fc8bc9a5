"""What a record says as MLflow shows it: parameters, numbers, times, data set, figures."""

import json
import re
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from clear_bench.config.dotted import flatten
from clear_bench.runs.attempts import MAKING
from clear_bench.runs.record import Record
from clear_bench.utils.secrets import masked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLIPPED = "clipped"
"""Tag that names the parameters of which the store could not take the whole value."""

FIRST = "epoch.loss"
"""Every epoch has it; it is sent last of an epoch's, so one that is there is whole."""

MARK = ".."


class Point(NamedTuple):
    """A number: its name, its value, when it came (milliseconds) and its epoch."""

    name: str
    value: float
    when: int
    step: int


def key_of(record: Record) -> str:
    """Return what tells one record from another, of the same run too."""
    return f"{record.run_id}@{record.finished_at}"


def making_of(record: Record) -> str:
    """Return which making of its run a record is of, see `Attempts`; "" if it does not say."""
    making = str(record.provenance.get(MAKING, ""))
    return making if re.fullmatch("[0-9a-f]{32}", making) else ""


def ended(record: Record) -> int:
    """Return when a record was made, in milliseconds."""
    text = record.finished_at
    return int(datetime.fromisoformat(text).timestamp() * 1000) if text else 0


def started(record: Record) -> int:
    """Return when the run began, in milliseconds: so long before its end as it took."""
    return max(0, ended(record) - round(1000 * record.cost.get("wall_seconds", 0.0)))


def tags_of(record: Record) -> dict[str, str]:
    """Return the tags of a run; those that begin with ``mlflow`` are columns of MLflow's page."""
    made = record.provenance
    tags = {
        "run": record.run_id,
        "protocol": record.protocol,
        "parent": record.parent,
        MAKING: making_of(record),
        "mlflow.source.name": str(made.get("command", "")),
        "mlflow.source.type": "LOCAL" if made else "",
        "mlflow.source.git.commit": str(made.get("git_commit", "")),
    }
    return {name: masked(text) for name, text in tags.items() if text}


def parameters_of(values: dict[str, Any], longest: int) -> tuple[dict[str, str], list[str]]:
    """Return values as texts, and the names of those that had to be cut.

    Args:
        values: Name to value, in any depth.
        longest: Letters that the store takes.
    """
    leaves = [(k, v) for k, v in flatten(values, sections=True) if not isinstance(v, dict) or not v]
    texts = {name: masked(str(value)) for name, value in leaves}
    cut = [name for name, text in texts.items() if len(text) > longest]
    return texts | {name: texts[name][: longest - len(MARK)] + MARK for name in cut}, cut


def epochs_of(record: Record, there: Collection[int] = (), now: int = 0) -> Iterator[list[Point]]:
    """Yield the numbers of each epoch.

    Args:
        record: It may be one of a run that is being made.
        there: Epochs to leave out.
        now: When they ended, in milliseconds; 0 shares the time that the record took among them.
    """
    rows = record.history
    so_far = list(accumulate(row.get("seconds", 0.0) for row in rows))
    begin, end = started(record), ended(record)
    for row, seconds in zip(rows, so_far, strict=True):
        epoch = int(row["epoch"])
        if epoch in there:
            continue
        when = now or round(begin + (end - begin) * (seconds / so_far[-1] if so_far[-1] else 1.0))
        names = sorted((n for n in row if n != "epoch"), key=lambda n: f"epoch.{n}" == FIRST)
        yield [Point(f"epoch.{name}", row[name], when, epoch) for name in names]


def results_of(record: Record) -> list[Point]:
    """Return the final metrics of a record and what it cost."""
    when = ended(record)
    metrics = [
        Point(f"{checkpoint}.{split}.{name}", value, when, 0)
        for checkpoint, splits in record.metrics.items()
        for split, values in splits.items()
        for name, value in values.items()
    ]
    return metrics + [
        Point(f"cost.{name}", float(value), when, 0)
        for name, value in record.cost.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]


def data_of(record: Record) -> dict[str, str] | None:
    """Return the data set as MLflow names what a run read; None if the record says nothing of it.

    The digest is the beginning of the fingerprint: of names, labels and pictures.
    """
    found = record.data
    if "fingerprint" not in found:
        return None
    counts = {k: v for k, v in found.items() if isinstance(v, int)}
    source = {"uri": record.dataset, "split": record.config["data"].get("split", "")}
    return {
        "name": record.dataset,
        "digest": re.sub("[^0-9a-zA-Z]", "", str(found["fingerprint"]))[:8],
        "source_type": "local",
        "source": json.dumps(source),
        "profile": json.dumps(counts),
    }


def figures_of(record: Record) -> "Iterator[tuple[str, Figure]]":
    """Yield the file name and the figure of what a record can be drawn of."""
    from matplotlib.figure import Figure

    metric = str(record.config["protocol"].get(f"select_{record.task}", ""))
    if len(record.history) > 1:
        figure = Figure(figsize=(7, 3.5), layout="constrained")
        for axis, name, scale in zip(
            figure.subplots(1, 2), ("loss", metric), (1.0, 100.0), strict=True
        ):
            rows = [row for row in record.history if name in row]
            axis.plot([r["epoch"] for r in rows], [scale * r[name] for r in rows], marker="o")
            axis.set(xlabel="epoch", title="loss" if name == "loss" else f"val {name}, %")
        yield "figures/curves.png", figure
    names, values = record.per_attribute.get("name"), record.per_attribute.get("mA")
    if names and values:
        figure = Figure(figsize=(6, 1 + 0.18 * len(names)), layout="constrained")
        axis = figure.subplots()
        axis.barh(names, [100 * (value or 0.0) for value in values])
        axis.invert_yaxis()
        axis.set(xlabel="mA on test, %", xlim=(0, 100), ylabel="attribute")
        yield "figures/attributes.png", figure
