"""A run's trained models: selected on val, of the last epoch, and best on test.

The last of these is what selection on test would have reported.  Every epoch's weights are kept as
a file while a run trains (`SelectionHook`), measured on test after it, and deleted once the best is
named ``oracle.pth``.  Nothing else reads it: it exists to show how much the field's habit of
selecting on test is worth.  Under a protocol whose own rule that habit is (``select=oracle``) it is
the selected one as well, and all that shows it says so.
"""

from collections.abc import Callable
from pathlib import Path
from shutil import copyfile
from typing import Any

from mmengine.runner import set_random_seed

from clear_bench.engine.building import build, device, load
from clear_bench.engine.checkpoint_file import epoch_of, read_checkpoint
from clear_bench.runs.files import EPOCH, LAST, ORACLE, SELECTED
from clear_bench.runs.run import Run
from clear_bench.utils.hashing import file_sha256


def trained_models(run: Run, model: dict[str, Any]) -> dict[str, Any]:
    """Return the models: ``selected`` by the protocol, of the ``last`` epoch, and ``oracle``.

    That one, selected on test, is there only if the protocol asks for it.  A method that does not
    train has one model and no checkpoint.  Names whose files have the same bytes share a model: the
    selected epoch is often the last.

    Args:
        run: The run.
        model: Full configuration of its model.
    """
    if not run.trains:
        return {"selected": untrained(model, run.seed)}
    files = {"selected": SELECTED, "last": LAST} | (
        {"oracle": ORACLE} if run.rules.keeps_oracle else {}
    )
    by_content: dict[str, Any] = {}
    models = {}
    for name, file in files.items():
        content = file_sha256(run.folder / file)
        if content not in by_content:
            by_content[content] = load(model, run.folder / file)
        models[name] = by_content[content]
    return models


def selected_model(run: Run, model: dict[str, Any]) -> Any:
    """Return the trained model that the protocol selected."""
    return load(model, run.folder / SELECTED) if run.trains else untrained(model, run.seed)


def untrained(model: dict[str, Any], seed: int) -> Any:
    """Return the model of a method that does not train, ready to predict."""
    set_random_seed(seed)
    return build(model).to(device()).eval()


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
    return epoch_of(read_checkpoint(best), best)


def choose_oracle(
    run: Run, model: dict[str, Any], measured: Callable[[Any], dict[str, dict[str, float]]]
) -> dict[str, int]:
    """Select on test, if the protocol asks for that too; return what the record says of it.

    Args:
        run: A run of either task.
        model: Full configuration of its model.
        measured: Trained model to split to metrics.
    """
    if not run.rules.keeps_oracle or not run.trains:
        return {}
    metric = run.metric
    epoch = choose(run.folder, model, lambda m: measured(m)["test"][metric])
    if run.rules.select == "oracle":
        temporary = run.folder / f".{SELECTED}.tmp"
        copyfile(run.folder / ORACLE, temporary)
        temporary.replace(run.folder / SELECTED)
    return {"oracle_epoch": epoch}
