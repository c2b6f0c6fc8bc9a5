"""Zero-shot CLIP: images and pseudo-descriptions as CLIP embeds them, ranked by cosine.

Radford et al.: "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.
Nothing is learned: the "recognition run" only encodes all images with CLIP's image tower, and the
descriptions go through its text tower.  Both towers must be of one model, named by its Hugging Face
id or a folder, once for each: ``--set recognition.model.source=ID --set text.encoder=ID@clip``; of
two that differ only a difference in width can be noticed.  If the weights cannot be had, the run
stops with a message; they are never replaced.

Its recognition run tells nothing about recognition: it predicts the label prior, so as to be in no
table for more than it is.  Images are put in a black square and resized to what CLIP reads, from
the data set's common image size, so that no method sees more pixels than another.
Cost: no training; one pass of a ViT-B/32 (about 9 GFLOPs) an image, and one more for its mirror
image.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.config.options import NAME, Declared
from clear_bench.models.base import RecognitionModel, RetrievalModel
from clear_bench.text.clip import pretrained
from clear_bench.utils.errors import UserError

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)  # RGB, of values in 0..1; from CLIP's own code
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@MODELS.register_module()
class ClipImages(RecognitionModel):
    """CLIP's image tower with its projection; its probabilities are the label prior.

    Args:
        source: Hugging Face id or folder of a CLIP model.
        common: See `RecognitionModel`.

    Raises:
        UserError: If the model cannot be had.
    """

    to_pixels: Tensor

    def __init__(self, *, source: str, **common: Any) -> None:
        super().__init__(**common)
        clip = pretrained(source)
        self.tower, self.projection = clip.vision_model, clip.visual_projection
        self.requires_grad_(False)
        self.side = int(clip.config.vision_config.image_size)
        self.feature_dim = int(clip.config.projection_dim)

    def features(self, images: Tensor) -> Tensor:
        """Map images ``(B, 3, H, W)``, normalised, to ``(B, feature_dim)``."""
        return self.projection(self.tower(pixel_values=self.squared(images)).pooler_output)

    def squared(self, images: Tensor) -> Tensor:
        """Return images ``(B, 3, side, side)`` in a black square, normalised as for CLIP."""
        scale = self.side / max(images.shape[2:])
        height, width = (round(scale * size) for size in images.shape[2:])
        seen = self.data_preprocessor
        pixels = (images * seen.deviation + seen.mean) / 255
        resized = F.interpolate(pixels, (height, width), mode="bicubic", antialias=True)
        top, left = (self.side - height) // 2, (self.side - width) // 2
        sides = (left, self.side - width - left, top, self.side - height - top)
        black = F.pad(resized.clamp(0, 1), sides)
        return (black - _column(CLIP_MEAN, images)) / _column(CLIP_STD, images)

    def classify(self, features: Tensor) -> Tensor:
        """Map features to the logit of the training shares, ``(B, A)``."""
        return self.positive_ratio.logit(eps=1e-6).expand(len(features), -1)


@MODELS.register_module()
class ClipRetrieval(RetrievalModel):
    """Compares CLIP's embeddings as they are.

    Raises:
        UserError: If images and descriptions were not embedded by models of one width.
    """

    def __init__(self, table: str) -> None:
        super().__init__(table)
        if self.text.shape[1] != len(self.feature_mean):
            raise UserError(
                f"clip_zero_shot: text vectors are {self.text.shape[1]} wide, image vectors "
                f"{len(self.feature_mean)}; give one CLIP model as recognition.model.source and, "
                "with @clip, as text.encoder, and keep retrieval.parent=clip_zero_shot"
            )

    def embed_images(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Return image embeddings at unit length ``(N, D)``."""
        return F.normalize(features, dim=1)

    def embed_queries(self, vectors: Tensor, one_hot: Tensor, text: Tensor) -> Tensor:
        """Return description embeddings at unit length ``(Q, D)``."""
        return F.normalize(text, dim=1)


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    """Return one value a channel, to go with images ``(B, 3, H, W)``."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)


SOURCE = "openai/clip-vit-base-patch32"
METHOD = Method(
    title="CLIP, zero-shot",
    cite="Radford et al., ICML 2021",
    family="language-based",
    backbone={"default": "CLIP-B/32"},
    papers=[
        {
            "authors": "Radford, Alec and Kim, Jong Wook and Hallacy, Chris and Ramesh, Aditya "
            "and Goh, Gabriel and Agarwal, Sandhini and Sastry, Girish and Askell, "
            "Amanda and Mishkin, Pamela and Clark, Jack and Krueger, Gretchen and "
            "Sutskever, Ilya",
            "title": "Learning Transferable Visual Models From Natural Language Supervision",
            "venue": "ICML",
            "year": 2021,
            "arxiv": "2103.00020",
            "read": "BibTeX in lucidrains/x-clip and mlfoundations/open_clip",
        },
    ],
    options={
        "recognition": Declared(
            {
                "source": NAME,
            }
        )
    },
    recognition={"model": {"type": "ClipImages", "source": SOURCE}, "train": {"epochs": 0}},
    retrieval={
        "parent": "clip_zero_shot",
        "text": {"encoder": f"{SOURCE}@clip", "template": "positives"},
        "model": {"type": "ClipRetrieval"},
        "train": {"epochs": 0},
    },
)
