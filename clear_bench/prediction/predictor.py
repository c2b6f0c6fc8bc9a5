"""A trained run that recognises: from crops to probabilities, batch after batch."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.engine.inference import BATCH, encode
from clear_bench.prediction.batches import Batch, batches, reader
from clear_bench.prediction.sources import Bad, Crop
from clear_bench.training.trained_model import TrainedModel, open_model
from clear_bench.utils.errors import UserError

Floats = NDArray[np.float32]


def open_recogniser(run: str | Path, runs_root: Path) -> TrainedModel:
    """Return what recognises in a run: itself, or of a retrieval run its parent.

    Raises:
        UserError: If the run is not there, or keeps no model.
    """
    return recogniser_of(open_model(run, runs_root, "recognition"))


def recogniser_of(opened: TrainedModel) -> TrainedModel:
    """Return what recognises in an opened run, see `open_recogniser`."""
    found = opened.recogniser
    if not found.trains:
        record = found.record
        raise UserError(f"{record.run_id}: {record.method} learns nothing and keeps no model")
    return found


def predict(
    opened: TrainedModel, crops: Iterable[Crop | Bad], size: int = BATCH
) -> Iterator[tuple[Batch, Floats]]:
    """Yield batches of crops with their probabilities ``(N, A)``, see `encoded`."""
    for batch, _, probabilities in encoded(opened, crops, size):
        yield batch, probabilities


def encoded(
    opened: TrainedModel, crops: Iterable[Crop | Bad], size: int = BATCH
) -> Iterator[tuple[Batch, Floats, Floats]]:
    """Yield batches of crops with their features ``(N, D)`` and probabilities ``(N, A)``.

    Args:
        opened: From `open_recogniser`.
        crops: What is asked for.
        size: Crops a batch.
    """
    model = opened.model
    read = reader(opened.image_size, letterbox=opened.letterbox, read=opened.read)
    for batch in batches(crops, read, size):
        if not batch.crops:
            none = np.zeros((0, model.feature_dim), np.float32)
            yield batch, none, np.zeros((0, len(opened.schema)), np.float32)
            continue
        pixels = np.stack(batch.pixels)
        yield batch, *encode(model, pixels, np.arange(len(pixels)))


def rows_of(
    crop: Crop, probabilities: Floats, names: list[str], threshold: NDArray[np.floating[Any]]
) -> Iterator[dict[str, Any]]:
    """Yield one row an attribute of a crop, by falling probability.

    Args:
        crop: Which one.
        probabilities: ``(A,)``.
        names: Of the attributes.
        threshold: ``(A,)``; an attribute is present where its probability is greater.
    """
    for column in np.argsort(-probabilities, kind="stable"):
        yield {
            **place_of(crop),
            "attribute": names[column],
            "probability": round(float(probabilities[column]), 4),
            "present": bool(probabilities[column] > threshold[column]),
        }


def place_of(crop: Crop) -> dict[str, Any]:
    """Return which crop it is: its file, and its frame, time and box where it has one."""
    place: dict[str, Any] = {"image": crop.name}
    if crop.frame is not None:
        place |= {"frame": crop.frame, "time": round(crop.seconds or 0.0, 3)}
    if crop.box is not None:
        place |= dict(zip(("x", "y", "width", "height"), crop.box, strict=True))
    return place


def predictions(images: list[Path], run: str | Path, runs_root: Path) -> list[dict[str, Any]]:
    """Return one row an (image, attribute), in order of image and falling probability.

    Raises:
        UserError: If the run or an image cannot be read.
    """
    opened = open_recogniser(run, runs_root)
    threshold = threshold_of(opened)
    rows: list[dict[str, Any]] = []
    for batch, probabilities in predict(opened, [Crop(str(path), path) for path in images]):
        if batch.bad:
            raise UserError(batch.bad[0].cause)
        for crop, each in zip(batch.crops, probabilities, strict=True):
            rows += rows_of(crop, each, opened.schema.names, threshold)
    return rows


def threshold_of(opened: TrainedModel) -> NDArray[np.floating[Any]]:
    """Return the threshold of each attribute ``(A,)``."""
    return np.broadcast_to(opened.record.threshold, len(opened.schema))
