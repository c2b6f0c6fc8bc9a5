"""A run is the only noun that costs money: (method, task, data set, profile, overrides, seed)."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from clear_bench import plugins
from clear_bench.config import Config, compose, digest, for_task
from clear_bench.data.dataset import Dataset
from clear_bench.data.sources import find_root, load_dataset
from clear_bench.errors import UserError, unknown
from clear_bench.method import ENGINES
from clear_bench.protocol import Protocol, signature
from clear_bench.provenance import code_hash
from clear_bench.record import FILE, STUDIES, Record, changes, find_run
from clear_bench.switches import PACKAGED_STARTS, check_backbone, check_hub, check_start


@dataclass(frozen=True)
class Run:
    """One training of one method for one task; the same arguments always give the same id.

    Args:
        config: Resolved configuration, see `compose`.
        task: ``recognition`` or ``retrieval``.
        dataset: The data, read.
        root: Folder of all runs.
        parent: The recognition run whose features a retrieval run uses, or whose weights another
            recognition run starts from.
        home: Run directory, where it is not the one that the id gives (a run made by older code).
        under: Folder below ``root`` for a new run: "" or `STUDIES`.  One that is finished is found
            in either.
    """

    config: Config
    task: str
    dataset: Dataset
    root: Path
    parent: "Run | None" = None
    home: Path | None = None
    under: str = ""

    @cached_property
    def section(self) -> dict[str, Any]:
        """The configuration of this task alone."""
        return self.config[self.task]

    @cached_property
    def code(self) -> str:
        """Hash of the code that computes this run."""
        module = plugins.available("method")[self.config["method"]]
        return code_hash(module, ENGINES[self.task])

    @cached_property
    def id(self) -> str:
        """Readable name and eight hex digits of everything that determines the numbers."""
        c = self.config
        key = {
            "config": for_task(c, self.task),
            "code": self.code,
            "data": self.dataset.fingerprint,
            "parent": self.parent.id if self.parent else "",
        }
        words = [c["method"], self.task, c["dataset"], c["profile"], f"s{c['seed']}"]
        return "-".join([*words, digest(key)[:8]])

    @cached_property
    def folder(self) -> Path:
        """Run directory."""
        c = self.config
        if self.home is not None:
            return self.home
        place = Path(c["profile"]) / c["dataset"] / c["method"] / self.id
        homes = [self.root / place, self.root / STUDIES / place]
        found = next((home for home in homes if (home / FILE).is_file()), None)
        return found or self.root / self.under / place

    @property
    def finished(self) -> bool:
        """Whether it has a record that says so."""
        file = self.folder / FILE
        return file.is_file() and Record.load(file).status == "finished"

    @property
    def line(self) -> "list[Run]":
        """Its ancestors, the first one first, and itself."""
        return [*(self.parent.line if self.parent else []), self]

    @cached_property
    def rules(self) -> Protocol:
        """The rules of its protocol; what an older record does not say is the default."""
        return Protocol.model_validate(self.config["protocol"])

    @cached_property
    def protocol(self) -> str:
        """One line that says how the numbers are made; only equal lines may be compared."""
        return signature(
            self.rules,
            self.task,
            dataset=self.config["dataset"],
            attributes=len(self.dataset.schema),
            data=self.config["data"],
            resampling=_resampling(),
        )

    @property
    def overrides(self) -> dict[str, Any]:
        """What differs from the method's own recipe: dotted keys to values."""
        c = self.config
        recipe = compose(c["method"], c["dataset"], c["profile"], c["seed"])
        return changes(for_task(c, self.task), for_task(recipe, self.task))

    def record(self, **found: Any) -> Record:
        """Return a record of this run with what was found."""
        c = self.config
        return Record(
            run_id=self.id,
            method=c["method"],
            task=self.task,
            dataset=c["dataset"],
            profile=c["profile"],
            seed=c["seed"],
            parent=self.parent.id if self.parent else "",
            protocol=self.protocol,
            config=for_task(c, self.task),
            overrides=self.overrides,
            code_hash=self.code,
            **found,
        )


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
        _check_text(run)
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


def _check_text(run: Run) -> None:
    """Raise a `UserError` for a text that cannot be made, before anything is trained."""
    from clear_bench.text.descriptions import PHRASINGS, TEMPLATES
    from clear_bench.text.encoders import require

    settings = run.section.get("text")
    if settings is None:
        return
    if settings["encoder"] == "none":
        _check_no_text(run)
        return
    recognition = run.task == "recognition"
    kind, known = ("phrase template", PHRASINGS) if recognition else ("template", TEMPLATES)
    if settings["template"] not in known:
        raise unknown(kind, settings["template"], known)
    if not run.finished:  # what has finished needs no encoder any more
        require(settings["encoder"])


def _check_no_text(run: Run) -> None:
    """Raise a `UserError` if a run without an encoder has nothing left to read."""
    method = run.config["method"]
    if run.task == "recognition":
        raise UserError(f"recognition.text.encoder=none: {method} reads its attributes' English")
    if run.section["model"].get("embedding") not in ("both", "hard"):
        raise UserError(f"{method}: reads text alone; text.encoder=none leaves it nothing")


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
    return Run(record.config, record.task, dataset, root, parent, home=folder)


def _resampling() -> str:
    """Return the name of the rule by which images are resized."""
    from clear_bench.data.images import RESAMPLING

    return RESAMPLING
