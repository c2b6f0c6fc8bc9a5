"""SequencePAR: a decoder writes a person's attributes one after the other, like a caption.

Jin, Wang, Lin, Li, Huang, Zheng, Tang: "SequencePAR: Understanding Pedestrian Attributes via A
Sequence Generation Paradigm", Pattern Recognition 2025; after the released code and its figures.

- Image: all tokens of a ViT before its last norm, mapped to the decoder's width.
- Words: the attributes' text embeddings, a begin word of ones and an end word.  A caption is the
  image's attributes in the order of their columns, then the end.
- Decoder: words plus sines of their place (from 1); layers of causal self-attention, attention to
  the image and a feed-forward net, each with its residual and then its norm; a linear map without
  bias to the words.  The loss is the mean negative log-likelihood of a batch's words, each told all
  true words before it.
- Decoding: beam search over sums of log-probabilities (``beams`` 1, the code's own value, is the
  most likely word each time), at most A words.

An attribute is present if the chosen caption holds it; the code's score is that 0 or 1.  The
contract wants a probability, so here it is ``(score + c_j) / 2``, where c_j is the largest
probability that the decoder gave attribute j while it wrote that caption (ours): at threshold 0.5
the very decisions of the code, graded within each side by how near the other was.

Defects of the released code, not copied: its training captions have no end, though the paper's
figure has one as last target, so its decoder never learns to stop and writes A words for all
images; its training-time evaluation drops the first attribute (``> 3`` for ``> 2``); captions of
more than 20 attributes end in an exception.  Its weighted likelihood, also in the figure, is built
and not used: the loss here is the plain one that ran.

Departures: the text tower is frozen and a linear map follows it (the code trains it too, at
1e-6); the image's map is learned anew where the code has CLIP's own.  Nothing image-like is
pre-trained in ``default``: the ViT is `vtb`'s.

The learning rate of ``default`` is of the common search (docs/learning_rates.md).

Cost: 1.3 M parameters and 87 MFLOPs an image of 128x64 in ``default``, if all of 35 attributes are
written (59 without the decoder); the text encoder is not counted (it runs once).
"""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.config.options import Declared, Divides, Switch, below
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.branches import ViTBranch
from clear_bench.models.caption_decoder import CaptionDecoder
from clear_bench.models.layers import read_phrases
from clear_bench.models.options import AT_LEAST_ONE, DECODER, VIT
from clear_bench.utils.errors import UserError

IGNORED = -100  # target of a place behind a caption's end
FLOOR = 1e-6  # of a probability's distance to 0 and 1, so that its logit is finite


