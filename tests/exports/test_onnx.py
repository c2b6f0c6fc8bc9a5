"""An ONNX file gives torch's probabilities, for any number of images, and says what it is."""

import json

import numpy as np
import pytest
import torch
from calling import call
from methods import TRAINED, build_method
from torch.nn import functional as F

from clear_bench import export
from clear_bench.engine.inference import encode
from clear_bench.exports.onnx_file import attention, write_network
from clear_bench.models.base import RecognitionModel
from clear_bench.training.exported import described
from clear_bench.training.trained_model import open_model
from clear_bench.utils.errors import UserError

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
CANNOT = {"sequencepar": "it writes a caption word by word"}


def differences(file, network):
    """Return the greatest differences of probabilities and features, over three batches."""
    session = onnxruntime.InferenceSession(file)
    size, worst = network.image_size, np.zeros(2)
    for count in (1, 2, 7):
        pixels = np.random.default_rng(count).integers(0, 256, (count, *size, 3), dtype=np.uint8)
        features, probabilities = encode(network, pixels, np.arange(count))
        found = session.run(["probabilities", "features"], {"images": pixels})
        pairs = zip(found, (probabilities, features), strict=True)
        worst = np.maximum(worst, [np.abs(ours - theirs).max() for ours, theirs in pairs])
    return worst


@pytest.mark.slow
@pytest.mark.parametrize("key", sorted(set(TRAINED) - set(CANNOT)))
def test_every_method_gives_the_same_numbers(key, tmp_path):
    network = build_method(key, tmp_path).eval()
    assert write_network(network, network.image_size, {"method": key}, tmp_path / "a.onnx") <= 1e-4
    probabilities, features = differences(tmp_path / "a.onnx", network)
    assert probabilities <= 1e-4
    assert features <= 1e-3


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
    """A small network as a file with the metadata of a trained run, and that run."""
    folder = tmp_path_factory.mktemp("onnx")
    run = open_model(trained.records[1].run_id, trained.root).recogniser
    network = build_method("strong_baseline", folder).eval()
    said = described(run).model_dump(exclude={"files"})
    worst = write_network(network, network.image_size, said, folder / "a.onnx")
    return folder / "a.onnx", worst, network, run


def test_it_gives_the_same_numbers(written):
    file, worst, network, _ = written
    found = differences(file, network)
    assert max(found[0], worst) <= 1e-4
    assert found[1] <= 1e-3
    assert [f.name for f in file.parent.iterdir()] == ["a.onnx"]


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
def test_the_command_writes_a_trained_run(half, trained, tmp_path, monkeypatch, capsys):
    words = [trained.records[half].run_id, f"--runs={trained.root}"]
    assert call(monkeypatch, export.app, *words, f"--onnx={tmp_path / 'clear.onnx'}") == 0
    assert f"{trained.records[0].run_id}; at most " in capsys.readouterr().out
    network = open_model(trained.records[0].run_id, trained.root).model
    assert differences(tmp_path / "clear.onnx", network)[0] <= 1e-4


def test_the_metadata_are_enough_to_use_it(written, trained):
    file, _, _, run = written
    meta = onnxruntime.InferenceSession(file).get_modelmeta().custom_metadata_map
    assert meta["run_id"] == trained.records[0].run_id
    assert json.loads(meta["attributes"]) == run.schema.names
    assert json.loads(meta["threshold"]) == [0.5] * len(run.schema)
    assert json.loads(meta["image_size"]) == [64, 32]
    before = run.model.data_preprocessor
    assert np.allclose(json.loads(meta["mean"]), before.mean.flatten() / 255)
    assert np.allclose(json.loads(meta["deviation"]), before.deviation.flatten() / 255)
    assert json.loads(meta["letterbox"]) is False


def test_nothing_in_it_is_of_this_machine(written):
    content = written[0].read_bytes()
    assert b"site-packages" not in content
    assert b"strong_baseline.py" not in content


class Bound(RecognitionModel):
    """A network that takes the number of images for a constant."""

    feature_dim = 3

    def features(self, images):
        weight = torch.ones(len(images), 1)
        return images.mean(dim=(2, 3)) * weight

    def classify(self, features):
        return features[:, : self.attributes]


@pytest.mark.parametrize("axes", [3, 4])
def test_attention_is_torchs(axes):
    torch.manual_seed(0)
    wide = [torch.randn(2, 3, 5, 4)[(slice(None),) * (axes == 4) or 0] for _ in range(3)]
    mask = torch.randn(5, 5)
    for more in ({}, {"is_causal": True}, {"attn_mask": mask}, {"attn_mask": mask > -1},
                 {"scale": 0.3}):  # fmt: skip
        expected = F.scaled_dot_product_attention(*wide, **more)
        torch.testing.assert_close(attention(*wide, **more), expected)


def test_what_cannot_be_exported_is_refused_by_name(tmp_path):
    network = Bound(2, (8, 8), [0.5, 0.5], {"pad": 0, "flip": False}).eval()
    with pytest.raises(UserError, match=r"own cannot be exported: .* the number of images"):
        write_network(network, (8, 8), {"method": "own"}, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []
    for key, reason in CANNOT.items():
        network = build_method(key, tmp_path).eval()
        with pytest.raises(UserError, match=f"{key} cannot be exported: {reason}"):
            write_network(network, network.image_size, {"method": key}, tmp_path / "a.onnx")


def test_other_numbers_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("clear_bench.exports.onnx_file.TOLERANCE", -1.0)
    network = Bound(2, (8, 8), [0.5, 0.5], {"pad": 0, "flip": False}).eval()
    network.features = lambda images: images.mean(dim=(2, 3))
    with pytest.raises(UserError, match="from torch's, more than -1"):
        write_network(network, (8, 8), {"method": "own"}, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_one_line(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("clear_bench.exports.onnx_file.PACKAGES", ("onnxnot",))
    words = [trained.records[0].run_id, f"--runs={trained.root}", f"--onnx={tmp_path / 'a'}"]
    assert call(monkeypatch, export.app, *words) == 2
    assert "needs onnxnot: pip install clear-bench[export]" in capsys.readouterr().err
