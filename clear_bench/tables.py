"""Records to tables: mean and standard deviation over seeds, as Markdown, CSV and LaTeX."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from clear_bench.record import CHECKPOINTS, COSTS, write_text

COLUMNS = {
    "recognition": ("mA", "accuracy", "precision", "recall", "f1", "f1_instance"),
    "retrieval": ("mAP", "rank1", "rank5", "rank10", "mINP"),
}
HEADS = {
    "mA": "mA", "accuracy": "Acc", "precision": "Prec", "recall": "Rec", "f1": "F1",
    "f1_instance": "F1 (instance)", "rank1": "R@1", "rank5": "R@5", "rank10": "R@10",
    "mAP": "mAP", "mINP": "mINP",
}  # fmt: skip
COST_HEADS = {  # head, unit, digits
    "parameters": ("params (M)", 1e-6, 2),
    "flops_per_image": ("MFLOPs", 1e-6, 0),
    "images_per_second": ("images/s", 1.0, 0),
    "train_seconds": ("train (s)", 1.0, 1),
}
COST_NOTES = {
    "recognition": "",
    "retrieval": "Costs are of what learns on the parent's frozen features; the parent's own cost "
    "is in the recognition table. ",
}
KEYS = ["protocol", "method", "checkpoint"]


def summarise(frame: pd.DataFrame, task: str) -> pd.DataFrame:
    """Return one row a (protocol, method, checkpoint): mean, std (ddof=1) and n of each metric.

    Args:
        frame: From `clear_bench.record.frame`.
        task: ``recognition`` or ``retrieval``.

    Returns:
        Columns (metric, "mean" | "std"), in per cent, ("n", "") and (cost, "") for each cost, mean
        over seeds; std of one seed is NaN.  The best method on the first metric comes first.
    """
    chosen = frame[(frame["task"] == task) & (frame["split"] == "test")]
    chosen = _named(chosen[chosen["metric"].isin(COLUMNS[task])])
    found = {}
    for statistic in ("mean", "std", "count"):
        found[statistic] = chosen.pivot_table("value", KEYS, "metric", aggfunc=statistic)
    columns = {
        (metric, statistic): 100 * found[statistic].get(metric, np.nan)
        for metric in COLUMNS[task]
        for statistic in ("mean", "std")
    }
    columns[("n", "")] = found["count"].max(axis=1).astype(int)
    costs = chosen.groupby(KEYS)[list(COSTS)].mean()
    columns |= {(name, ""): costs[name] for name in COSTS}
    table = pd.DataFrame(columns, index=found["mean"].index)
    table.columns = pd.MultiIndex.from_tuples(list(columns))
    return _ranked(table, (COLUMNS[task][0], "mean"))


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the methods of unlike settings told apart by what differs.

    Two settings of one method are two rows of a table; only seeds are averaged.
    """
    named = rows.copy()
    for (_, method), group in rows.groupby(["protocol", "method"]):
        kinds = {text: json.loads(text) for text in group["settings"].unique()}
        if len(kinds) == 1:
            continue
        keys = sorted({k for kind in kinds.values() for k in kind})
        odd = [k for k in keys if len({json.dumps(v.get(k)) for v in kinds.values()}) > 1]
        for text, kind in kinds.items():
            label = ", ".join(f"{key}={kind.get(key)}" for key in odd)
            own = group.index[group["settings"] == text]
            named.loc[own, "method"] = f"{method} ({label})"
    return named


def _ranked(table: pd.DataFrame, by: tuple[str, str]) -> pd.DataFrame:
    """Return the rows by falling value of each method's selected checkpoint, that one first."""
    selected = table.index.get_level_values("checkpoint") == "selected"
    best = table[by].where(selected).groupby(["protocol", "method"]).transform("max")
    order = pd.DataFrame({"best": -best, "last": ~selected, "row": range(len(table))})
    return table.iloc[order.sort_values(["best", "last", "row"])["row"].to_numpy()]


