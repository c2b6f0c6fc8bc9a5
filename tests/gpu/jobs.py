"""One network of CLEAR on pictures of noise: a step by the bare loop and by the project's own."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fits import fit_arrays
from methods import schema_of

from clear_bench.config.compose import compose
from clear_bench.engine.building import build
from clear_bench.engine.hooks import SelectionHook
from clear_bench.engine.optimizer import half_precision
from clear_bench.training.cost import peak_memory
from clear_bench.training.model_config import recognition_config
from clear_bench.utils.errors import UserError

ATTRIBUTES = 35  # of PETA
MODES: dict[str, dict[str, Any]] = {
    "fp32": {"precision": "fp32"},
    "tf32": {"precision": "fp32"},  # a setting of PyTorch's, see `matmul`
    "bf16": {"precision": "bf16"},
    "bf16, channels-last": {"precision": "bf16", "channels_last": True},
    "bf16, checkpointing": {"precision": "bf16", "checkpointing": True},
    "bf16, 8 pieces": {"precision": "bf16", "accumulate": 8},
    "bf16, checkpointing, 8 pieces": {
        "precision": "bf16",
        "checkpointing": True,
        "accumulate": 8,
    },
    "bf16, compile": {"precision": "bf16", "compile": True},
}


class Job:
    """A recognition run without a data set.

    Args:
        folder: For everything written.
        profile: Whose network of CLEAR; its weights are random.
        images: How many pictures an epoch has.
    """

    def __init__(self, folder: Path, profile: str, images: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.images, self.number = folder, images, 0
        config = compose("clear", "synthped", profile)
        height, width = config["data"]["image_size"]
        random = np.random.default_rng(0)
        arrays = {
            "images": random.integers(0, 256, (images, height, width, 3), dtype=np.uint8),
            "labels": (random.random((images, ATTRIBUTES)) < 0.4).astype(np.uint8),
            "train": np.arange(images),
            "val": np.arange(min(4, images)),
        }
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        names = "\n".join(f"image{k}" for k in range(images))
        (folder / "names.txt").write_text(names, encoding="utf-8")
        ratio = [0.4] * ATTRIBUTES
        self.model = recognition_config(config, schema_of(ATTRIBUTES), folder, ratio)
        self.model["pretrained"] = False
        self.train = {**config["recognition"]["train"], "epochs": 2, "warmup_epochs": 0}
        self.train |= {"schedule": "constant", "milestones": []}

    def fitted(self, batch: int, keep: bool = False, **switches: Any) -> list[dict[str, float]]:
        """Return the history of two epochs under the project's loop.

        Args:
            batch: Images a step.
            keep: Whether checkpoints are written, in the folder of the newest run; writing them is
                never part of an epoch's seconds.
            switches: Of the section ``train``.
        """
        self.number += 1
        run = self.folder / f"run{self.number}"
        run.mkdir()
        save = SelectionHook._save
        if not keep:
            SelectionHook._save = lambda *_, **__: None  # type: ignore[method-assign]
        try:
            train = {**self.train, "batch_size": batch, **switches}
            return fit_arrays(run, self.model, train, self.folder)
        finally:
            SelectionHook._save = save  # type: ignore[method-assign]

    def bare(self, batch: int, precision: str) -> float:
        """Return the seconds of the second of two epochs of the shortest loop that does the same.

        Same network, pictures, augmentation, optimiser and clipping.
        """
        torch.manual_seed(0)
        model = build(self.model).to(device()).train()
        parameters, half = list(model.parameters()), half_precision(precision)
        optimizer = torch.optim.Adam(parameters, lr=1e-5, fused=True)
        files = (self.folder / "images.npy", self.folder / "labels.npy")
        pixels, labels = (np.load(file, mmap_mode="r") for file in files)
        seconds = 0.0
        for _ in range(2):
            settle()
            started = time.perf_counter()
            order = np.random.default_rng(0).permutation(self.images)
            for start in range(0, self.images, batch):
                rows = order[start : start + batch]
                arrays = {"images": pixels[rows], "labels": labels[rows]}
                tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
                data = model.data_preprocessor(tensors, True)
                with torch.autocast(device(), torch.bfloat16, half):
                    loss = model.loss(data["images"], data["labels"].float())["loss"]
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, 10.0)
                optimizer.step()
            settle()
            seconds = time.perf_counter() - started
        return seconds


def speed(job: Job, mode: str, batch: int, bare: bool = True) -> dict[str, Any]:
    """Return images/s, peak memory, and the share of the bare loop's speed that is left.

    The second epoch counts: the first one compiles, and chooses kernels.  What does not fit into
    the memory of the card says so.
    """
    found: dict[str, Any] = {"mode": mode, "batch": batch}
    matmul(mode)
    forget()
    try:
        seconds = job.fitted(batch, **MODES[mode])[-1]["seconds"]
        found |= {"images/s": job.images / seconds, "peak bytes": peak()}
        if bare and set(MODES[mode]) == {"precision"}:
            forget()
            took = job.bare(batch, MODES[mode]["precision"])
            found |= {"share of the bare loop": took / seconds, "bare peak bytes": peak()}
    except torch.cuda.OutOfMemoryError:
        found["failed"] = "does not fit into memory"
    except (RuntimeError, UserError) as error:  # reported beside the numbers of the other modes
        found["failed"] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    finally:
        matmul("")
    return found


def device() -> str:
    """Return where models run."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def settle() -> None:
    """Wait until the card has done what it was told."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def forget() -> None:
    """Give memory back and measure its peak anew."""
    import gc

    from clear_bench.training.cost import forget_peak_memory

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    forget_peak_memory()


def peak() -> int:
    """Return the peak of the card's memory in bytes; of the process's where there is no card."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else peak_memory()


def matmul(mode: str) -> None:
    """Let matrix products of float32 be computed in TF32 for the mode of that name alone."""
    torch.backends.cuda.matmul.allow_tf32 = mode == "tf32"
    torch.backends.cudnn.allow_tf32 = mode == "tf32"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights of the last checkpoint of a run."""
    found = torch.load(folder / "last.pth", map_location="cpu", weights_only=True)
    return found["state_dict"]


def differing(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Return whether weights are equal to the bit, and if not, by how much they differ."""
    pairs = [(ours[name].double(), theirs[name].double()) for name in ours]
    most = max(float((a - b).abs().max()) for a, b in pairs)
    return {
        "bit-equal": all(torch.equal(ours[n], theirs[n]) for n in ours),
        "largest difference": most,
    }


def die_in(settings: str, step: int) -> None:
    """Train in this process and die by ``kill -9`` before the step of that number is counted."""
    import os
    import signal

    from clear_bench.engine.hooks import LossHook

    told = json.loads(settings)
    calls, count = 0, LossHook.after_train_iter

    def counted(self: Any, *rest: Any, **named: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == step:
            os.kill(os.getpid(), signal.SIGKILL)
        count(self, *rest, **named)

    LossHook.after_train_iter = counted  # type: ignore[method-assign]
    fit_arrays(Path(told["run"]), told["model"], told["train"], Path(told["data"]))
