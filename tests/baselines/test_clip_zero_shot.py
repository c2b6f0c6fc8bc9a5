"""Zero-shot CLIP against transformers' own model, with a tiny one of random weights in a folder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_clip import write_tiny_clip
from transformers import CLIPModel, CLIPTokenizer

from baselines.clip_zero_shot import CLIP_MEAN, CLIP_STD, ClipImages
from clear_bench.config.sections import DEVIATION, MEAN
from clear_bench.engine.building import build
from clear_bench.text.encoders import load
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.training.plan import plan
from clear_bench.utils.errors import UserError

FACTS = {"attributes": 3, "image_size": (32, 16), "positive_ratio": [0.5] * 3,
         "augment": {"pad": 0, "flip": False}}  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return str(write_tiny_clip(tmp_path_factory.mktemp("hub") / "tiny"))


def test_images_are_what_transformers_gives(source):
    """Image size 32 x 16 and a model that reads 32 x 32: no resizing, 8 black columns a side."""
    model = build({"type": "ClipImages", "source": source, **FACTS}).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 16, 3), dtype=np.uint8)
    batch = model.data_preprocessor({"images": torch.from_numpy(pixels)}, False)
    with torch.inference_mode():
        features, probabilities = model(batch["images"], None, None)
    square = np.zeros((2, 32, 32, 3))
    square[:, :, 8:24] = pixels / 255
    ready = torch.tensor((square - CLIP_MEAN) / CLIP_STD).permute(0, 3, 1, 2).float()
    clip = CLIPModel.from_pretrained(source).eval()
    with torch.inference_mode():
        hidden = clip.vision_model(pixel_values=ready).pooler_output
        expected = clip.visual_projection(hidden)
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(probabilities, torch.full((2, 3), 0.5))
    assert not any(p.requires_grad for p in model.parameters())


def test_resizing_is_pillows_bicubic(source):
    model: ClipImages = build({"type": "ClipImages", "source": source, **FACTS})
    pixels = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    normal = torch.tensor((pixels / 255 - MEAN) / DEVIATION).permute(2, 0, 1)[None].float()
    resized = model.squared(normal)[0].permute(1, 2, 0).numpy() * CLIP_STD + CLIP_MEAN
    expected = np.array(Image.fromarray(pixels).resize((16, 32), Image.Resampling.BICUBIC)) / 255
    np.testing.assert_allclose(resized[:, 8:24], expected, atol=0.01)
    np.testing.assert_allclose(resized[:, [0, 7, 24, 31]], 0, atol=1e-6)


def test_text_is_what_transformers_gives(source):
    sentences = ["a man with a red top", "a woman", "a man with long hair"]
    encoder = load(f"{source}@clip")
    vectors = encoder.encode(sentences)
    clip, tokenizer = (
        CLIPModel.from_pretrained(source).eval(),
        CLIPTokenizer.from_pretrained(source),
    )
    with torch.inference_mode():
        for sentence, vector in zip(sentences, vectors, strict=True):
            alone = tokenizer([sentence], return_tensors="pt")
            expected = clip.text_projection(clip.text_model(**alone).pooler_output)[0].numpy()
            np.testing.assert_allclose(vector, expected, rtol=1e-4, atol=1e-5)
    assert np.array_equal(encoder.encode(sentences[1:2])[0], vectors[1])  # whatever else is asked
    with pytest.raises(UserError, match="reads 400 tokens"):
        encoder.encode(["a " * 500])


def run(market, tmp_path, monkeypatch, **sources):
    (tmp_path / "market").symlink_to(market)
    monkeypatch.chdir(tmp_path)
    runs = plan("clip_zero_shot", "market1501", "smoke", 0, sources, root=Path("runs"),
                data_root=Path("market"))  # fmt: skip
    return execute(runs, Cache(Path("cache")))


def test_a_whole_run(market, tmp_path, monkeypatch, source):
    sources = {"recognition.model.source": source, "text.encoder": f"{source}@clip"}
    recognition, retrieval = run(market, tmp_path, monkeypatch, **sources)
    assert retrieval.parent == recognition.run_id
    assert 0 < retrieval.metrics["selected"]["test"]["mAP"] <= 1
    assert retrieval.history == [] and retrieval.cost["trainable_parameters"] == 0


def test_two_models_of_different_width_are_refused(market, tmp_path, monkeypatch, source):
    other = write_tiny_clip(tmp_path / "hub" / "other", projection=8)
    sources = {"recognition.model.source": source, "text.encoder": f"{other}@clip"}
    with pytest.raises(UserError, match="text vectors are 8 wide, image vectors 16"):
        run(market, tmp_path, monkeypatch, **sources)


def test_missing_models_and_weights_are_never_replaced(tmp_path, source):
    with pytest.raises(UserError, match="cannot be loaded"):
        build({"type": "ClipImages", "source": str(tmp_path / "nowhere"), **FACTS})
    with pytest.raises(UserError, match="minilm: is no CLIP model"):
        load("minilm@clip")
    broken = write_tiny_clip(tmp_path / "broken")
    weights = broken / "model.safetensors"
    from safetensors.torch import load_file, save_file

    kept = {k: v for k, v in load_file(weights).items() if k != "visual_projection.weight"}
    save_file(kept, weights, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"no weights for visual_projection\.weight"):
        build({"type": "ClipImages", "source": str(broken), **FACTS})
