"""The packaged MiniLM in numpy: a new sentence in a fraction of what importing torch takes.

The layers are those of BERT (Devlin et al., 2019), with post-normalisation; the sentence's vector
is the mean over its tokens, as in `clear_bench.text.encoders`, whose own vectors these equal up to
the last bits.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.utils.errors import UserError

Floats = NDArray[np.float32]


class NumpyBert:
    """A BERT model with exact GELU, one sentence at a time.

    Args:
        folder: With ``config.json``, ``model.safetensors`` and ``tokenizer.json``.
    """

    def __init__(self, folder: Path) -> None:
        from safetensors import safe_open
        from tokenizers import Tokenizer

        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.dim = int(self.config["hidden_size"])
        opened: Any = safe_open(folder / "model.safetensors", "numpy")
        with opened as file:
            kept = [k for k in file.keys() if not k.startswith("pooler.")]  # noqa: SIM118
            self.weights = {k.removeprefix("embeddings."): file.get_tensor(k) for k in kept}

    def encode(self, sentences: Sequence[str]) -> Floats:
        """Return ``(N, dim)`` embeddings, float32, not normalised.

        Raises:
            UserError: If a sentence has more tokens than the model reads.
        """
        return np.stack([self._states(sentence).mean(axis=0) for sentence in sentences])

    def _states(self, sentence: str) -> Floats:
        """Return the last hidden states ``(L, dim)`` of a sentence of L tokens."""
        ids = self.tokenizer.encode(sentence).ids
        limit = self.config["max_position_embeddings"]
        if len(ids) > limit:
            raise UserError(f"text of {len(ids)} tokens: the encoder reads {limit}; shorten it")
        w = self.weights
        states = w["word_embeddings.weight"][ids] + w["position_embeddings.weight"][: len(ids)]
        states = self._norm(states + w["token_type_embeddings.weight"][0], "LayerNorm")
        for layer in range(self.config["num_hidden_layers"]):
            states = self._layer(states, f"encoder.layer.{layer}")
        return states

    def _layer(self, states: Floats, name: str) -> Floats:
        """Apply one block: self-attention and two linear layers, each added and normalised."""
        from scipy.special import erf

        heads = self.config["num_attention_heads"]
        q, k, v = (
            self._linear(states, f"{name}.attention.self.{part}")
            .reshape(len(states), heads, -1)
            .transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        logits = q @ k.transpose(0, 2, 1) / np.float32(np.sqrt(q.shape[2]))
        shares = np.exp(logits - logits.max(axis=2, keepdims=True))
        mixed = shares / shares.sum(axis=2, keepdims=True) @ v
        mixed = mixed.transpose(1, 0, 2).reshape(states.shape)
        mixed = self._linear(mixed, f"{name}.attention.output.dense")
        states = self._norm(states + mixed, f"{name}.attention.output.LayerNorm")
        wide = self._linear(states, f"{name}.intermediate.dense")
        wide = wide * 0.5 * (1 + erf(wide / np.float32(np.sqrt(2))))
        narrow = self._linear(wide, f"{name}.output.dense")
        return self._norm(states + narrow, f"{name}.output.LayerNorm")

    def _linear(self, inputs: Floats, name: str) -> Floats:
        """Return ``inputs W^T + b``."""
        return inputs @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _norm(self, inputs: Floats, name: str) -> Floats:
        """Return layer-normalised rows."""
        centred = inputs - inputs.mean(axis=1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self.config["layer_norm_eps"])
        return centred / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