def cells(table: pd.DataFrame, task: str, plus_minus: str) -> pd.DataFrame:
    """Return the table as text: "mean ± std", or the mean alone where there is one seed.

    Args:
        table: From `summarise`, rows of one protocol.
        task: ``recognition`` or ``retrieval``.
        plus_minus: How ± is written.
    """

    def text(mean: float, std: float) -> str:
        return f"{mean:.2f}" if pd.isna(std) else f"{mean:.2f}{plus_minus}{std:.2f}"

    pairs = {
        HEADS[m]: [text(a, b) for a, b in zip(table[(m, "mean")], table[(m, "std")], strict=True)]
        for m in COLUMNS[task]
    }
    costs = {
        head: [f"{unit * value:.{digits}f}" for value in table[(name, "")]]
        for name, (head, unit, digits) in COST_HEADS.items()
    }
    seeds = {"seeds": table[("n", "")].to_numpy()}
    found = pd.DataFrame({**pairs, **seeds, **costs}, index=table.index)
    return found.rename(index=CHECKPOINTS, level="checkpoint")


def caption(dataset: str, task: str, protocol: str) -> str:
    """Return the caption: what, under which protocol, and what ± means."""
    return (
        f"Attribute {task} on {dataset}, test split, per cent; mean and standard deviation "
        f"(n - 1) over seeds. Checkpoint selected on val, and last epoch. {COST_NOTES[task]}"
        f"Protocol: {protocol}"
    )


def write(table: pd.DataFrame, task: str, dataset: str, folder: Path) -> list[Path]:
    """Write one table a protocol in three forms and return the files.

    Numbers of different protocols never share a table.
    """
    written = []
    for number, (protocol, rows) in enumerate(table.groupby(level="protocol", sort=True)):
        stem = f"{dataset}-{task}" + (f"-{number + 1}" if number else "")
        head = caption(dataset, task, str(protocol))
        rows = rows.droplevel("protocol")
        flat = rows.copy()
        flat.columns = pd.Index(["_".join(filter(None, c)) for c in rows.columns])
        written += [
            write_text(folder / f"{stem}.csv", flat.to_csv(float_format="%.6f")),
            write_text(folder / f"{stem}.md", _markdown(cells(rows, task, " ± "), head)),
            write_text(folder / f"{stem}.tex", _latex(cells(rows, task, r" $\pm$ "), head, stem)),
        ]
    return written


def _markdown(table: pd.DataFrame, head: str) -> str:
    """Return a Markdown table under its caption."""
    plain = table.reset_index()
    lines = [list(plain.columns), ["---"] * plain.shape[1], *plain.astype(str).to_numpy().tolist()]
    return f"{head}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _latex(table: pd.DataFrame, head: str, label: str) -> str:
    """Return a booktabs table; pandas' Styler writes it."""
    plain = table.reset_index()
    for column in ("method", "checkpoint"):
        plain[column] = plain[column].map(escape)
    styler = plain.style.hide(axis="index")
    return styler.to_latex(
        hrules=True,
        caption=escape(head),
        label=f"tab:{label}",
        position="t",
        position_float="centering",
        environment="table*",
        column_format="ll" + "r" * (plain.shape[1] - 2),
    ).replace("%", r"\%")


def escape(text: str) -> str:
    """Return text with LaTeX's special characters escaped ("%" is left to the end)."""
    for raw, safe in (("\\", r"\textbackslash "), ("_", r"\_"), ("&", r"\&"), ("#", r"\#"),
                      ("|", r"\textbar{}"), (">", r"\textgreater{}")):  # fmt: skip
        text = text.replace(raw, safe)
    return text


def show(table: pd.DataFrame, task: str, dataset: str) -> Sequence[str]:
    """Return the lines of the tables for a terminal."""
    lines: list[str] = []
    for protocol, rows in table.groupby(level="protocol", sort=True):
        lines += [
            caption(dataset, task, str(protocol)),
            cells(rows.droplevel("protocol"), task, " ± ").reset_index().to_string(index=False),
            "",
        ]
    return lines
