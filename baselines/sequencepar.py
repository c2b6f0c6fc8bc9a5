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
1e-6); the image's map is learned anew where the code has CLIP's own.  In ``paper`` images are
resized to 224x224 instead of padded to a square, and normalised by ImageNet's numbers.  Nothing
image-like is pre-trained in ``default``: the ViT is `vtb`'s.

Cost: COST
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.models.base import PerAttributeModel
from clear_bench.models.branches import ViTBranch
from clear_bench.models.layers import read_phrases
from clear_bench.utils.errors import UserError

IGNORED = -100  # target of a place behind a caption's end
FLOOR = 1e-6  # of a probability's distance to 0 and 1, so that its logit is finite


def sines(length: int, width: int) -> Tensor:
    """Return the places' vectors ``(length, width)``, counted from 1: sines and cosines in turn."""
    place = torch.arange(1, length + 1).float()[:, None]
    angle = place / 10000 ** (torch.arange(0, width, 2).float() / width)
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)


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


Memory = tuple[Tensor, Tensor]
"""Keys and values of what can be looked at, each ``(B, heads, N, head_dim)``."""


class Attention(nn.Module):
    """Multi-head attention whose heads' width is free of the model's.

    Args:
        dim: Width of the model.
        heads: Number of heads.
        head_dim: Width of each.
    """

    def __init__(self, dim: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(dim, heads * head_dim) for _ in range(3))
        self.out = nn.Linear(heads * head_dim, dim)
        for linear in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def split(self, x: Tensor) -> Tensor:
        """Map ``(B, L, heads * head_dim)`` to ``(B, heads, L, head_dim)``."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def remember(self, context: Tensor) -> Memory:
        """Return keys and values of tokens ``(B, N, d)``."""
        return self.split(self.key(context)), self.split(self.value(context))

    def forward(self, x: Tensor, memory: Memory, causal: bool = False) -> Tensor:
        """Map queries ``(B, L, d)`` to what they saw, ``(B, L, d)``."""
        seen = F.scaled_dot_product_attention(self.split(self.query(x)), *memory, is_causal=causal)
        return self.out(seen.transpose(1, 2).flatten(2))


class DecoderLayer(nn.Module):
    """Self-attention, attention to the image, feed-forward; each with residual, then norm.

    Args:
        dim: Width.
        heads: Heads of both attentions.
        head_dim: Width of each head.
        hidden: Width of the feed-forward net.
        dropout: On what each part adds, and inside the feed-forward net.
    """

    def __init__(self, dim: int, heads: int, head_dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.among_words = Attention(dim, heads, head_dim)
        self.to_image = Attention(dim, heads, head_dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, dim)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, image: Memory, past: Memory | None = None
    ) -> tuple[Tensor, Memory]:
        """Map places ``(B, L, d)`` to ``(B, L, d)``, and return the memory of the words.

        Args:
            x: A whole caption, of which each place sees those up to itself; or, with ``past``, the
                one place that follows it.
            image: Of ``to_image``.
            past: Of ``among_words``, the words before.
        """
        words = self.among_words.remember(x)
        if past is not None:
            words = (torch.cat([past[0], words[0]], dim=2), torch.cat([past[1], words[1]], dim=2))
        among = self.among_words(x, words, causal=past is None)
        x = self.norms[0](x + self.dropout(among))
        x = self.norms[1](x + self.dropout(self.to_image(x, image)))
        return self.norms[2](x + self.dropout(self.feed_forward(x))), words


class Beams(NamedTuple):
    """Captions that are being written, R rows: the beams of an image side by side."""

    last: Tensor  # (R,) int64, the last word
    said: Tensor  # (R, A) bool, the attributes so far
    chance: Tensor  # (R, A) the largest probability that each attribute had so far
    score: Tensor  # (R,) sum of the words' log-probabilities
    past: list[Memory]  # of each layer, the words so far

    def pick(self, rows: Tensor) -> "Beams":
        """Return these rows."""
        past = [(key[rows], value[rows]) for key, value in self.past]
        return Beams(self.last[rows], self.said[rows], self.chance[rows], self.score[rows], past)


class Best(NamedTuple):
    """The likeliest finished caption of each of B images."""

    said: Tensor  # (B, A) bool
    chance: Tensor  # (B, A)
    score: Tensor  # (B,)

    def or_better(self, beams: Beams, rows: Tensor, score: Tensor, ended: Tensor) -> "Best":
        """Return the better of these and of what ends now.

        Args:
            beams: The captions without their ends.
            rows: ``(B, K)`` int64, which of them are candidates.
            score: ``(B, K)``, the candidates' scores with their ends.
            ended: ``(B, K)`` bool, which of them end at all.
        """
        value, place = score.masked_fill(~ended, -torch.inf).max(dim=1)
        row = rows.gather(1, place[:, None]).squeeze(1)
        better = value > self.score
        return Best(
            torch.where(better[:, None], beams.said[row], self.said),
            torch.where(better[:, None], beams.chance[row], self.chance),
            torch.where(better, value, self.score),
        )


@MODELS.register_module()
class SequencePar(PerAttributeModel):
    """A ViT and a decoder that writes attributes.

    Args:
        vit: timm's name and arguments.
        pretrained: Whether timm's published weights are loaded.
        dim: Width of the decoder.
        layers: Of the decoder.
        heads: See `DecoderLayer`.
        head_dim: See `DecoderLayer`.
        hidden: See `DecoderLayer`.
        dropout: See `DecoderLayer`.
        beams: Captions followed at a time.
        phrases: File of the attributes' text embeddings.
        common: See `RecognitionModel`.

    Raises:
        UserError: If there is no beam.
    """

    phrases: Tensor
    places: Tensor

    def __init__(
        self,
        *,
        vit: Mapping[str, Any],
        pretrained: bool,
        dim: int,
        layers: int,
        heads: int,
        head_dim: int,
        hidden: int,
        dropout: float,
        beams: int,
        phrases: str,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        if beams < 1:
            raise UserError(f"sequencepar: recognition.model.beams={beams}, must be at least 1")
        self.vit = ViTBranch(self.image_size, pretrained, **vit)
        self.vit.trunk.norm = nn.Identity()  # the decoder reads what stands before it
        self.summary_dim = dim
        self.show = nn.Linear(self.vit.width, dim, bias=False)
        self.register_buffer("phrases", read_phrases(phrases, self.attributes))
        self.read = nn.Linear(self.phrases.shape[1], dim)
        places = sines(self.attributes + 1, dim)
        self.register_buffer("places", places, persistent=False)
        self.layers = nn.ModuleList(
            DecoderLayer(dim, heads, head_dim, hidden, dropout) for _ in range(layers)
        )
        self.write = nn.Linear(dim, self.attributes + 1, bias=False)
        self.beams = beams

    def see(self, images: Tensor) -> Tensor:
        """Map images to all their tokens at the decoder's width ``(B, N, d)``."""
        return self.show(self.vit.trunk.forward_features(images))

    def words(self) -> Tensor:
        """Return the attributes' words and, last, the begin word ``(A + 1, d)``."""
        return F.pad(self.read(self.phrases), (0, 0, 0, 1), value=1.0)

    def recall(self, image: Tensor) -> list[Memory]:
        """Return what each layer can look at of an image's tokens ``(B, N, d)``."""
        layers: Any = self.layers
        return [layer.to_image.remember(image) for layer in layers]

    def teach(self, image: Tensor, read: Tensor) -> Tensor:
        """Map words ``(B, L)`` to the log-probabilities of the next ones ``(B, L, A + 1)``."""
        x = self.words()[read] + self.places[: read.shape[1]]
        for layer, memory in zip(self.layers, self.recall(image), strict=True):
            x, _ = layer(x, memory)
        return self.write(x).float().log_softmax(dim=2)

    def loss(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the mean negative log-likelihood of the batch's words."""
        read, written = captions(labels)
        told = self.teach(self.see(images), read)
        return {"loss": F.nll_loss(told.flatten(0, 1), written.flatten(), ignore_index=IGNORED)}

    def step(
        self, beams: Beams, place: int, words: Tensor, image: list[Memory]
    ) -> tuple[Beams, Tensor]:
        """Return the beams after they read their last word, and log-probabilities of the next."""
        x = (words[beams.last] + self.places[place])[:, None]
        past = []
        for number, layer in enumerate(self.layers):
            before = beams.past[number] if beams.past else None
            x, memory = layer(x, image[number], before)
            past.append(memory)
        told = self.write(x[:, 0]).float().log_softmax(dim=1)
        chance = torch.maximum(beams.chance, told[:, : self.attributes].exp())
        return beams._replace(chance=chance, past=past), told

    def generate(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the likeliest caption of each image says.

        Args:
            image: Tokens ``(B, N, d)``.

        Returns:
            Whether it holds each attribute, ``(B, A)`` bool, and the largest probability that the
            attribute had in it, ``(B, A)``.
        """
        count, wide, end = len(image), self.beams, self.attributes
        words = self.words()
        memory = self.recall(image.repeat_interleave(wide, dim=0))
        nothing = image.new_zeros(count * wide, end, dtype=torch.float32)
        score = nothing.new_zeros(count, wide)
        score[:, 1:] = -torch.inf  # at first all beams of an image are the same
        last = torch.full((count * wide,), end, device=image.device)
        beams = Beams(last, nothing.bool(), nothing, score.flatten(), [])
        first = torch.arange(count, device=image.device)[:, None] * wide
        best = Best(nothing[:count].bool(), nothing[:count], nothing.new_full((count,), -torch.inf))
        for place in range(end):
            beams, told = self.step(beams, place, words, memory)
            total = (beams.score[:, None] + told).view(count, -1)
            top, chosen = total.topk(2 * wide, dim=1)
            row, word = first + chosen // (end + 1), chosen % (end + 1)
            ends = word == end
            # Of the first ``wide`` candidates those that end are done; the others go on.
            best = best.or_better(beams, row[:, :wide], top[:, :wide], ends[:, :wide])
            on = ends.int().argsort(dim=1, stable=True)[:, :wide]
            row, word, top = (x.gather(1, on).flatten() for x in (row, word, top))
            beams = beams.pick(row)._replace(last=word, score=top)
            beams.said[torch.arange(len(word)), word] = True
            if (best.score >= top.view(count, wide).amax(dim=1)).all():
                break  # log-probabilities only fall: no beam can overtake
        score = beams.score.view(count, wide)
        rows = first + torch.arange(wide, device=image.device)
        best = best.or_better(beams, rows, score, torch.ones_like(score, dtype=torch.bool))
        return best.said, best.chance

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to the mean of their tokens ``(B, d)`` and logits ``(B, A)``."""
        image = self.see(images)
        said, chance = self.generate(image)
        probability = ((said + chance) / 2).clamp(FLOOR, 1 - FLOOR)
        return image.mean(dim=1), torch.logit(probability)


METHOD = Method(
    title="SequencePAR",
    cite="Jin et al., Pattern Recognition 2025",
    recognition={
        "model": {
            "type": "SequencePar",
            "vit": {
                "name": "vit_tiny_patch16_224",
                "embed_dim": 128,
                "depth": 4,
                "num_heads": 4,
            },
            "pretrained": False,
            "dim": 128,
            "layers": 2,
            "heads": 4,
            "head_dim": 32,
            "hidden": 256,
            "dropout": 0.1,
            "beams": 1,
        },
        "text": {"encoder": "minilm", "template": "words"},
    },
    profiles={
        "paper": {
            "data": {"image_size": [224, 224]},
            "recognition": {
                "model": {
                    "vit": {"name": "vit_large_patch14_clip_quickgelu_224.openai"},
                    "pretrained": True,
                    "dim": 768,
                    "layers": 6,
                    "heads": 8,
                    "head_dim": 64,
                    "hidden": 2048,
                },
                "text": {"encoder": "openai/clip-vit-large-patch14@clip"},
                "augment": {"pad": 10},
                "train": {
                    "epochs": 50,
                    "batch_size": 32,
                    "lr": 1e-6,
                    "weight_decay": 1e-4,
                    "schedule": "cosine",
                    "warmup_epochs": 5,
                    "clip_norm": 1.0,
                },
            },
        }
    },
)
