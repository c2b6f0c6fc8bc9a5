"""Retrieval that also trains the recognition network it stands on.

The paper freezes that network; how much this costs or saves is the question of the study
``freezing``.
"""

from typing import Any

from mmengine.model import BaseModel
from mmengine.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class FinetunedRetrieval(BaseModel):
    """A recognition network and the retrieval head on its features, trained together.

    Images come through the recognition network's own preprocessor and augmentation.  What does not
    learn is as it is in use: no dropout, and batch norms keep their averages.

    Args:
        recognition: Full configuration of the recognition model.
        head: The same of the retrieval model.
        backbone: ``last`` or ``all``, see `RecognitionModel.blocks`.
    """

    def __init__(self, recognition: dict[str, Any], head: dict[str, Any], backbone: str) -> None:
        trunk = MODELS.build(recognition)
        super().__init__(trunk.data_preprocessor)
        self.recognition = trunk
        self.head = MODELS.build(head)
        self.image_size = trunk.image_size
        self.backbone = backbone
        trunk.requires_grad_(False)
        for block in trunk.blocks(backbone):
            block.requires_grad_(True)

    def init_weights(self) -> None:
        """Leave the weights as they were built, see `RecognitionModel.init_weights`."""

    def train(self, mode: bool = True) -> "FinetunedRetrieval":
        """Set the mode of what learns; the rest of the network stays as it is in use."""
        super().train(mode)
        self.recognition.eval()
        for block in self.recognition.blocks(self.backbone):
            block.train(mode)
        return self

    def loss(self, images: Tensor, category: Tensor) -> dict[str, Tensor]:
        """Return the head's losses of a batch of normalised images and their categories."""
        return self.head.loss(self.recognition.features(images), category)

    def forward(
        self, images: Tensor, category: Tensor, rows: Tensor, mode: str = "tensor"
    ) -> dict[str, Tensor] | Tensor:
        """Answer mmengine's training step, or embed images.

        Args:
            images: ``(B, 3, H, W)``, normalised.
            category: ``(B,)`` numbers of the training categories; not used to embed.
            rows: ``(B,)`` manifest rows; not used.
            mode: ``loss`` for the losses; ``tensor`` for ``(B, d)`` embeddings.
        """
        if mode == "loss":
            return self.loss(images, category)
        features, probabilities = self.recognition(images, None, None)
        return self.head.embed_images(features, probabilities)


def learning_rates(
    model: FinetunedRetrieval, share: float, optimizer: str
) -> dict[str, dict[str, float]]:
    """Return mmengine's ``custom_keys``: the network learns at a share of the head's rate.

    A custom key of mmengine loses AdamW's rule that decay is for matrices, so it is said again.
    """
    plain = {"decay_mult": 0.0} if optimizer == "AdamW" else {}
    return {
        name: {"lr_mult": share} | (plain if p.ndim < 2 else {})
        for name, p in model.named_parameters()
        if name.startswith("recognition.") and p.requires_grad
    }
