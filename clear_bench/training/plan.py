"""From what is asked for to the runs that it takes, parents first."""

from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from clear_bench.config.compose import compose
from clear_bench.config.numbers import completed
from clear_bench.config.sections import Config
from clear_bench.data.dataset import Dataset
from clear_bench.data.load import find_root, load_dataset
from clear_bench.runs.files import find_run
from clear_bench.runs.record import Record
from clear_bench.runs.run import Run
from clear_bench.training.checks import (
    PACKAGED_STARTS,
    check_attributes,
    check_backbone,
    check_hub,
    check_start,
    check_text,
)
from clear_bench.utils.errors import UserError


def plan(
    method: str,
    dataset: str,
    profile: str,
    seed: int,
    overrides: Mapping[str, Any],
    *,
    root: Path,
    data_root: Path | None = None,
    under: str = "",
) -> list[Run]:
    """Return the runs of an experiment, parents first: one a task the method has, and its start.

    Args:
        method: File name of a method.
        dataset: File name of a data set.
        profile: ``smoke``, ``default`` or ``paper``.
        seed: Of everything random.
        overrides: See `compose`.
        root: Folder of all runs.
        data_root: Folder of the official release; None for an embedded data set.
        under: See `Run`.

    Raises:
        UserError: For any name, key or file that is wrong.
    """
    config = compose(method, dataset, profile, seed, overrides)
    data = config["data"]
    loaded = _read(dataset, _place(dataset, data_root), data["split"], data["label_set"])
    runs: list[Run] = []
    if "recognition" in config:
        start = _start(config, root, under)
        runs += [start] if start else []
        runs.append(Run(config, "recognition", loaded, root, start, under=under))
    if "retrieval" in config:
        parent = config["retrieval"]["parent"]
        if parent != method or not runs:
            shared = {
                f"{section}.{key}": value
                for section in ("data", "protocol")
                for key, value in config[section].items()
            }
            shared["threads"] = config["threads"]
            other = compose(parent, dataset, profile, seed, shared)
            if "recognition" not in other:
                raise UserError(
                    f"retrieval.parent={parent}: has no recognition run whose features to use"
                )
            runs.append(Run(other, "recognition", loaded, root, under=under))
        check_backbone(config, runs[-1].config)
        runs.append(Run(config, "retrieval", loaded, root, runs[-1], under=under))
    for run in runs:
        if run.dataset is loaded:  # a start's data are others
            check_attributes(run)
        check_text(run)
        if run.task == "recognition" and not run.finished:
            check_hub(run.config)
    return runs


def _start(config: Config, root: Path, under: str) -> Run | None:
    """Return the run whose weights a recognition run starts from, if it starts from one.

    It is the same network with the same settings and seed, trained on all of the other data set,
    which must be embedded or lie in ``data``.
    """
    recipe = config["recognition"]
    check_start(config)
    if recipe["init"] in ("", *PACKAGED_STARTS):
        return None
    shared = {"data.image_size": config["data"]["image_size"], "threads": config["threads"]}
    other = compose(config["method"], recipe["init"], config["profile"], config["seed"], shared)
    other["recognition"] = {**deepcopy(recipe), "init": ""}
    other["protocol"] = {**config["protocol"], "oracle": False}
    data = other["data"]
    place = _place(recipe["init"], None)
    loaded = _read(recipe["init"], place, data["split"], data["label_set"])
    return Run(other, "recognition", loaded, root, under=under)


def _place(dataset: str, data_root: Path | None) -> Path:
    """Return the full path of a data set, made first if it is an embedded one."""
    return find_root(dataset, data_root).resolve()


@lru_cache
def _read(dataset: str, root: Path, split: str, label_set: str) -> Dataset:
    """Return a data set, read once a process: all methods and seeds share it."""
    return load_dataset(dataset, root, split, label_set)


def reopen(folder: Path, root: Path, data_root: Path | None = None) -> Run:
    """Return the run whose record lies in a folder, even if other code made it.

    Args:
        folder: Run directory.
        root: Folder of all runs, where its parent is looked for.
        data_root: Folder of the official release; None for an embedded data set.

    Raises:
        UserError: If the data are not those that the run was made with.
    """
    record = Record.load(folder)
    data = record.config["data"]
    place = _place(record.dataset, data_root)
    dataset = _read(record.dataset, place, data["split"], data["label_set"])
    wanted = record.data.get("fingerprint")
    if dataset.fingerprint != wanted:
        raise UserError(
            f"{folder.name}: was made with other data (fingerprint {str(wanted)[:12]}, found "
            f"{dataset.fingerprint[:12]} in {dataset.root}); give the same files by --data-root"
        )
    parent = None
    if record.parent:
        folder_of_parent = find_run(root, record.parent)
        same = Record.load(folder_of_parent).dataset == record.dataset  # a start's data are others
        parent = reopen(folder_of_parent, root, data_root if same else None)
    return Run(completed(record.config), record.task, dataset, root, parent, home=folder)
