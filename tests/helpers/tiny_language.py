"""Language models of random weights, small, in the layout of the hub."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

LETTERS = [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ :,.-()?\"'0123456789"]
SPECIAL = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}


def write_tokenizer(folder: Path, **special: str) -> None:
    """Write a tokenizer of letters with these special tokens alone."""
    tokens = [*LETTERS, *special.values()]
    plain = Tokenizer(models.BPE({token: k for k, token in enumerate(tokens)}, []))
    plain.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=plain, **special).save_pretrained(folder)


def write_model(folder: Path, name: str, config: str, **settings: Any) -> Path:
    """Write a model with random weights and a tokenizer of letters.

    Args:
        folder: A new one.
        name: Class of transformers.
        config: Class of its configuration.
        settings: Of the configuration; ``special`` are the tokenizer's special tokens.
    """
    import transformers

    special = settings.pop("special", SPECIAL)
    write_tokenizer(folder, **special)
    torch.manual_seed(0)
    size = len(LETTERS) + len(special)
    made = getattr(transformers, config)(**{"vocab_size": size, **settings})
    getattr(transformers, name)(made).save_pretrained(folder)
    return folder
