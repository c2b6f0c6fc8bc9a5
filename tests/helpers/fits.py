"""Training on arrays alone, without a data set: what `clear_bench.engine.fit` asks of a run."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from clear_bench.config.protocol import Protocol
from clear_bench.engine.fit import Feed, fit


def fit_arrays(
    folder: Path, model: dict[str, Any], train: dict[str, Any], data: Path
) -> list[dict[str, float]]:
    """Train a recognition model on arrays of images and labels and return its history.

    Args:
        folder: Run directory, which must be there.
        model: Full configuration of the model.
        train: The ``train`` section of a configuration.
        data: Folder with ``images.npy``, ``labels.npy``, ``train.npy``, ``val.npy``, ``names.txt``.
    """
    run: Any = SimpleNamespace(
        folder=folder,
        id=folder.name,
        seed=0,
        section={"train": train},
        metric="mA",
        rules=Protocol(),
        measured=("val", "test"),
    )
    rule = {
        "type": "RecognitionMetric",
        "labels": str(data / "labels.npy"),
        "threshold": 0.5,
        "undefined": "half",
    }
    feed = Feed(
        arrays={n: data / f"{n}.npy" for n in ("images", "labels")},
        rows={s: data / f"{s}.npy" for s in ("train", "val")},
        names=data / "names.txt",
        validation={"val_cfg": {}, "val_evaluator": rule},
    )
    return fit(run, model, feed)