def captions(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the captions of labels ``(B, A)`` as a decoder reads and as it should write them.

    Returns:
        Words read, ``(B, L)`` int64 with the begin word A first, and targets ``(B, L)`` with the
        end word A first behind the attributes and `IGNORED` after it; L is the longest caption's
        length and 1.  Places behind an end read some other attribute, which no place before sees.
    """
    attributes = labels.shape[1]
    present = labels > 0.5
    order = torch.argsort(~present, dim=1, stable=True)  # the present ones first, by column
    count = present.sum(dim=1, keepdim=True)
    length = int(count.max()) + 1
    first = torch.full_like(count, attributes)
    read = torch.cat([first, order], dim=1)[:, :length]
    place = torch.arange(length, device=labels.device)
    written = torch.cat([order, first], dim=1)[:, :length].masked_fill(place > count, IGNORED)
    return read, written.masked_fill(place == count, attributes)


@MODELS.register_module()
class SequencePar(PerAttributeModel):
    """A ViT and a decoder that writes attributes.

    Args:
        vit: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        decoder: Arguments of `CaptionDecoder`.
        beams: Captions followed at a time.
        phrases: File of the attributes' text embeddings.
        common: See `RecognitionModel`.

    Raises:
        UserError: If there is no beam.
    """

    # A caption lists all attributes of an image: whether an unknown one stands in it, and so which
    # word comes next, cannot be left open.
    masks_unknown = False
    no_onnx = "it writes a caption word by word until no other could be better"
    phrases: Tensor

    whole_batch = True

    def __init__(
        self,
        *,
        vit: Mapping[str, Any],
        pretrained: bool,
        decoder: Mapping[str, Any],
        beams: int,
        phrases: str,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if beams < 1:
            raise UserError(f"sequencepar: recognition.model.beams={beams}, must be at least 1")
        self.vit = ViTBranch(self.image_size, pretrained, **vit)
        self.vit.trunk.norm = nn.Identity()  # the decoder reads what stands before it
        self.summary_dim = dim = int(decoder["dim"])
        self.show = nn.Linear(self.vit.width, dim, bias=False)
        self.register_buffer("phrases", read_phrases(phrases, self.attributes))
        self.read = nn.Linear(self.phrases.shape[1], dim)
        self.decoder = CaptionDecoder(self.attributes, **decoder)
        self.beams = beams

    def see(self, images: Tensor) -> Tensor:
        """Map images to all their tokens at the decoder's width ``(B, N, d)``."""
        return self.show(self.vit.trunk.forward_features(images))

    def words(self) -> Tensor:
        """Return the attributes' words and, last, the begin word ``(A + 1, d)``."""
        return F.pad(self.read(self.phrases), (0, 0, 0, 1), value=1.0)

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the mean negative log-likelihood of the batch's words."""
        read, written = captions(labels)
        told = self.decoder.teach(self.words(), read, self.see(images))
        return {"loss": F.nll_loss(told.flatten(0, 1), written.flatten(), ignore_index=IGNORED)}

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the mean of their tokens ``(B, d)`` and logits ``(B, A)``."""
        image = self.see(images)
        said, chance = self.decoder.generate(self.words(), image, self.beams)
        probability = ((said + chance) / 2).clamp(FLOOR, 1 - FLOOR)
        return image.mean(dim=1), torch.logit(probability)


METHOD = Method(
    title="SequencePAR",
    cite="Jin et al., Pattern Recognition 2025",
    family="language-based",
    backbone={"default": "nano ViT", "paper": "CLIP-L/14"},
    papers=[
        {
            "authors": "Jin, Jiandong and Wang, Xiao and Lin, Yin and Li, Chenglong and Huang, "
            "Lili and Zheng, Aihua and Tang, Jin",
            "title": "SequencePAR: Understanding Pedestrian Attributes via A Sequence "
            "Generation Paradigm",
            "venue": "PR",
            "year": 2025,
            "arxiv": "2312.01640",
            "read": "README of Event-AHU/OpenPAR, SequencePAR; page of arXiv 2312.01640",
        },
    ],
    options={
        "recognition": Declared(
            {
                **below("vit", VIT),
                "pretrained": Switch(),
                **below("decoder", DECODER),
                "beams": AT_LEAST_ONE,
            },
            (Divides("vit.num_heads", "vit.embed_dim"),),
        )
    },
    recognition={
        "model": {
            "type": "SequencePar",
            "vit": {
                "name": "vit_tiny_patch16_224",
                "patch_size": 16,
                "embed_dim": 128,
                "depth": 4,
                "num_heads": 4,
            },
            "pretrained": False,
            "decoder": {
                "dim": 128,
                "layers": 2,
                "heads": 4,
                "head_dim": 32,
                "hidden": 256,
                "dropout": 0.1,
            },
            "beams": 1,
        },
        "text": {"encoder": "minilm", "template": "words"},
        "train": {"lr": 1e-3},
    },
    numbers={"recognition": 3},
    neutral={"recognition.model.vit.patch_size": 16},
    profiles={
        "base": {
            "recognition": {
                "model": {
                    "vit": {"name": "vit_base_patch16_clip_quickgelu_224.openai"},
                    "decoder": {
                        "dim": 512,
                        "layers": 3,
                        "heads": 8,
                        "head_dim": 64,
                        "hidden": 2048,
                        "dropout": 0.1,
                    },
                },
                "text": {"encoder": "openai/clip-vit-base-patch16@clip"},
            }
        },
        "paper": {
            "data": {"image_size": [224, 224], "letterbox": True},
            "recognition": {
                "model": {
                    "vit": {"name": "vit_large_patch14_clip_quickgelu_224.openai"},
                    "pretrained": True,
                    "decoder": {
                        "dim": 768,
                        "layers": 6,
                        "heads": 8,
                        "head_dim": 64,
                        "hidden": 2048,
                        "dropout": 0.1,
                    },
                },
                "text": {"encoder": "openai/clip-vit-large-patch14@clip"},
                "augment": {
                    "pad": 10,
                    "mean": [0.5, 0.5, 0.5],
                    "deviation": [0.5, 0.5, 0.5],
                },
                "train": {
                    "epochs": 50,
                    "batch_size": 32,
                    "lr": 1e-6,
                    "weight_decay": 1e-4,
                    "schedule": "cosine-epochs",
                    "floor": 0.002,
                    "warmup_epochs": 5,
                    "clip_norm": 1.0,
                },
            },
        },
    },
)
