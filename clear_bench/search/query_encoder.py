"""CLEAR's query encoder in numpy: importing torch alone takes longer than a query should."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
KIND = "ClearRetrieval"
"""The class whose twin `QueryTower` is."""


class QueryTower:
    """Numpy twin of `ClearRetrieval.embed_queries`; equal up to the last bits.

    Args:
        file: Written by `export_tower`.
    """

    def __init__(self, file: Path) -> None:
        with np.load(file, allow_pickle=False) as arrays:
            self.weights = dict(arrays)
        self.embedding = str(self.weights.pop("embedding"))
        self.combine = str(self.weights.pop("combine"))

    def embed(self, one_hot: Floats, text: Floats) -> Floats:
        """Map codes ``(Q, H)`` and text embeddings ``(Q, T)`` to unit vectors ``(Q, d)``."""
        parts = []
        if self.embedding != "hard":
            parts.append(self._adapt("text_adapter", unit(text - self.weights["text_mean"])))
        if self.embedding != "soft":
            parts.append(self._adapt("attribute_adapter", one_hot))
        parts = [unit(part) for part in parts]
        joined = sum(parts) if self.combine == "sum" else np.concatenate(parts, axis=1)
        return unit(np.asarray(joined, np.float32))

    def _adapt(self, name: str, inputs: Floats) -> Floats:
        """Apply an adapter: linear layers with GELU between them, or none at all."""
        from scipy.special import erf

        layers = [k.split(".")[1] for k in self.weights if k.startswith(f"{name}.") and "weig" in k]
        for place, number in enumerate(sorted(layers, key=int)):
            if place:
                inputs = inputs * 0.5 * (1 + erf(inputs / np.float32(np.sqrt(2))))
            weight, bias = (self.weights[f"{name}.{number}.{k}"] for k in ("weight", "bias"))
            inputs = inputs @ weight.T + bias
        return inputs


def export_tower(model: Any) -> Mapping[str, NDArray[Any]]:
    """Return what `QueryTower` reads of a `ClearRetrieval` model."""
    weights = {k: v.cpu().numpy() for k, v in model.state_dict().items() if "visual" not in k}
    if not model.center:
        weights["text_mean"] = np.zeros_like(weights["text_mean"])
    return weights | {"embedding": np.array(model.embedding), "combine": np.array(model.combine)}


def unit(rows: Floats) -> Floats:
    """Return rows at length 1, as `torch.nn.functional.normalize` does."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
