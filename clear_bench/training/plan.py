"""From what is asked for to the runs that it takes, parents first."""

import sys
from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from clear_bench.config.compose import compose
from clear_bench.config.numbers import completed
from clear_bench.config.sections import Config
from clear_bench.config.start_files import start_files
from clear_bench.data.dataset import Dataset
from clear_bench.data.load import find_root, load_dataset
from clear_bench.runs.naming import find_run
from clear_bench.runs.record import Record
from clear_bench.runs.run import Run
from clear_bench.training.checks import (
    PACKAGED_STARTS,
    check_attributes,
    check_backbone,
    check_hub,
    check_networks,
    check_pieces,
    check_start,
    check_text,
    check_unknown,
)
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import file_sha256


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
    loaded = _read(dataset, _place(dataset, data_root), _Choice.of(data))
    runs: list[Run] = []
    if "recognition" in config:
        pin(config["recognition"])
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
        check_unknown(run)
        check_pieces(run.config, run.task)
        if run.task == "recognition" and not run.finished:
            check_networks(run.config)
            check_hub(run.config)
    return runs


def _start(config: Config, root: Path, under: str) -> Run | None:
    """Return the run whose weights a recognition run starts from, if it starts from one.

    It is the same network with the same settings and seed, trained on all of the other data set,
    which must be embedded or lie in ``data``.
    """
    recipe = config["recognition"]
    check_start(config)
    if recipe["init"] in ("", *PACKAGED_STARTS) or recipe["init_sha256"]:
        return None
    shared = {f"data.{key}": config["data"][key] for key in ("image_size", "letterbox")}
    shared["threads"] = config["threads"]
    other = compose(config["method"], recipe["init"], config["profile"], config["seed"], shared)
    other["recognition"] = {**deepcopy(recipe), "init": ""}
    selects = {"oracle": "val"}.get(config["protocol"]["select"], config["protocol"]["select"])
    other["protocol"] = {**config["protocol"], "oracle": False, "select": selects}
    data = other["data"]
    place = _place(recipe["init"], None)
    loaded = _read(recipe["init"], place, _Choice.of(data))
    return Run(other, "recognition", loaded, root, under=under)


def pin(recipe: Config) -> None:
    """Write the sha256 of each file that a recognition recipe starts from beside it, in place.

    Where it stands there already, as in what a record says of a finished run, the file must be that
    one, or may be gone.

    Raises:
        UserError: If a file is missing or is another one.
    """
    for label, section, key, place in start_files(recipe):
        file, known = Path(place), section.get(key, "")
        if not file.is_file():
            if known:
                continue
            raise UserError(f"{label}: {place}: no such file of weights")
        status = file.stat()
        found = _sha256(file.resolve(), status.st_size, status.st_mtime_ns)
        if known not in ("", found):
            raise UserError(f"{label}: {place} has sha256 {found[:12]}, not {known[:12]}")
        section[key] = found


@lru_cache
def _sha256(file: Path, size: int, changed: int) -> str:
    """Return the sha256 of a file, computed once a process while its size and time stay."""
    return file_sha256(file)


def _place(dataset: str, data_root: Path | None) -> Path:
    """Return the full path of a data set, made first if it is an embedded one."""
    return find_root(dataset, data_root).resolve()


class _Choice(NamedTuple):
    """What of section ``data`` chooses the images."""

    split: str
    label_set: str
    partial: bool

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "_Choice":
        """Return the choice of a configuration; older ones know no ``partial``."""
        return cls(data["split"], data["label_set"], data.get("partial", False))


@lru_cache
def _read(dataset: str, root: Path, choice: _Choice) -> Dataset:
    """Return a data set, read once a process: all methods and seeds share it."""
    found = load_dataset(dataset, root, choice.split, choice.label_set, partial=choice.partial)
    if found.doubles:
        more = f"{len(found.doubles)} pictures are listed more than once, such as"
        print(f"{root}: {more} {found.doubles[0]}; see verify", file=sys.stderr)
    if found.partial:
        print(f"{root}: {len(found.manifest)} images, not the full release", file=sys.stderr)
    return found


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
    dataset = _read(record.dataset, place, _Choice.of(data))
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
