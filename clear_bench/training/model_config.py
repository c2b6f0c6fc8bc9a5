"""The full configuration of a model: its recipe, and what the data and the run's folder add."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.config.sections import Config
from clear_bench.config.start_files import C2T, networks
from clear_bench.data.schema import Schema
from clear_bench.runs.files import PHRASES, TABLE
from clear_bench.runs.run import Run

Arrays = dict[str, NDArray[Any]]
VIEW = "view"  # the group of attributes that say from where a person is seen


def recognition_config(
    config: Config, schema: Schema, folder: Path, positive_ratio: Sequence[float] | None = None
) -> dict[str, Any]:
    """Return the full configuration of a recognition model.

    Args:
        config: Resolved configuration of the run.
        schema: What the attributes mean; gives ``groups`` or ``views`` to a model that asks for
            them.
        folder: Run directory, where the phrases of a method that reads text lie.
        positive_ratio: Share of positives of each attribute in the training images; None for a
            model that gets a checkpoint's weights, which hold them.
    """
    recipe = config["recognition"]
    ratio = [0.5] * len(schema) if positive_ratio is None else list(positive_ratio)
    model = {
        **recipe["model"],
        "attributes": len(schema),
        "image_size": config["data"]["image_size"],
        "positive_ratio": ratio,
        "augment": recipe["augment"],
        **_networks(recipe["model"]),
    }
    if recipe.get("init", "").startswith(C2T):  # it has every weight
        model["pretrained"] = False
    if model.get("groups") == []:
        places = {column: g for g, members in enumerate(schema.groups) for column in members}
        model["groups"] = [places[column] for column in range(len(schema))]
    if model.get("views") == []:
        model["views"] = [k for k, a in enumerate(schema.attributes) if a.group == VIEW]
    if "text" in recipe:
        model["phrases"] = str(folder / PHRASES)
    return model


def _networks(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the networks' settings without the files that give weights; those are for a start."""
    bare = {}
    for key, network in networks(model).items():
        bare[key] = {k: v for k, v in network.items() if not k.startswith("weights")}
        if network.get("weights"):
            bare[key]["published"] = False
    return bare


def retrieval_config(
    config: Config, folder: Path, recognition: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the full configuration of a retrieval model; its table lies in a run's folder.

    Args:
        config: Resolved configuration of the run.
        folder: Where the table lies.
        recognition: The same of the model that makes the features; read where it learns too
            (``retrieval.backbone``).
    """
    recipe = config["retrieval"]
    head = {**recipe["model"], "table": str(folder / TABLE)}
    if recipe.get("text", {}).get("encoder") == "none":
        head["embedding"] = "hard"
    if recipe["backbone"] == "frozen":
        return head
    return {
        "type": "FinetunedRetrieval",
        "recognition": recognition,
        "head": head,
        "backbone": recipe["backbone"],
    }


def config_for_weights(run: Run) -> dict[str, Any]:
    """Return the full configuration of a recognition run's model, to be given its weights."""
    return recognition_config(run.config, run.dataset.schema, run.folder)


def training_table(run: Run, queries: Mapping[str, NDArray[Any]], mean: NDArray[Any]) -> Arrays:
    """Return what a retrieval model reads of the training split, see `RetrievalModel`.

    Args:
        run: The run.
        queries: Of the training images, see `Cache.queries`.
        mean: ``(D,)`` mean feature of the training images.
    """
    table = {k: queries[k] for k in ("vectors", "one_hot", "text")}
    groups = np.zeros(len(run.dataset.schema), np.int64)
    for number, columns in enumerate(run.dataset.schema.groups):
        groups[columns] = number
    counts = np.bincount(queries["category"], minlength=len(table["vectors"]))
    return {**table, "counts": counts, "groups": groups, "feature_mean": mean}
