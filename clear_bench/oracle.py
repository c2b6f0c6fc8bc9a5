"""The checkpoint that is best on test: what selection on test would have reported.

Every epoch's weights are kept as a file while a run trains (`SelectionHook`), measured on test
after it, and deleted once the best is named ``oracle.pth``.  Nothing else reads it: it exists to
show how much the field's habit of selecting on test is worth.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from clear_bench.engine import load
from clear_bench.hooks import EPOCH
from clear_bench.runs import Run

ORACLE = "oracle.pth"


def choose(folder: Path, model: dict[str, Any], measure: Callable[[Any], float]) -> int:
    """Leave the best epoch's weights as ``oracle.pth`` in a run directory; return that epoch.

    May die anywhere and be called again: the files are deleted only after the best has its name.

    Args:
        folder: Run directory.
        model: Configuration of the model.
        measure: Trained model to its metric on test; the first epoch with the highest value wins.
    """
    kept = sorted(folder.glob(EPOCH.replace("{:04d}", "*")))
    best = folder / ORACLE
    if not best.is_file():
        values = [measure(load(model, file)) for file in kept]
        kept.pop(values.index(max(values))).replace(best)
    for file in kept:
        file.unlink()
    return int(torch.load(best, map_location="cpu", weights_only=True)["meta"]["epoch"])


def choose_oracle(
    run: Run, model: dict[str, Any], measured: Callable[[Any], dict[str, dict[str, float]]]
) -> dict[str, int]:
    """Select on test, if the protocol asks for that too; return what the record says of it.

    Args:
        run: A run of either task.
        model: Full configuration of its model.
        measured: Trained model to split to metrics.
    """
    if not run.rules.oracle or not run.section["train"]["epochs"]:
        return {}
    metric = run.config["protocol"][f"select_{run.task}"]
    return {"oracle_epoch": choose(run.folder, model, lambda m: measured(m)["test"][metric])}
