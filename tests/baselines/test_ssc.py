"""SSC against slow twins: one attribute and image at a time, over several batches."""

import pytest
import torch
from methods import batch, build_method
from mmengine.logging import MessageHub

from baselines.ssc import Memory


class Twin:
    """Both regularisers as a loop, with memories as plain dictionaries."""

    def __init__(self) -> None:
        self.memory: dict[tuple[str, int], torch.Tensor] = {}

    def loss(self, kind, vectors, labels, logits, confidence=0.9):
        """Return the regulariser of vectors ``[image][attribute]``, and remember."""
        parts = []
        for a in range(labels.shape[1]):
            have = [i for i in range(len(labels)) if labels[i, a] == 1]
            sure = [i for i in have if logits[i, a] > confidence]
            if not sure:
                parts.append(torch.zeros(()))
                continue
            every = sum(vectors[i][a] for i in have) / len(have)
            target = sum(vectors[i][a] for i in sure) / len(sure)
            target = target / target.norm()
            if (kind, a) in self.memory:
                old = self.memory[kind, a]
                target = 0.1 * old / old.norm() + 0.9 * target
            self.memory[kind, a] = target.detach()
            parts.append(((every / every.norm() - target) ** 2).mean())
        return sum(parts) / len(parts)


def naive_maps(model, x):
    """Return each image's and attribute's activation map and the feature that it weighs out."""
    maps, vectors = [], []
    for image in x:  # (D, h, w)
        seen = [(w[:, None, None] * image).sum(dim=0) for w in model.head.weight]
        maps.append([m.flatten() for m in seen])
        vectors.append([(m * image).mean(dim=(1, 2)) for m in seen])
    return maps, vectors


def test_losses_memories_and_gradients_equal_a_loop_over_three_batches(tmp_path):
    model, twin = build_method("ssc", tmp_path).eval(), Twin()
    torch.manual_seed(0)
    with torch.no_grad():  # some logits are sure
        logits = model.classify(model.features(torch.randn(6, 3, 64, 32)))
        model.head.bias += model.confidence - logits.mean(dim=0)
    for step in range(3):
        images = torch.randn(6, 3, 64, 32)
        labels = (torch.rand(6, 8) < 0.5).float()
        labels[:, 7] = 0  # never there
        x = model.trunk(images)[-1]
        logits = model.classify(x.amax(dim=(2, 3)))
        maps, vectors = naive_maps(model, x)
        expected = {
            "loss_spatial": 1.0 * twin.loss("map", maps, labels, logits),
            "loss_semantic": 0.1 * twin.loss("vector", vectors, labels, logits),
        }
        losses = model.loss(images, labels)
        for name, value in expected.items():
            assert value > 0
            torch.testing.assert_close(losses[name], value)
            want, have = (
                torch.autograd.grad(v, model.head.weight, retain_graph=True)[0]
                for v in (value, losses[name])
            )
            torch.testing.assert_close(have, want, atol=1e-7, rtol=1e-3)
        assert step or model.maps.met.sum() > 2
    for kind, memory in (("map", model.maps), ("vector", model.vectors)):
        assert memory.met.tolist() == [(kind, a) in twin.memory for a in range(8)]
        for a in range(7):
            if memory.met[a]:
                torch.testing.assert_close(memory.mean[a], twin.memory[kind, a])
        assert not memory.mean.requires_grad


def test_an_attribute_without_a_sure_image_is_not_regularised():
    torch.manual_seed(0)
    memory = Memory(attributes=2, dim=4, fresh=0.9)
    vectors = torch.randn(3, 2, 4, requires_grad=True)
    present = torch.ones(3, 2)
    sure = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    (grad,) = torch.autograd.grad(memory(vectors, present, sure), vectors)
    assert grad[:, 0].abs().sum() > 0
    assert (grad[:, 1] == 0).all()
    assert memory.met.tolist() == [True, False]
    assert not memory.mean[1].any()


def test_regularisers_start_with_their_epoch(tmp_path):
    model = build_method("ssc", tmp_path, start=4)
    images, labels = batch(4)
    hub = MessageHub.get_instance("ssc epochs")
    MessageHub._instance_dict.move_to_end("ssc epochs")  # the one that is current
    try:
        for epoch, names in ((3, {"loss"}), (4, {"loss", "loss_spatial", "loss_semantic"})):
            hub.update_info("epoch", epoch)
            assert set(model(images, labels, None, mode="loss")) == names
            assert model.maps.met.any() == (epoch == 4)
    finally:
        del MessageHub._instance_dict["ssc epochs"]


def test_nothing_is_left_of_them_at_inference(tmp_path):
    model = build_method("ssc", tmp_path).eval()
    images, _ = batch(3)
    features = model.features(images)
    torch.testing.assert_close(features, model.trunk(images)[-1].flatten(2).max(dim=2).values)
    expected = features @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model.classify(features), expected)
    for memory in (model.maps, model.vectors):
        memory.mean.normal_()
    assert torch.equal(model.features(images), features)


@pytest.mark.parametrize(("which", "negative"), [("both", True), ("positives", False)])
def test_negatives_weigh_as_asked(which, negative, tmp_path):
    model = build_method("ssc", tmp_path, loss_weighting=which, start=9).eval()
    model.epoch = 0
    images, labels = batch(3)
    labels[:] = 0
    logits = model.classify(model.features(images))
    weight = model.positive_ratio.exp() if negative else torch.ones(8)
    expected = (weight * torch.nn.functional.softplus(logits)).mean()
    torch.testing.assert_close(model.loss(images, labels)["loss"], expected)
