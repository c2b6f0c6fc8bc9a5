"""Every loss with labels that nobody knows (NaN) against a loop that skips them."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from methods import TRAINED, batch, build_method

from baselines.dafl import GroupMemory
from baselines.parformer import center_loss, center_step
from baselines.ssc import Memory
from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.engine.evaluators import RecognitionMetric
from clear_bench.models.base import RecognitionModel
from clear_bench.models.losses import (
    asymmetric_bce,
    cell_mean_bce,
    focal_bce,
    targets,
    told_apart,
    weighted_bce,
)

RATIO = torch.tensor([0.1, 0.4, 0.7, 0.2, 0.5])
MASKING = [key for key in TRAINED if key != "sequencepar"]


def example(seed=0):
    """Return logits and labels ``(6, 5)``; the last image and the fourth attribute are unknown."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(6, 5, generator=generator)
    labels = (torch.rand(6, 5, generator=generator) < 0.5).float()
    labels[torch.rand(6, 5, generator=generator) < 0.25] = torch.nan
    labels[5], labels[:, 3] = torch.nan, torch.nan
    labels[0, 0], labels[0, 1] = 0, 1
    return logits, labels


def cells(logits, labels):
    """Yield attribute, probability and label of each known cell."""
    for i in range(len(logits)):
        for j in range(logits.shape[1]):
            if not math.isnan(labels[i, j]):
                yield j, 1 / (1 + math.exp(-float(logits[i, j]))), int(labels[i, j])


def plain(p, label):
    return -math.log(p if label else 1 - p)


def weight(j, label):
    return math.exp(1 - float(RATIO[j]) if label else float(RATIO[j]))


def focal(p, label):
    q = p if label else 1 - p
    return -((1 - q) ** 2) * math.log(q)


def asymmetric(p, label):
    if label:
        return -(1 - p) * math.log(p)
    shifted = max(p - 0.05, 0.0)
    return -(shifted**4) * math.log(1 - shifted)


def weighted(j, p, label):
    return weight(j, label) * plain(p, label)


GAMMAS = {"positive_gamma": 1.0, "negative_gamma": 4.0, "clip": 0.05}
LOSSES = {
    "weighted": (partial(weighted_bce, positive_ratio=RATIO), weighted, 6),
    "focal": (partial(focal_bce, gamma=2.0), lambda j, p, t: focal(p, t), 6),
    "asymmetric": (partial(asymmetric_bce, **GAMMAS), lambda j, p, t: asymmetric(p, t), 6),
    "cells, both": (
        partial(cell_mean_bce, positive_ratio=RATIO, positives_only=False), weighted, None,
    ),
    "cells, positives": (
        partial(cell_mean_bce, positive_ratio=RATIO, positives_only=True),
        lambda j, p, t: weighted(j, p, t) if t else plain(p, t), None,
    ),
}  # fmt: skip
"""Name to loss, what a known cell costs, and the images of a mean (None: it is one over cells)."""


@pytest.mark.parametrize("name", LOSSES)
def test_by_loop(name):
    loss, cost, images = LOSSES[name]
    logits, labels = example()
    each = [cost(*cell) for cell in cells(logits, labels)]
    slow = sum(each) / (images or len(each))  # a sum over attributes, or a mean over cells
    logits.requires_grad_()
    found = loss(logits, labels)
    assert found.item() == pytest.approx(slow, rel=1e-5)
    found.backward()
    assert (logits.grad[labels.isnan()] == 0).all()
    assert (logits.grad[~labels.isnan()] != 0).float().mean() > 0.9
    nothing = loss(logits, torch.full_like(labels, torch.nan))
    assert nothing.item() == 0


def test_the_contract_makes_unknown_labels_nan():
    labels = torch.tensor([[0, 1, UNKNOWN]], dtype=torch.uint8)
    assert str(targets(labels).tolist()) == "[[0.0, 1.0, nan]]"
    present, known = told_apart(targets(labels))
    assert present.tolist() == [[0, 1, 0]] and known.tolist() == [[True, True, False]]


