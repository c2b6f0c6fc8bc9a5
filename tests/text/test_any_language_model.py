"""Every kind of language model of transformers, with tiny ones of random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tiny_clip import write_tiny_clip
from tiny_language import write_model

from clear_bench.text import encoders
from clear_bench.utils.errors import UserError

PLAIN = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
         "num_attention_heads": 2, "max_position_embeddings": 64}  # fmt: skip
GPT = {"n_embd": 16, "n_layer": 1, "n_head": 2, "bos_token_id": None, "eos_token_id": None}
T5 = {"d_model": 16, "d_ff": 32, "d_kv": 8, "num_layers": 1, "num_heads": 2}
BART = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
        "max_position_embeddings": 64}  # fmt: skip
XLNET = {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 32}
KINDS = {
    "bert": ("BertModel", "BertConfig", PLAIN),
    "roberta": ("RobertaForMaskedLM", "RobertaConfig", PLAIN),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", GPT),
    "gpt2 without pad and end": ("GPT2Model", "GPT2Config", {**GPT, "special": {}}),
    "bert without pad and end": ("BertModel", "BertConfig", {**PLAIN, "special": {}}),
    "xlnet": ("XLNetModel", "XLNetConfig", XLNET),
    "t5": ("T5ForConditionalGeneration", "T5Config", T5),
    "t5 encoder": ("T5EncoderModel", "T5Config", T5),
    "bart": ("BartForConditionalGeneration", "BartConfig", BART),
    "marian": ("MarianMTModel", "MarianConfig", {**BART, "pad_token_id": 3}),
}
TEXTS = ["a man", "a woman, with a hat and a bag", "red"]


@pytest.fixture(autouse=True)
def quiet():
    """What transformers tells while a model is saved is not this project's."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_as_transformers_reads_it(kind, tmp_path):
    name, config, settings = KINDS[kind]
    folder = str(write_model(tmp_path / "model", name, config, **settings))
    encoder = encoders.load(folder)
    vectors = encoder.encode(TEXTS)
    whole = getattr(transformers, name).from_pretrained(folder).eval()
    model = whole.get_encoder() if config[:2] in ("T5", "Ba", "Ma") else whole.base_model
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        for text, vector in zip(TEXTS, vectors, strict=True):  # alone, so nothing is padded
            states = model(torch.tensor([tokenizer(text)["input_ids"]])).last_hidden_state[0]
            np.testing.assert_allclose(vector, states.mean(dim=0), atol=1e-5)
    assert encoder.dim == vectors.shape[1] == 16


def cut(folder: Path, part: str) -> None:
    """Take the weights whose name begins with ``part`` out of a model's file."""
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    kept = {k: v for k, v in load_file(file).items() if not k.startswith(part)}
    save_file(kept, file, metadata={"format": "pt"})


def test_an_encoder_without_its_weights_is_refused_and_a_decoder_is_not_asked_for(tmp_path):
    folder = write_model(tmp_path / "model", "T5Model", "T5Config", **T5)
    whole = encoders.load(str(folder)).encode(TEXTS)
    cut(folder, "decoder.")
    np.testing.assert_array_equal(encoders.load(str(folder)).encode(TEXTS), whole)
    cut(folder, "encoder.block.0.layer.0")
    with pytest.raises(UserError, match=r"has no weights for encoder\.block\.0\.layer\.0\."):
        encoders.load(str(folder))


def test_a_clip_is_named_with_its_pooling_and_nothing_else_is(tmp_path):
    clip = write_tiny_clip(tmp_path / "clip")
    bert = write_model(tmp_path / "bert", "BertModel", "BertConfig", **PLAIN)
    for ask in (encoders.load, encoders.require, encoders.unavailable):
        with pytest.raises(UserError, match=r"is a CLIP, whose text tower is read by .*clip@clip$"):
            ask(str(clip))
        with pytest.raises(UserError, match=r"is a bert; @clip is for CLIP models, leave it out$"):
            ask(f"{bert}@clip")
    assert encoders.load(f"{clip}@clip").encode(["a man"]).shape == (1, 16)


def test_what_is_no_language_model_is_one_line(tmp_path):
    settings = {**PLAIN, "image_size": 32, "patch_size": 16}
    folder = write_model(tmp_path / "vit", "ViTModel", "ViTConfig", **settings)
    with pytest.raises(UserError, match=r"is no language model but a vit$"):
        encoders.load(str(folder))
    folder = write_model(tmp_path / "bert", "BertModel", "BertConfig", **PLAIN)
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(UserError, match="its tokenizer knows no English word, or its files are"):
        encoders.load(str(folder))
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        encoders.load(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["./models/bert", "/no/where", "~/bert", "models/bert/base", "m/"])
def test_a_folder_that_is_not_there_is_no_matter_of_the_hub(name, monkeypatch):
    from clear_bench.text import hub

    monkeypatch.setattr(hub, "asked", lambda source: pytest.fail("the hub was asked"))
    assert encoders.unavailable(f"{name}@last") == "no such folder"
    with pytest.raises(UserError, match=f"^text encoder {name}: no such folder$"):
        encoders.load(name)
