"""What other tools read of a report: DVC's metrics and plots, and the paper's list of inputs."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from clear_bench.config.method import TASKS
from clear_bench.report.figure_list import figures_of
from clear_bench.report.tables.model import Table
from clear_bench.report.tables.text import escape
from clear_bench.results.load import Results
from clear_bench.utils.csv_text import csv_text
from clear_bench.utils.files import write_bytes, write_text

METRICS = {"recognition": ("mA", "f1"), "retrieval": ("mAP", "rank1")}
CURVES = ("method", "dataset", "epoch", "seeds", "loss", "val")
DIGITS = 4
FIGURES = "figures"
PLOTS = "plots"
PLOTTED = ("training", "comparison")
"""Figures that DVC shows, as pictures: plots that it draws itself load scripts from a network."""


def write_metrics(results: Results, folder: Path) -> Path:
    """Write ``metrics.json``: method -> test metric, per cent, mean over seeds.

    Of each method's own recipe, in the protocol that most methods have, as the first table of a
    data set.  DVC names a column by the keys, so one data set gives ``clear.mA``; of several each
    has a level of its own: ``peta.clear.mA``.
    """
    found: dict[str, dict[str, dict[str, float]]] = {name: {} for name in results.datasets}
    for dataset in results.datasets:
        for task in TASKS:
            for group in (results.by_protocol(dataset, task) or [[]])[0]:
                values = {m: group.estimate(m) for m in METRICS[task]}
                known = {m: round(100 * e.mean, DIGITS) for m, e in values.items() if e}
                if known and group.label == group.method:
                    found[dataset].setdefault(group.method, {}).update(known)
    shown = found if len(found) > 1 else next(iter(found.values()), {})
    return write_text(folder / "metrics.json", json.dumps(shown, indent=1, sort_keys=True) + "\n")


def write_curves(results: Results, folder: Path) -> list[Path]:
    """Write ``curves-TASK.csv``: loss and val metric of each method and epoch, means over seeds."""
    written = []
    for task in TASKS:
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(CURVES)
        for dataset in results.datasets:
            for group in (results.by_protocol(dataset, task) or [[]])[0]:
                for row in _epochs([r.record.history for r in group.runs], METRICS[task][0]):
                    writer.writerow([csv_text(group.label), dataset, *row])
        written.append(write_text(folder / f"curves-{task}.csv", stream.getvalue()))
    return written


def write_plots(pictures: Path, files: Iterable[str], folder: Path) -> list[Path]:
    """Write ``plots/``, what ``dvc plots show`` shows: pictures of the report, as they are.

    Args:
        pictures: Folder of the report's figures.
        files: Names of those that have just been drawn.
        folder: Of DVC's files.
    """
    shown = [n for n in files if n.endswith(".png") and n.partition("-")[0] in PLOTTED]
    for old in (folder / PLOTS).glob("*.png"):
        if old.name not in shown:
            old.unlink()
    return [write_bytes(folder / PLOTS / n, (pictures / n).read_bytes()) for n in shown]


def _epochs(
    histories: Sequence[Sequence[dict[str, float]]], metric: str
) -> list[tuple[int, int, str, str]]:
    """Return epoch, number of seeds, mean loss and mean val metric of each epoch."""
    by_epoch: dict[int, list[dict[str, float]]] = {}
    for history in histories:
        for row in history:
            by_epoch.setdefault(int(row["epoch"]), []).append(row)
    return [
        (epoch, len(rows), _mean(rows, "loss", 1.0), _mean(rows, metric, 100.0))
        for epoch, rows in sorted(by_epoch.items())
    ]


def _mean(rows: Sequence[dict[str, float]], name: str, scale: float) -> str:
    """Return the mean of what rows have of a name, or "" if none has it."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return f"{scale * sum(values) / len(values):.6g}" if values else ""


def write_inputs(tables: Sequence[Table], folder: Path) -> Path:
    r"""Write ``inputs.tex``, which inputs every table and figure by way of ``\results``.

    A picture's caption comes from ``figures/figures.json`` where that lists it.
    """
    lines = ["% made by clear_bench.report; \\results is the folder of this file"]
    for dataset in dict.fromkeys(t.dataset for t in sorted(tables, key=lambda t: t.dataset)):
        lines += [rf"\section{{{escape(dataset)}}}"]
        lines += [rf"\input{{\results/{t.stem}.tex}}" for t in tables if t.dataset == dataset]
        lines += [r"\FloatBarrier"]
    pictures = sorted((folder / FIGURES).glob("*.pdf"))
    if pictures:
        lines += [r"\section{Figures}"]
    captions = {f.stem: f.caption for f in figures_of(folder / FIGURES) if f.caption}
    for picture in pictures:
        caption = escape(captions.get(picture.stem, picture.stem))
        lines += [
            r"\begin{figure}[tp]\centering",
            rf"\includegraphics[max width=\linewidth,max height=0.8\textheight]"
            rf"{{\results/{FIGURES}/{picture.name}}}",
            rf"\caption{{{caption}}}\label{{fig:{picture.stem}}}",
            r"\end{figure}",
        ]
    return write_text(folder / "inputs.tex", "\n".join(lines) + "\n")
