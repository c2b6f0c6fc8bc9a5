"""A training step: what is kept of losses, how parameters are grouped, the switches of speed."""

import numpy as np
import pytest
import torch
from fits import fit_arrays
from methods import build_method, config_of
from mmengine.optim import build_optim_wrapper
from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from clear_bench.config.compose import compose
from clear_bench.engine.hooks import Diverged, LossHook
from clear_bench.engine.optimizer import half_precision, optimizer
from clear_bench.utils.errors import UserError

IMAGES, ATTRIBUTES = 72, 5
SMALL = {
    "vit": {"name": "vit_tiny_patch16_224", "embed_dim": 32, "depth": 1, "num_heads": 2},
    "swin": {"name": "swin_tiny_patch4_window7_224", "embed_dim": 8, "depths": [1, 1],
             "num_heads": [1, 2], "window_size": 4, "channel_stages": [0, 1]},
    "dim": 32,
    "heads": 2,
}  # fmt: skip


@pytest.fixture
def go(tmp_path):
    """Return a function that trains a small CLEAR on noise, with a loss of one's own if asked."""
    random = np.random.default_rng(0)
    labels = random.random((IMAGES, ATTRIBUTES)) < 0.4
    np.save(tmp_path / "images.npy", random.integers(0, 256, (IMAGES, 64, 32, 3), dtype=np.uint8))
    np.save(tmp_path / "labels.npy", labels.astype(np.uint8))
    for split in ("train", "val"):
        np.save(tmp_path / f"{split}.npy", np.arange(IMAGES))
    names = tmp_path / "names.txt"
    names.write_text("\n".join(f"image{k}.png" for k in range(IMAGES)), encoding="utf-8")

    def run(folder="run", **changes):
        section = compose("clear", "synthped", "smoke")["recognition"]
        (tmp_path / folder).mkdir()
        model = config_of("clear", tmp_path, ATTRIBUTES, **SMALL)
        train = {**section["train"], "batch_size": 4, "epochs": 2} | changes
        return fit_arrays(tmp_path / folder, model, train, tmp_path)

    return run


@pytest.mark.parametrize("bad", [1, 16, 17, 18, 20])
def test_the_first_bad_loss_is_named_and_nothing_after_it_is_saved(go, monkeypatch, tmp_path, bad):
    """18 steps an epoch, losses read after 16 of them and at its end; step numbers from 0."""
    seen = []
    read_down = LossHook.after_train_iter

    def spoiled(self, runner, batch_idx, data_batch=None, outputs=None):
        seen.append(data_batch["rows"].tolist())
        if len(seen) >= bad:  # from there on all are bad, as in life
            outputs = {"loss": outputs["loss"] * float("nan")}
        read_down(self, runner, batch_idx, data_batch, outputs)

    monkeypatch.setattr(LossHook, "after_train_iter", spoiled)
    with pytest.raises(Diverged) as caught:
        go()
    epoch, batch = divmod(bad - 1, 18)
    text = str(caught.value)
    assert f"loss is nan at step {bad - 1} (epoch {epoch + 1}, batch {batch})" in text
    assert text.endswith(", ".join(f"image{row}.png" for row in seen[bad - 1]))
    kept = tmp_path / "run" / "last.pth"
    assert kept.exists() == (epoch == 1)
    if kept.exists():
        weights = torch.load(kept, weights_only=True)
        assert weights["meta"]["epoch"] == 1
        assert all(v.isfinite().all() for v in weights["state_dict"].values())


def test_the_loss_of_an_epoch_is_the_mean_over_its_steps(go, monkeypatch):
    losses = []
    read_down = LossHook.after_train_iter

    def listening(self, runner, batch_idx, data_batch=None, outputs=None):
        losses.append(outputs["loss"].item())
        read_down(self, runner, batch_idx, data_batch, outputs)

    monkeypatch.setattr(LossHook, "after_train_iter", listening)
    history = go()
    assert [row["loss"] for row in history] == [sum(losses[:18]) / 18, sum(losses[18:]) / 18]


def test_no_hook_reads_a_tensor_back_but_every_16_steps(go, monkeypatch):
    """On a GPU each reading waits for the device."""
    reads, training = [], []
    epoch = EpochBasedTrainLoop.run_epoch

    def watched(self):
        training.append(True)
        epoch(self)
        training.clear()

    monkeypatch.setattr(EpochBasedTrainLoop, "run_epoch", watched)
    for name in ("item", "__float__", "tolist", "__bool__"):
        original = getattr(torch.Tensor, name)

        def counted(self, *rest, _name=name, _original=original):
            if training and self.is_floating_point():
                reads.append(_name)
            return _original(self, *rest)

        monkeypatch.setattr(torch.Tensor, name, counted)
    go(epochs=2)
    assert reads == ["tolist"] * 4  # 18 steps an epoch: after 16 and at the end, twice


def test_few_groups_learn_what_one_group_a_parameter_learns(tmp_path):
    """Against mmengine's own constructor."""
    train = compose("clear", "synthped", "smoke")["recognition"]["train"]
    results = []
    for constructor in ("FewGroups", "DefaultOptimWrapperConstructor"):
        model = build_method("clear", tmp_path, ATTRIBUTES, **SMALL)
        settings = {**optimizer({**train, "weight_decay": 0.3}), "constructor": constructor}
        del settings["clip_grad"]  # the order of the sum would be another
        wrapper = build_optim_wrapper(model, settings)
        groups = len(wrapper.optimizer.param_groups)
        torch.manual_seed(0)
        for _ in range(3):
            for parameter in model.parameters():
                parameter.grad = torch.randn_like(parameter)
            wrapper.step()
        results.append((groups, list(model.parameters())))
    (few, ours), (many, theirs) = results
    assert few == 2
    assert many == len(theirs)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_gradients_are_clipped_together():
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    train = compose("clear", "synthped", "smoke")["recognition"]["train"]
    wrapper = build_optim_wrapper(model, optimizer({**train, "clip_norm": 0.5}))
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 2.0)
    wrapper.step()
    assert sum(p.grad.square().sum() for p in model.parameters()).sqrt() == pytest.approx(0.5)


def test_switches_train_and_say_what_they_are(go):
    plain = go("plain", batch_size=12)
    assert half_precision("auto") == torch.cuda.is_available()
    layout = go("layout", batch_size=12, channels_last=True)
    assert layout[-1]["loss"] == pytest.approx(plain[-1]["loss"], rel=1e-3)
    half = go("half", batch_size=12, precision="bf16")
    assert half[-1]["loss"] != plain[-1]["loss"]
    assert half[-1]["loss"] == pytest.approx(plain[-1]["loss"], rel=0.05)


@pytest.mark.slow
def test_compiled_steps_learn_the_same(go):
    plain, compiled = go("plain"), go("compiled", compile=True)
    assert compiled[-1]["loss"] == pytest.approx(plain[-1]["loss"], rel=1e-2)


def test_an_unknown_precision_is_one_line():
    with pytest.raises(UserError, match=r"recognition\.train\.precision='fp8'"):
        compose("clear", "synthped", "smoke", overrides={"recognition.train.precision": "fp8"})
