"""CLEAR's retrieval half: adapters over frozen image features and frozen text embeddings."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.options import checked
from clear_bench.models.base import RetrievalModel
from clear_bench.models.losses import contrastive, hardest_hinge, margin_softmax
from clear_bench.models.options import CLEAR_RETRIEVAL
from clear_bench.models.whitening import whitening
from clear_bench.utils.errors import UserError

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}


def adapter(
    inputs: int, outputs: int, depth: int, width: int, dropout: float, activation: str
) -> nn.Module:
    """Return a small MLP of ``depth`` linear layers (0: none, which asks ``inputs == outputs``).

    The layers, widths and activation of CLEAR's adapters are unknown; see docs/fidelity.md.
    """
    if depth < 0:
        raise UserError(f"adapter depth {depth}: must be 0 or more")
    if depth == 0:
        if inputs != outputs:
            raise UserError(f"adapter depth 0 needs {outputs} inputs, there are {inputs}")
        return nn.Identity()
    layers: list[nn.Module] = [nn.Dropout(dropout)]
    for _ in range(depth - 1):
        layers += [nn.Linear(inputs, width), ACTIVATIONS[activation](), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


@MODELS.register_module()
class ClearRetrieval(RetrievalModel):
    """Soft (text) and hard (one-hot) query embeddings against an adapted image feature.

    ``query = [f_text(LM(description)) ; f_attr(one-hot)]``, ``image = f_vis(feature)``, compared
    by cosine (the letters of the overview figure; inferred).

    Args:
        table: The training table, see `RetrievalModel`.
        embedding: ``both``, ``soft`` (text alone) or ``hard`` (one-hot alone).
        combine: ``concat`` or ``sum`` of the two.
        dim: Width of each query part, if it has an adapter.
        depth: Layers of the query adapters.  At 0 the query is left as it is, and the image
            adapter maps into the space that this gives: that of the text, the one-hot code, or
            both side by side.
        visual_depth: Layers of the image adapter.
        width: Hidden width of the adapters.
        dropout: Before each linear layer of the query adapters.
        feature_dropout: On the image feature; the frozen backbone has seen the training images,
            so their features are sharper than those of new people.
        margin_loss: One of `clear_bench.models.options.MARGINS`.
        margin: Of that loss.
        scale: Of its logits.
        center: Subtract the training mean from text embeddings and image features first.  Raw
            sentence embeddings of pedestrians all point the same way.
        unit_parts: Bring each query part to unit length before they are joined, so that neither
            drowns the other.
        mirror: Train on the features of mirrored images too.
        activation: Between the layers of the adapters, a key of `ACTIVATIONS`.
        shared: Whether all layers of the two query adapters but the first are the same ones.
        whiten: Directions of the training categories' text that are kept and brought to variance
            1, see `whitening`; 0 leaves the text as it is.
        align: Weight of the alignment of the text branch to the one-hot branch, see `alignment`;
            0 is none.  Of ``embedding=soft`` the one-hot branch learns too then, as a teacher,
            and no query is embedded by it.
        made: How many queries were made up for the alignment beside the training categories; the
            table holds those that are left, see `clear_bench.training.made_queries`.
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
        unit_parts: bool = True,
        mirror: bool = True,
        activation: str = "gelu",
        shared: bool = False,
        whiten: int = 0,
        align: float = 0.0,
        made: int = 0,
    ) -> None:
        super().__init__(table)
        given = {"embedding": embedding, "combine": combine, "margin_loss": margin_loss,
                 "activation": activation, "dim": dim, "width": width, "scale": scale,
                 "margin": margin, "whiten": whiten, "align": align}  # fmt: skip
        for name, value in given.items():
            checked(CLEAR_RETRIEVAL.options[name], name, value)
        if margin_loss in ("hinge", "contrastive"):
            self.alone(f"margin_loss={margin_loss}: its negatives are those of a process's batch")
        self.embedding, self.combine, self.center = embedding, combine, center
        self.unit_parts, self.mirror, self.activation = unit_parts, mirror, activation
        self.margin_loss, self.margin, self.scale = margin_loss, margin, scale
        self.feature_dropout = nn.Dropout(feature_dropout)
        asked = ("soft", "hard") if embedding == "both" else (embedding,)
        self._read_text(asked, whiten, align)
        widths_of = {"soft": self.seen_text(self.text).shape[1], "hard": self.one_hot.shape[1]}
        sizes = {part: widths_of[part] for part in asked}
        _fits_together(list(sizes.values()), combine, depth, visual_depth, shared=shared)
        if self.align and depth == 0:
            raise UserError(f"align={align}: without adapters (depth=0) there is nothing to align")
        mlp: Any = {"width": width, "dropout": dropout, "activation": activation}
        outputs = {part: dim if depth else size for part, size in sizes.items()}
        layers = 1 if shared else depth  # layers that are a part's own
        if "soft" in asked:
            first = width if shared else outputs["soft"]
            self.text_adapter = adapter(widths_of["soft"], first, layers, **mlp)
        if "hard" in asked or self.align:  # the teacher of the text branch, at the least
            first = width if shared else outputs.get("hard", dim)
            self.attribute_adapter = adapter(widths_of["hard"], first, layers, **mlp)
        self.body: nn.Module = nn.Identity()
        if shared:
            rest = adapter(width, dim, depth - 1, **mlp)
            self.body = nn.Sequential(ACTIVATIONS[activation](), rest)
        widths = outputs.values()
        joint = max(widths) if combine == "sum" else sum(widths)
        self.visual_adapter = adapter(len(self.feature_mean), joint, visual_depth, **mlp)

    def _read_text(self, asked: Sequence[str], whiten: int, align: float) -> None:
        """Keep what of the settings is about text; without a soft part there is nothing to do."""
        if "soft" in asked and self.text.shape[1] == 0:
            raise UserError(f"embedding={self.embedding}: the method reads no text; use hard")
        self.align = align if "soft" in asked else 0.0
        self.whitened = whiten > 0 and "soft" in asked
        if self.whitened:
            self.register_buffer("text_map", whitening(self.text, whiten))

    def seen_text(self, text: Tensor) -> Tensor:
        """Map text embeddings ``(Q, T)`` to the unit vectors that the text adapter reads."""
        if self.center or self.whitened:
            text = text - self.text_mean
        return F.normalize(text @ self.text_map if self.whitened else text, dim=1)

    def soft(self, text: Tensor) -> Tensor:
        """Map text embeddings ``(Q, T)`` to the soft part of the query."""
        return self.body(self.text_adapter(self.seen_text(text)))

    def hard(self, one_hot: Tensor) -> Tensor:
        """Map one-hot codes ``(Q, H)`` to the hard part of the query."""
        return self.body(self.attribute_adapter(one_hot))

    def embed_queries(self, vectors: Tensor, one_hot: Tensor, text: Tensor) -> Tensor:
        """Map queries to unit vectors ``(Q, d)``; see `RetrievalModel.embed_queries`."""
        parts = [self.soft(text)] if self.embedding != "hard" else []
        parts += [self.hard(one_hot)] if self.embedding != "soft" else []
        if self.unit_parts:
            parts = [F.normalize(part, dim=1) for part in parts]
        joined: Any = sum(parts) if self.combine == "sum" else torch.cat(parts, dim=1)
        return F.normalize(joined, dim=1)

    def embed_images(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Map image features to unit vectors ``(N, d)``; the probabilities are not used."""
        if self.center:
            features = features - self.feature_mean
        return F.normalize(self.visual_adapter(self.feature_dropout(features)), dim=1)

    def loss(self, features: Tensor, category: Tensor) -> dict[str, Tensor]:
        """Return the margin loss of a batch against all training categories, and the alignment."""
        images = self.embed_images(features, features)
        prototypes = self.embed_queries(self.vectors, self.one_hot, self.text)
        losses = {"loss": self.margin_of(images @ prototypes.T, category)}
        if self.align:
            hard = F.normalize(self.hard(self.one_hot), dim=1)
            losses["align_loss"] = self.align * self.alignment(len(category))
            if self.embedding == "soft":  # the teacher learns from the images as well
                losses["teacher_loss"] = self.margin_of(images @ hard.T, category)
        return losses

    def alignment(self, count: int) -> Tensor:
        """Return how far the soft part of a query is from the hard one: ``1 - cosine``, a mean.

        It is that of some queries, drawn among the training categories and those made up.  The
        hard part is the teacher: it does not move towards the soft one.

        Args:
            count: How many at most.
        """
        text = torch.cat([self.text, self.made_text])
        one_hot = torch.cat([self.one_hot, self.made_one_hot])
        drawn = torch.randperm(len(text))[:count].to(text.device)
        soft, hard = self.soft(text[drawn]), self.hard(one_hot[drawn]).detach()
        return (1 - F.cosine_similarity(soft, hard, dim=1)).mean()

    def margin_of(self, cosine: Tensor, category: Tensor) -> Tensor:
        """Return the margin loss of ``(B, C)`` cosines of images and categories."""
        if self.margin_loss == "hinge":
            return hardest_hinge(cosine, category, margin=self.margin)
        if self.margin_loss == "contrastive":
            return contrastive(cosine, category, scale=self.scale)
        margin = 0.0 if self.margin_loss == "softmax" else self.margin
        angular = self.margin_loss == "angular"
        return margin_softmax(cosine, category, margin=margin, scale=self.scale, angular=angular)


def _fits_together(
    sizes: Sequence[int], combine: str, depth: int, visual_depth: int, *, shared: bool
) -> None:
    """Raise a `UserError` for adapters that cannot be what their settings say.

    Args:
        sizes: Width of each query part before its adapter.
        combine: See `ClearRetrieval`, as all others.
        depth: Layers of the query adapters.
        visual_depth: Layers of the image adapter.
        shared: Whether the query adapters share their layers.
    """
    if depth == 0 and visual_depth == 0:
        raise UserError("depth=0 with visual_depth=0: nothing would learn; give one side a layer")
    if depth == 0 and combine == "sum" and len(set(sizes)) > 1:
        widths = " and ".join(str(size) for size in sizes)
        raise UserError(f"combine=sum: without adapters (depth=0) the parts have widths {widths}")
    if shared and len(sizes) < 2:
        raise UserError("shared=true: there is one query part; it needs embedding=both and a text")
    if shared and depth < 2:
        raise UserError(f"shared=true: all layers but the first are shared; depth={depth} has none")
