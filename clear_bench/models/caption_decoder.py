"""A decoder that writes a caption of known words, and the search for the likeliest caption."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
    said: Tensor  # (R, A) bool, the words so far
    chance: Tensor  # (R, A) the largest probability that each word had so far
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


def sines(length: int, width: int) -> Tensor:
    """Return the places' vectors ``(length, width)``, counted from 1: sines and cosines in turn."""
    place = torch.arange(1, length + 1).float()[:, None]
    angle = place / 10000 ** (torch.arange(0, width, 2).float() / width)
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)


class CaptionDecoder(nn.Module):
    """Layers over the words so far and an image, and a map to the next word.

    A caption holds at most A words.  Source: SequencePAR's released code, after Meshed-Memory
    Transformer's; the words behind a caption's end need no mask here, since nothing before sees
    them.

    Args:
        words: A, how many words there are.
        dim: See `DecoderLayer`.
        layers: How many.
        heads: See `DecoderLayer`.
        head_dim: See `DecoderLayer`.
        hidden: See `DecoderLayer`.
        dropout: See `DecoderLayer`.
    """

    places: Tensor

    def __init__(
        self,
        words: int,
        *,
        dim: int,
        layers: int,
        heads: int,
        head_dim: int,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.register_buffer("places", sines(words + 1, dim), persistent=False)
        self.layers = nn.ModuleList(
            DecoderLayer(dim, heads, head_dim, hidden, dropout) for _ in range(layers)
        )
        self.write = nn.Linear(dim, words + 1, bias=False)

    def recall(self, image: Tensor) -> list[Memory]:
        """Return what each layer can look at of an image's tokens ``(B, N, d)``."""
        layers: Any = self.layers
        return [layer.to_image.remember(image) for layer in layers]

    def teach(self, words: Tensor, read: Tensor, image: Tensor) -> Tensor:
        """Return log-probabilities of the words that follow, ``(B, L, A + 1)``.

        Args:
            words: The A words' vectors and, last, the begin word's, ``(A + 1, d)``.
            read: ``(B, L)`` int64, the words before each; A is the begin word.
            image: Tokens ``(B, N, d)``.

        Returns:
            The last of them is the end word's.
        """
        x = words[read] + self.places[: read.shape[1]]
        for layer, memory in zip(self.layers, self.recall(image), strict=True):
            x, _ = layer(x, memory)
        return self.write(x).float().log_softmax(dim=2)

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
        chance = torch.maximum(beams.chance, told[:, :-1].exp())
        return beams._replace(chance=chance, past=past), told

    def generate(self, words: Tensor, image: Tensor, wide: int) -> tuple[Tensor, Tensor]:
        """Return what the likeliest caption of each image says.

        Args:
            words: As `teach` has them.
            image: Tokens ``(B, N, d)``.
            wide: Beams, the captions that are followed at a time.

        Returns:
            Whether it holds each word, ``(B, A)`` bool, and the largest probability that the word
            had in it, ``(B, A)``.
        """
        count, end = len(image), len(words) - 1
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
            beams.said.scatter_(1, word[:, None], True)
            if (best.score >= top.view(count, wide).amax(dim=1)).all():
                break  # log-probabilities only fall: no beam can overtake
        score = beams.score.view(count, wide)
        rows = first + torch.arange(wide, device=image.device)
        best = best.or_better(beams, rows, score, torch.ones_like(score, dtype=torch.bool))
        return best.said, best.chance
