"""A trained model from the folder of its run alone: no data set is needed."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.config import plugins
from clear_bench.config.compose import require_composed
from clear_bench.config.numbers import completed
from clear_bench.config.sections import Config
from clear_bench.data.images import Box, read_image
from clear_bench.data.schema import Schema
from clear_bench.runs.files import EXPORTED, MANIFEST, PARENT, RECORD, SCHEMA, SELECTED, WEIGHTS
from clear_bench.runs.naming import find_run
from clear_bench.runs.record import Record
from clear_bench.training.exported import read_manifest, require_described
from clear_bench.training.model_config import recognition_config, retrieval_config
from clear_bench.utils.errors import UserError


@dataclass(frozen=True)
class TrainedModel:
    """What a finished run learned.

    Args:
        folder: Run directory.
        record: Its record.
        parent: What the run under it learned; None for recognition.
        weights: Name of the file of its weights.
    """

    folder: Path
    record: Record
    parent: "TrainedModel | None" = None
    weights: str = SELECTED

    @cached_property
    def config(self) -> Config:
        """Resolved configuration of the run."""
        return completed(self.record.config)

    @cached_property
    def schema(self) -> Schema:
        """What its attributes mean.

        Raises:
            UserError: If the file is not there or damaged.
        """
        return Schema.load(self.folder / SCHEMA, "train the run again")

    @property
    def recogniser(self) -> "TrainedModel":
        """What recognises: itself, or of a retrieval run its parent."""
        return self.parent or self

    @property
    def trains(self) -> bool:
        """Whether the method learns anything; one that does not keeps no weights."""
        return self.config[self.record.task]["train"]["epochs"] > 0

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels that the network reads."""
        height, width = self.recogniser.config["data"]["image_size"]
        return height, width

    @property
    def letterbox(self) -> bool:
        """Whether images keep their shape, between black bars."""
        return bool(self.recogniser.config["data"]["letterbox"])

    def read(self, path: Path, box: Box | None = None) -> NDArray[np.uint8]:
        """Return an image, or a part of it, as the network reads it, see `read_image`."""
        return read_image(path, self.image_size, letterbox=self.letterbox, box=box)

    @cached_property
    def model_config(self) -> dict[str, Any]:
        """The full configuration of the network."""
        if self.record.task == "recognition":
            config = recognition_config(self.config, self.schema, self.folder)
            # Weights are in the file of what trains: timm's would be fetched for nothing.
            known = self.trains and "pretrained" in config
            return config | ({"pretrained": False} if known else {})
        recognition = self.parent.model_config if self.parent else None
        return retrieval_config(self.config, self.folder, recognition)

    @cached_property
    def model(self) -> Any:
        """The network with the weights that the protocol selected, ready to predict.

        Raises:
            UserError: If the weights are missing or do not fit.
        """
        from clear_bench.engine.building import load
        from clear_bench.training.checkpoints import untrained

        for each in (self.parent, self):
            if each:
                plugins.load("method", each.record.method)  # registers its models
        if not self.trains:
            return untrained(self.model_config, self.record.seed)
        return load(self.model_config, self.folder / self.weights)


def open_model(run: str | Path, root: Path, task: str = "") -> TrainedModel:
    """Return what a finished run learned.

    Args:
        run: Run directory or folder of an exported model, or what else names a run, see `find_run`.
        root: Folder of all runs; a parent is looked for beside the run first.
        task: Which of a method's runs is meant, see `find_run`.

    Raises:
        UserError: If the run or its parent is not there, or has not finished.
    """
    folder = find_run(root, str(run), task)
    if (folder / MANIFEST).is_file():
        return open_exported(folder)
    record = Record.load(folder)
    if record.status != "finished":
        raise UserError(f"{record.run_id}: has {record.status} ({record.reason}); train it again")
    if record.task == "recognition":  # where its training started matters no more
        return TrainedModel(folder, record)
    beside = folder.resolve().parent.parent.glob(f"*/{record.parent}/{RECORD}")
    place = next((file.parent for file in beside), None) or find_run(root, record.parent)
    return TrainedModel(folder, record, TrainedModel(place, Record.load(place)))


def open_exported(folder: Path) -> TrainedModel:
    """Return what a folder of ``clear-bench export --hub`` holds, after looking at all of it.

    It may come from anywhere: every file must be the one that its manifest names, its configuration
    one that `compose` gives, and nothing in it is executed.

    Raises:
        UserError: If it is not such a folder, or damaged.
    """
    manifest = read_manifest(folder)
    opened = _exported_run(folder)
    if opened.record.task == "retrieval":
        parent = _exported_run(folder / PARENT)
        if (parent.record.task, parent.record.run_id) != ("recognition", opened.record.parent):
            raise UserError(f"{folder / PARENT}: is not {opened.record.parent}; export it again")
        opened = replace(opened, parent=parent)
    require_described(manifest, opened, folder)
    return opened


def _exported_run(folder: Path) -> TrainedModel:
    """Return one run of an exported model."""
    file = folder / EXPORTED
    record = Record.load(file)
    if record.status != "finished":
        raise UserError(f"{file}: the run has not finished; export it again")
    require_composed(record.config, record.task, str(file))
    return TrainedModel(folder, record, weights=WEIGHTS)
