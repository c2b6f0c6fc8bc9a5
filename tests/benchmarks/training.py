"""One small training job: a method's model on noise images, by a bare loop and by the project."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fits import fit_arrays

from clear_bench.config import plugins
from clear_bench.config.compose import compose
from clear_bench.data.schema import Attribute, Schema
from clear_bench.engine.building import build
from clear_bench.training.model_config import recognition_config
from clear_bench.utils import progress

progress.be_quiet()


class Job:
    """A method, images and labels in files, as a run has them.

    Args:
        folder: For everything written.
        method: File name of a method without text.
        images: How many.
        attributes: How many.
        size: Height and width.
        changes: Of the configuration.
    """

    def __init__(
        self,
        folder: Path,
        method: str = "clear",
        images: int = 1024,
        attributes: int = 35,
        size: tuple[int, int] = (64, 32),
        **changes: Any,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(0)
        pixels = random.integers(0, 256, (images, *size, 3), dtype=np.uint8)
        labels = (random.random((images, attributes)) < 0.4).astype(np.uint8)
        arrays = {"images": pixels, "labels": labels, "train": np.arange(images)}
        for name, array in (arrays | {"val": np.arange(64)}).items():
            np.save(folder / f"{name}.npy", array)
        names = "\n".join(f"image{k}" for k in range(images))
        (folder / "names.txt").write_text(names, encoding="utf-8")
        plugins.load("method", method)
        config = compose(method, "synthped", overrides={"data.image_size": list(size), **changes})
        schema = Schema(tuple(Attribute(f"a{k}", "wearing", "x", "y") for k in range(attributes)))
        self.model = recognition_config(config, schema, folder, [0.4] * attributes)
        self.train = {**config["recognition"]["train"], "epochs": 2, "warmup_epochs": 1}
        self.folder, self.images, self.number = folder, images, 0

    def fitted(self, **switches: Any) -> float:
        """Return the seconds of the faster of two epochs under the project's loop."""
        self.number += 1
        run = self.folder / f"run{self.number}"
        run.mkdir()
        history = fit_arrays(run, self.model, {**self.train, **switches}, self.folder)
        return min(row["seconds"] for row in history)

    def bare(self) -> float:
        """Return the seconds of the faster of two epochs of the shortest loop that does the same.

        Same model, tensors, augmentation, optimiser and clipping; no validation in either time.
        """
        torch.manual_seed(0)
        model = build(self.model).train()
        parameters = list(model.parameters())
        optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)
        pixels = np.load(self.folder / "images.npy", mmap_mode="r")
        labels = np.load(self.folder / "labels.npy", mmap_mode="r")
        took = []
        for _ in range(2):
            started = time.perf_counter()
            order = np.random.permutation(self.images)  # noqa: NPY002
            for start in range(0, self.images, self.train["batch_size"]):
                rows = order[start : start + self.train["batch_size"]]
                batch = {"images": torch.from_numpy(pixels[rows]),
                         "labels": torch.from_numpy(labels[rows])}  # fmt: skip
                batch = model.data_preprocessor(batch, True)
                losses = model.loss(batch["images"], batch["labels"].float())
                loss = sum(value for name, value in losses.items() if "loss" in name)
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, self.train["clip_norm"])
                optimizer.step()
            took.append(time.perf_counter() - started)
        return min(took)
