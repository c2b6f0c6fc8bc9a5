"""The training loop, a step and its switches, against bare PyTorch and against each other."""

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from training import Job

from clear_bench.engine.building import build
from clear_bench.engine.inference import encode


@pytest.mark.parametrize("method", ["clear", "vit"])
def test_loop(versus, tmp_path, method):
    job = Job(tmp_path, method)
    versus(f"training loop around {method}, 1024 images", {
        "clear_bench": job.fitted, "bare PyTorch loop": job.bare,
    }, {"bare PyTorch loop": ("at most", 1.05)}, rounds=3)  # fmt: skip


def test_both_branches_cost_what_each_costs(versus, tmp_path):
    """A method that did nothing beside its branches would take the sum of theirs."""
    jobs = {m: Job(tmp_path / m, m) for m in ("clear", "vit", "swin")}
    versus("nano CLEAR and its two branches, 1024 images", {
        "clear_bench": jobs["clear"].fitted,
        "ViT alone, then Swin alone": lambda: jobs["vit"].fitted() + jobs["swin"].fitted(),
    }, {"ViT alone, then Swin alone": ("at most", 1 / 0.85)}, rounds=3)  # fmt: skip


@pytest.mark.parametrize("method", ["clear", "strong_baseline"])
def test_switches(versus, tmp_path, method):
    """What is not on by default, as seconds over those of the default."""
    job = Job(tmp_path, method, images=512)
    versus(f"switches of {method}, 512 images", {
        "clear_bench": job.fitted,
        "channels_last": lambda: job.fitted(channels_last=True),
        "precision bf16": lambda: job.fitted(precision="bf16"),
    }, {}, rounds=2, warm=False)  # fmt: skip


def test_compiled(versus, tmp_path):
    """Once, since compiling takes minutes; what counts is the epoch after it."""
    job = Job(tmp_path, images=512)
    versus("switches of clear, 512 images, compiled", {
        "clear_bench": job.fitted, "compile": lambda: job.fitted(compile=True),
    }, {}, rounds=1, warm=False)  # fmt: skip


@pytest.mark.parametrize("mode", ["training step", "evaluation"])
def test_where_the_time_goes(keep, tmp_path, mode):
    job = Job(tmp_path)
    model = build(job.model)
    pixels = np.load(tmp_path / "images.npy")[:256]
    labels = torch.from_numpy(np.load(tmp_path / "labels.npy")[:256]).float()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)

    def step() -> None:
        if mode == "evaluation":
            encode(model.eval(), pixels, np.arange(256))
            return
        for start in range(0, 256, 64):
            batch = {"images": torch.from_numpy(pixels[start : start + 64])}
            images = model.train().data_preprocessor(batch, True)["images"]
            optimizer.zero_grad()
            model.loss(images, labels[start : start + 64])["loss"].backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()

    step()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(4):
            step()
    times = {e.key: e.self_cpu_time_total for e in seen.key_averages()}
    parts = dict.fromkeys([*KINDS, "others"], 0.0)
    for key, value in times.items():
        kind = next((k for k, words in KINDS.items() if any(w in key for w in words)), "others")
        parts[kind] += value / sum(times.values())
    keep(profile=mode, parts=parts)


KINDS = {
    "attention kernel": ("scaled_dot_product",),
    "matrix products": ("::mm", "addmm", "bmm", "linear", "matmul", "einsum"),
    "convolutions": ("conv",),
    "copies and layout": ("copy", "cat", "contiguous", "clone", "index", "fill", "zero", "roll"),
    "norm and activation": ("norm", "gelu", "softmax", "relu", "dropout", "bernoulli"),
    "optimiser and clipping": ("adamw", "AdamW", "foreach", "clip"),
    "additions and products": ("add", "mul", "sum", "div", "sub"),
}
