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
        self.said = {name: self.weights.pop(name).item() for name in SAID}

    def embed(self, one_hot: Floats, text: Floats) -> Floats:
        """Map codes ``(Q, H)`` and text embeddings ``(Q, T)`` to unit vectors ``(Q, d)``."""
        parts = []
        if self.said["embedding"] != "hard":
            centred = text - self.weights["text_mean"]
            seen = centred @ self.weights["text_map"] if "text_map" in self.weights else centred
            parts.append(self._adapt("text_adapter", unit(seen)))
        if self.said["embedding"] != "soft":
            parts.append(self._adapt("attribute_adapter", one_hot))
        parts = [unit(part) for part in parts] if self.said["unit_parts"] else parts
        joined = sum(parts) if self.said["combine"] == "sum" else np.concatenate(parts, axis=1)
        return unit(np.asarray(joined, np.float32))

    def _adapt(self, name: str, inputs: Floats) -> Floats:
        """Apply an adapter and what both share: linear layers with an activation between them."""
        layers = [*self._layers(f"{name}."), *self._layers("body.")]
        for place, layer in enumerate(layers):
            if place:
                inputs = ACTIVATIONS[self.said["activation"]](inputs)
            inputs = inputs @ self.weights[f"{layer}weight"].T + self.weights[f"{layer}bias"]
        return inputs

    def _layers(self, name: str) -> list[str]:
        """Return what the names of the linear layers below a name begin with, in their order."""
        weights = [key for key in self.weights if key.startswith(name) and key.endswith(".weight")]
        ends = [key.removesuffix("weight") for key in weights]
        return sorted(ends, key=lambda end: [int(n) for n in end.split(".") if n.isdigit()])


def gelu(inputs: Floats) -> Floats:
    """Return ``x * Phi(x)``, where Phi is the distribution of a normal variable."""
    from scipy.special import erf

    return inputs * 0.5 * (1 + erf(inputs / np.float32(np.sqrt(2))))


def relu(inputs: Floats) -> Floats:
    """Return what is positive, else 0."""
    return np.maximum(inputs, 0)


ACTIVATIONS = {"gelu": gelu, "relu": relu}
"""The keys of `clear_bench.models.clear_retrieval.ACTIVATIONS`, in numpy."""

SAID = ("embedding", "combine", "activation", "unit_parts")
"""Settings of a model that its weights do not tell."""


def export_tower(model: Any) -> Mapping[str, NDArray[Any]]:
    """Return what `QueryTower` reads of a `ClearRetrieval` model."""
    weights = {k: v.cpu().numpy() for k, v in model.state_dict().items() if "visual" not in k}
    if not (model.center or model.whitened):
        weights["text_mean"] = np.zeros_like(weights["text_mean"])
    return weights | {name: np.array(getattr(model, name)) for name in SAID}


def unit(rows: Floats) -> Floats:
    """Return rows at length 1, as `torch.nn.functional.normalize` does."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
