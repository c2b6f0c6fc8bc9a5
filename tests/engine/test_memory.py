"""Training in less memory gives the same numbers: batches in pieces, blocks computed anew."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fits import fit_arrays
from methods import batch, build_method, config_of
from mmengine.optim import build_optim_wrapper
from mmengine.runner import EpochBasedTrainLoop

from clear_bench.config.compose import compose
from clear_bench.config.numbers import identity
from clear_bench.engine.memory import InPieces, checkpoint_blocks, split, step
from clear_bench.engine.optimizer import optimizer
from clear_bench.training.checks import check_pieces
from clear_bench.utils.errors import UserError

BATCH, ATTRIBUTES = 10, 8
# Means over images, without batch norm: a batch in pieces gives the gradient of one in one piece.
EXACT = ("clear", "c2t_net", "swin", "timm_backbone", "vit")


def learner(model):
    train = compose("clear", "synthped", "smoke")["recognition"]["train"]
    plain = {"optimizer": "SGD", "lr": 1.0, "weight_decay": 0.0, "clip_norm": 0.0}
    return build_optim_wrapper(model, optimizer({**train, **plain}))


def raw(count=BATCH):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, 64, 32, 3), dtype=np.uint8)
    labels = (random.random((count, ATTRIBUTES)) < 0.4).astype(np.uint8)
    return {
        "images": torch.from_numpy(pixels),
        "labels": torch.from_numpy(labels),
        "rows": torch.arange(count),
    }


def without_dropout(model):
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return model.train()


@pytest.mark.parametrize(
    ("method", "pieces"), [("clear", 3), ("clear", 16), *((method, 4) for method in EXACT[1:])]
)
def test_pieces_give_the_step_of_the_whole_batch(tmp_path, method, pieces):
    """Against mmengine's own step, pieces of unequal size too; to 1e-5 of the largest change."""
    whole = without_dropout(build_method(method, tmp_path, ATTRIBUTES))
    parts, start = copy.deepcopy(whole), copy.deepcopy(whole.state_dict())
    torch.manual_seed(1)
    expected = whole.train_step(raw(), learner(whole))["loss"].item()
    torch.manual_seed(1)
    loss = step(parts, raw(), learner(parts), pieces).item()
    assert loss == pytest.approx(expected, rel=1e-5)
    ours, theirs = parts.state_dict(), whole.state_dict()
    largest = max((theirs[name] - start[name]).abs().max() for name in start)
    assert max((ours[name] - theirs[name]).abs().max() for name in start) < 1e-5 * largest


def test_pieces_are_all_images_once():
    whole = raw(7)
    for pieces in range(1, 10):
        found = list(split(whole, pieces))
        assert len(found) == min(pieces, 7)
        assert torch.cat([piece["rows"] for _, piece, _ in found]).tolist() == list(range(7))
        assert sum(share for share, _, _ in found) == pytest.approx(1)
        assert [last for *_, last in found] == [False] * (len(found) - 1) + [True]


@pytest.mark.parametrize("method", ["clear", "vit", "swin"])
def test_blocks_computed_anew_give_the_same_gradient_to_the_bit(tmp_path, method):
    """With dropout: its draws are repeated."""
    images, labels = batch(6, ATTRIBUTES)
    kept = build_method(method, tmp_path, ATTRIBUTES).train()
    anew = copy.deepcopy(kept)
    checkpoint_blocks(anew)
    saved = []
    for model in (kept, anew):
        torch.manual_seed(2)
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: (saved[-1].append(t.nbytes), t)[1], lambda t: t
        ):
            saved.append([])
            loss = model.loss(images, labels)["loss"]
        loss.backward()
    for a, b in zip(kept.parameters(), anew.parameters(), strict=True):
        assert torch.equal(a.grad, b.grad)
    assert sum(saved[1]) < 0.6 * sum(saved[0])
    assert list(kept.state_dict()) == list(anew.state_dict())


def test_both_train_under_the_loop_with_averaged_weights(tmp_path):
    """EMA copies the network; the last batch of an epoch is smaller than the others."""
    for name, array in raw(18).items():
        np.save(tmp_path / f"{name}.npy", array.numpy())
    for rows in ("train", "val"):
        np.save(tmp_path / f"{rows}.npy", np.arange(18))
    (tmp_path / "names.txt").write_text("\n".join(map(str, range(18))), encoding="utf-8")
    section = compose("clear", "synthped", "smoke")["recognition"]
    model = config_of("clear", tmp_path, ATTRIBUTES)
    # Two stages and two blocks: what is compared is the loop.
    model["swin"] = {**model["swin"], "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2],
                     "channel_stages": [0, 1], "channel_dropout": 0.0}  # fmt: skip
    model["vit"] = {**model["vit"], "embed_dim": 32, "depth": 2, "num_heads": 2}
    found = []
    for changes in ({}, {"accumulate": 3}, {"checkpointing": True}):
        (tmp_path / str(changes)).mkdir()
        train = {**section["train"], "batch_size": 8, "ema": 0.1, **changes}
        found.append([row["loss"] for row in fit_arrays(tmp_path / str(changes), model, train,
                                                        tmp_path)])  # fmt: skip
    plain, pieces, anew = found
    assert pieces == pytest.approx(plain, rel=1e-4)
    assert anew == plain


def test_a_network_without_blocks_is_one_line(tmp_path):
    with pytest.raises(UserError, match="has no transformer blocks; set it to false"):
        checkpoint_blocks(build_method("strong_baseline", tmp_path, ATTRIBUTES))


def test_batch_norms_in_pieces_are_told(tmp_path, capsys):
    runner = SimpleNamespace(model=build_method("strong_baseline", tmp_path, ATTRIBUTES))
    with pytest.MonkeyPatch.context() as patch:
        quiet = lambda self, runner: setattr(self, "_runner", runner)  # noqa: E731
        patch.setattr(EpochBasedTrainLoop, "__init__", quiet)
        InPieces(runner, pieces=2)
    assert "train.accumulate=2: 15 batch norms see each piece alone" in capsys.readouterr().err


@pytest.mark.parametrize(("method", "task"), [("clear", "retrieval"), ("parformer", "recognition"),
                                              ("sequencepar", "recognition")])  # fmt: skip
def test_a_loss_that_is_no_mean_over_images_is_refused(method, task):
    config = compose(method, "synthped", overrides={f"{task}.train.accumulate": 2})
    with pytest.raises(UserError, match=rf"{task}\.train\.accumulate=2: .* no mean over images"):
        check_pieces(config, task)
    check_pieces(compose(method, "synthped"), task)
    check_pieces(compose("clear", "synthped", overrides={"recognition.train.accumulate": 2}),
                 "recognition")  # fmt: skip


def test_off_they_are_no_part_of_what_a_run_is():
    config = compose("clear", "synthped")
    assert not {"accumulate", "checkpointing"} & set(identity(config)["recognition"]["train"])
    config["recognition"]["train"]["accumulate"] = 2
    assert identity(config)["recognition"]["train"]["accumulate"] == 2
