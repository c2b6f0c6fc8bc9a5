"""What a run cost and what its model weighs."""

import os
import resource
from pathlib import Path
from typing import Any

import torch

from clear_bench.engine.building import build


def cost_of(model: dict[str, Any], history: list[dict[str, float]], items: int) -> dict[str, Any]:
    """Return the cost of a run.

    Args:
        model: Configuration of the model.
        history: One dict an epoch, with ``seconds``.
        items: Training images an epoch.

    Returns:
        ``train_seconds`` (validation excluded), ``seconds_per_epoch`` and ``images_per_second``
        (medians), ``parameters``, ``trainable_parameters``, ``flops_per_image`` (multiply and add
        count as two), ``peak_memory_bytes`` since `forget_peak_memory`, ``gpu_peak_memory_bytes``,
        ``threads``, ``processes`` and ``device``.
    """
    built = build(model).eval()
    seconds = sorted(row["seconds"] for row in history)
    median = seconds[len(seconds) // 2] if seconds else 0.0
    cuda = torch.cuda.is_available()
    return {
        "train_seconds": sum(seconds),
        "seconds_per_epoch": median,
        "images_per_second": items / median if median else 0.0,
        "parameters": sum(p.numel() for p in built.parameters()),
        "trainable_parameters": sum(p.numel() for p in built.parameters() if p.requires_grad),
        "flops_per_image": flops_per_image(built.requires_grad_(True)),
        "peak_memory_bytes": peak_memory(),
        "gpu_peak_memory_bytes": torch.cuda.max_memory_allocated() if cuda else 0,
        "threads": torch.get_num_threads(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "device": torch.cuda.get_device_name() if cuda else "cpu",
    }


def flops_per_image(model: Any) -> int:
    """Return the floating-point operations of one forward pass on one image (or feature).

    Gradients stay on, and for all parameters: the counter's hooks fail on views of parameters where
    there are none, and attention whose bias needs no gradient takes a path that it does not count.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        if hasattr(model, "image_size"):
            model(torch.zeros(1, 3, *model.image_size), None, None)
        elif model.embeds:
            attributes = torch.zeros(1, model.vectors.shape[1])
            model.embed_images(torch.zeros(1, len(model.feature_mean)), attributes)
    return int(counter.get_total_flops())


def forget_peak_memory() -> None:
    """Start to measure peak memory anew: one process carries out many runs.

    Only Linux can forget; elsewhere the peak is that of the process so far.
    """
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    forget = Path("/proc/self/clear_refs")
    if forget.exists():
        forget.write_text("5", encoding="ascii")  # 5 resets VmHWM, see proc(5)


def peak_memory() -> int:
    """Return the peak resident memory of this process in bytes."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    lines = status.read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
