"""CLEAR's retrieval half: adapters over frozen image features and frozen text embeddings."""

from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.errors import UserError
from clear_bench.models.losses import hardest_hinge, margin_softmax
from clear_bench.models.person import RetrievalModel

EMBEDDINGS = ("both", "soft", "hard")
COMBINE = ("concat", "sum")
MARGINS = ("angular", "cosine", "hinge", "softmax")


def adapter(inputs: int, outputs: int, depth: int, width: int, dropout: float) -> nn.Module:
    """Return a small MLP of ``depth`` linear layers (0: none, which asks ``inputs == outputs``).

    The layers and widths of CLEAR's adapters are unknown; see docs/fidelity.md.
    """
    if depth < 0:
        raise UserError(f"adapter depth {depth}: must be 0 or more")
    if depth == 0:
        if inputs != outputs:
            raise UserError(f"adapter depth 0 needs {outputs} inputs, there are {inputs}")
        return nn.Identity()
    layers: list[nn.Module] = [nn.Dropout(dropout)]
    for _ in range(depth - 1):
        layers += [nn.Linear(inputs, width), nn.GELU(), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


@MODELS.register_module()
class ClearRetrieval(RetrievalModel):
    """Soft (text) and hard (one-hot) query embeddings against an adapted image feature.

    ``query = [f_text(LM(description)) ; f_attr(one-hot)]``, ``image = f_vis(feature)``, compared
    by cosine (the letters of the overview figure; inferred).  Each query part is brought to unit
    length before it is joined, so neither drowns the other.

    Args:
        table: The training table, see `RetrievalModel`.
        embedding: ``both``, ``soft`` (text alone) or ``hard`` (one-hot alone).
        combine: ``concat`` or ``sum`` of the two.
        dim: Width of each query part.
        depth: Layers of the query adapters.
        visual_depth: Layers of the image adapter.
        width: Hidden width of the adapters.
        dropout: Before each linear layer of the query adapters.
        feature_dropout: On the image feature; the frozen backbone has seen the training images,
            so their features are sharper than those of new people.
        margin_loss: One of `MARGINS`.
        margin: Of that loss.
        scale: Of its logits.
        center: Subtract the training mean from text embeddings and image features first.  Raw
            sentence embeddings of pedestrians all point the same way.
    """

    tunable = True

    def __init__(
        self,
        table: str,
        embedding: str,
        combine: str,
        dim: int,
        depth: int,
        visual_depth: int,
        width: int,
        dropout: float,
        feature_dropout: float,
        margin_loss: str,
        margin: float,
        scale: float,
        center: bool,
    ) -> None:
        super().__init__(table)
        _require("embedding", embedding, EMBEDDINGS)
        _require("combine", combine, COMBINE)
        _require("margin_loss", margin_loss, MARGINS)
        self.embedding, self.combine, self.center = embedding, combine, center
        self.margin_loss, self.margin, self.scale = margin_loss, margin, scale
        self.feature_dropout = nn.Dropout(feature_dropout)
        parts = 0
        if embedding != "hard":
            self.text_adapter = adapter(self.text.shape[1], dim, depth, width, dropout)
            parts += 1
        if embedding != "soft":
            self.attribute_adapter = adapter(self.one_hot.shape[1], dim, depth, width, dropout)
            parts += 1
        joint = dim if combine == "sum" else dim * parts
        self.visual_adapter = adapter(len(self.feature_mean), joint, visual_depth, width, dropout)

    def embed_queries(self, vectors: Tensor, one_hot: Tensor, text: Tensor) -> Tensor:
        """Map queries to unit vectors ``(Q, d)``; see `RetrievalModel.embed_queries`."""
        parts = []
        if self.embedding != "hard":
            if self.center:
                text = text - self.text_mean
            parts.append(self.text_adapter(F.normalize(text, dim=1)))
        if self.embedding != "soft":
            parts.append(self.attribute_adapter(one_hot))
        parts = [F.normalize(part, dim=1) for part in parts]
        joined = sum(parts) if self.combine == "sum" else torch.cat(parts, dim=1)
        return F.normalize(joined, dim=1)

    def embed_images(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Map image features to unit vectors ``(N, d)``; the probabilities are not used."""
        if self.center:
            features = features - self.feature_mean
        return F.normalize(self.visual_adapter(self.feature_dropout(features)), dim=1)

    def loss(self, features: Tensor, category: Tensor) -> dict[str, Tensor]:
        """Return the margin loss of a batch against all training categories."""
        images = self.embed_images(features, features)
        prototypes = self.embed_queries(self.vectors, self.one_hot, self.text)
        cosine = images @ prototypes.T
        if self.margin_loss == "hinge":
            return {"loss": hardest_hinge(cosine, category, margin=self.margin)}
        margin = 0.0 if self.margin_loss == "softmax" else self.margin
        angular = self.margin_loss == "angular"
        return {
            "loss": margin_softmax(
                cosine, category, margin=margin, scale=self.scale, angular=angular
            )
        }


def _require(name: str, value: str, known: Sequence[str]) -> None:
    """Raise a `UserError` if a word is not among those known."""
    if value not in known:
        raise UserError(f"{name}={value}: must be one of {', '.join(known)}")