def test_center_loss_and_its_step_by_loop():
    _, labels = example()
    torch.manual_seed(0)
    features, centers = torch.randn(6, 4), torch.randn(5, 4, requires_grad=True)
    total, known = 0.0, 0
    for i in range(6):
        for j in range(5):
            known += not math.isnan(labels[i, j])
            if labels[i, j] == 1:
                total += float((features[i] - centers[j]).square().sum())
    loss = center_loss(features, labels, centers)
    assert loss.item() == pytest.approx(total / (2 * known), rel=1e-5)
    loss.backward()
    torch.testing.assert_close(center_step(features, labels, centers.detach()), centers.grad)


@pytest.mark.parametrize("key", ["ssc", "dafl"])
def test_memories_take_an_unknown_attribute_for_none(key):
    """Both are about the images that have an attribute; an unknown one is not among them."""
    logits, labels = example()
    present, _ = told_apart(labels)
    assert torch.equal(present, (labels == 1).float())
    torch.manual_seed(0)
    if key == "ssc":
        vectors = torch.randn(6, 5, 3)
        got = Memory(5, 3, 0.9)(vectors, present, present * (logits > 0))
        rows = [vectors[[i for i in range(6) if labels[i, j] == 1], j] for j in range(5)]
        sure = [
            vectors[[i for i in range(6) if labels[i, j] == 1 and logits[i, j] > 0], j]
            for j in range(5)
        ]
        unit = [torch.nn.functional.normalize(r.mean(0), dim=0) if len(r) else None for r in sure]
        slow = sum(
            float((torch.nn.functional.normalize(rows[j].mean(0), dim=0) - unit[j]).square().mean())
            for j in range(5)
            if unit[j] is not None
        )
        assert float(got) == pytest.approx(slow / 5, rel=1e-4)
    else:
        maps = torch.rand(2, 6, 5, 7)
        memory = GroupMemory(list(range(5)), 7, 0.9)
        got = memory(maps, present, present)
        pairs = [(i, j) for i in range(6) for j in range(5) if labels[i, j] == 1]
        apart = [
            float((maps[k, i, j] - memory.mean[j]).square().sum()) for k in (0, 1) for i, j in pairs
        ]
        assert float(got) == pytest.approx(sum(apart) / len(apart), rel=1e-4)


@pytest.mark.parametrize("key", MASKING)
def test_every_method_learns_without_them(key, tmp_path):
    """Its loss is finite and sees nothing of them; one that knows all has the same as before."""
    images, labels = batch(6)
    coded = labels.to(torch.uint8)
    coded[0], coded[:, 2], coded[3, 4] = UNKNOWN, UNKNOWN, UNKNOWN
    values = []
    for given in (targets(coded), targets(labels.to(torch.uint8)), labels):
        model = build_method(key, tmp_path, seed=7)
        assert model.masks_unknown
        torch.manual_seed(3)
        losses = model.loss(images, given)
        sum(losses.values()).backward()
        grown = [p.grad for p in model.parameters() if p.grad is not None]
        assert all(torch.isfinite(g).all() for g in grown)
        values.append({k: float(v) for k, v in losses.items()})
        assert all(math.isfinite(v) for v in values[-1].values())
    assert values[0] != values[1]
    assert values[1] == values[2]


def test_a_loss_of_ones_own_must_say_that_it_leaves_them_out(tmp_path):
    class Silent(RecognitionModel):
        def loss(self, images, labels):
            return {"loss": labels.sum()}

    class Saying(RecognitionModel):
        masks_unknown = True

        def loss(self, images, labels):
            return {"loss": labels.nansum()}

    class Heir(Saying):
        pass

    class Plain(RecognitionModel):
        pass

    said = [kind.masks_unknown for kind in (Silent, Saying, Heir, Plain)]
    assert said == [False, True, True, True]
    assert not build_method("sequencepar", tmp_path).masks_unknown


def test_the_loss_that_a_plateau_watches_leaves_them_out(tmp_path):
    logits, labels = example()
    coded = np.where(labels.isnan(), UNKNOWN, labels.nan_to_num()).astype(np.uint8)
    np.save(tmp_path / "labels.npy", coded)
    metric = RecognitionMetric(str(tmp_path / "labels.npy"), 0.5, "half", RATIO.tolist())
    sample = {"rows": torch.arange(6), "logits": logits, "probabilities": torch.sigmoid(logits)}
    metric.process(None, [sample])
    measured = metric.compute_metrics(metric.results)
    assert measured["val_loss"] == pytest.approx(float(weighted_bce(logits, labels, RATIO)))
