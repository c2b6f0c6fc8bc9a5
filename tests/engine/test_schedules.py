"""Learning rates from epoch to epoch, and of a network's parts, against what their sources do."""

import math

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

from clear_bench.config.compose import compose
from clear_bench.engine.optimizer import optimizer
from clear_bench.engine.schedules import schedule
from clear_bench.utils.errors import UserError

TRAIN = compose("clear", "peta")["recognition"]["train"]


class Net(nn.Module):
    """Two parts and a lone parameter; one part has a norm."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        self.trunk_two = nn.Linear(3, 3)
        self.head = nn.Linear(3, 2)
        self.scale = nn.Parameter(torch.ones(1))
        self.head.bias.requires_grad_(False)


def course(train, values=(), *, held_out=True):
    """Return the rate that each epoch trains at; ``values`` is what a plateau is told after it."""
    wrapper = build_optim_wrapper(Net(), optimizer(train))
    configs = [{**s, "optimizer": wrapper} for s in schedule(train, "mA", held_out=held_out)]
    schedulers = [PARAM_SCHEDULERS.build(c) for c in configs]
    rates = []
    for epoch in range(train["epochs"]):
        rates.append(wrapper.optimizer.param_groups[0]["lr"])
        for each in schedulers:
            if hasattr(each, "monitor"):
                each.step()  # mmengine: once to count, once with what was measured
                each.step({each.monitor: values[epoch]})
            else:
                each.step()
    return rates


def test_steps_lower_the_rate_after_their_epochs():
    """ALM's released code: ``if epoch >= 2: lr * 0.1``, counted from 0."""
    train = {**TRAIN, "epochs": 6, "warmup_epochs": 0, "schedule": "step", "lr": 1.0}
    rates = course({**train, "milestones": [2, 4], "factor": 0.5})
    assert rates == pytest.approx([1, 1, 0.5, 0.5, 0.25, 0.25])


def test_the_cosine_of_epochs_is_that_of_vtbs_code():
    """timm's scheduler, asked for epoch 1, 2, ... before each is trained."""
    train = {**TRAIN, "epochs": 8, "warmup_epochs": 3, "schedule": "cosine-epochs", "lr": 8e-3}
    expected = []
    for t in range(1, 9):
        low = 0.002 * 8e-3
        if t < 3:
            expected.append(0.01 * 8e-3 + t * (8e-3 - 0.01 * 8e-3) / 3)
        else:
            expected.append(low + 0.5 * (8e-3 - low) * (1 + math.cos(math.pi * t / 8)))
    assert course({**train, "floor": 0.002}) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("watch", "held_out", "monitor", "better"),
    [
        ("metric", True, "mA", 1.0),
        ("loss", True, "val_loss", -1.0),
        ("loss", False, "loss", -1.0),
    ],
)
def test_a_plateau_watches_what_it_is_told_to(watch, held_out, monitor, better):
    """torch's ReduceLROnPlateau with factor 0.1 and patience 4."""
    train = {**TRAIN, "epochs": 9, "warmup_epochs": 0, "schedule": "plateau", "watch": watch}
    (config,) = schedule(train, "mA", held_out=held_out)
    assert config["monitor"] == monitor
    values = [better * v for v in (0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.3, 0.3)]
    if better < 0:
        values = [1 + v for v in values]
    own = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    mode = "max" if watch == "metric" else "min"
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(own, mode, factor=0.1, patience=4)
    expected = []
    for value in values:
        expected.append(own.param_groups[0]["lr"])
        theirs.step(value)
    assert course({**train, "lr": 1.0}, values, held_out=held_out) == pytest.approx(expected)
    assert len(set(expected)) == 2


@pytest.mark.parametrize("kind", ["AdamW", "SGD"])
def test_parts_learn_at_their_own_rates(kind):
    """The longest name counts, and AdamW's rule that norms do not decay stays."""
    rates = {"trunk": 0.1, "trunk.0": 0.5, "scale": 5.0}
    train = {**TRAIN, "optimizer": kind, "lr": 2.0, "weight_decay": 0.3, "rates": rates}
    model = Net()
    wrapper = build_optim_wrapper(model, optimizer(train))
    found = {}
    for group in wrapper.optimizer.param_groups:
        found |= {id(p): (group["lr"], group["weight_decay"]) for p in group["params"]}
    by_name = {name: found[id(p)] for name, p in model.named_parameters() if p.requires_grad}
    matrix, vector = 0.3, 0.3 if kind == "SGD" else 0.0
    assert by_name == {
        "trunk.0.weight": (1.0, matrix),
        "trunk.0.bias": (1.0, vector),
        "trunk.1.weight": (0.2, vector),
        "trunk.1.bias": (0.2, vector),
        "trunk_two.weight": (2.0, matrix),
        "trunk_two.bias": (2.0, vector),
        "head.weight": (2.0, matrix),
        "scale": (10.0, matrix),
    }
    assert len(wrapper.optimizer.param_groups) < len(by_name)


@pytest.mark.parametrize("part", ["trunks", "trunk.2", "head.bias"])
def test_an_unknown_part_lists_the_parts(part):
    with pytest.raises(UserError, match=f"no part '{part}' .* trunk, trunk_two, head"):
        build_optim_wrapper(Net(), optimizer({**TRAIN, "rates": {part: 2.0}}))


def test_gradients_are_not_clipped_at_norm_0():
    model = Net()
    train = {**TRAIN, "optimizer": "SGD", "nesterov": False, "clip_norm": 0.0}
    wrapper = build_optim_wrapper(model, optimizer(train))
    assert wrapper.clip_grad_kwargs is None
    assert not wrapper.optimizer.param_groups[0]["nesterov"]
