"""Trained models on whole splits: encode images, embed queries, rank a gallery."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clear_bench.metrics.retrieval import RetrievalResult, dot_products, metrics_of_scores
from clear_bench.metrics.upar import challenge_score, mean_adm
from clear_bench.models.finetuned import FinetunedRetrieval
from clear_bench.utils.progress import track

BATCH = 256  # fixed, so that a feature never depends on which rows were asked for with it
Arrays = Mapping[str, NDArray[Any]]


@torch.inference_mode()
def encode(
    model: Any, pixels: Any, rows: NDArray[np.intp], *, mirror: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return features and probabilities of images under a recognition model.

    Args:
        model: A `RecognitionModel` in eval mode.
        pixels: ``(M, H, W, 3)`` uint8, an array or what reads like one.
        rows: ``(N,)`` rows of ``pixels`` to encode.
        mirror: Encode the images flipped left to right.

    Returns:
        ``(N, D)`` features and ``(N, A)`` probabilities, float32.
    """
    features, probabilities = [], []
    for start in track(range(0, len(rows), BATCH), "encode images"):
        chunk = pixels[rows[start : start + BATCH]]
        if mirror:
            chunk = chunk[:, :, ::-1]
        batch = {"images": torch.from_numpy(np.ascontiguousarray(chunk))}
        images = model.data_preprocessor(batch, False)["images"]
        feature, probability = model(images, None, None)
        features.append(feature.float().cpu().numpy())
        probabilities.append(probability.float().cpu().numpy())
    return np.concatenate(features), np.concatenate(probabilities)


def embed(model: Any, split: Arrays) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ``(Q, d)`` query and ``(N, d)`` image embeddings of a split, see `rank_split`."""
    return embed_queries(model, split), embed_images(model, split)


@torch.inference_mode()
def embed_queries(model: Any, split: Arrays) -> NDArray[np.float32]:
    """Return ``(Q, d)`` embeddings of ``vectors``, ``one_hot`` and ``text``, see `rank_split`."""
    vectors, one_hot, text = _put(model, split, "vectors", "one_hot", "text")
    return model.embed_queries(vectors.float(), one_hot, text).float().cpu().numpy()


@torch.inference_mode()
def embed_images(model: Any, split: Arrays) -> NDArray[np.float32]:
    """Return ``(N, d)`` embeddings of ``features`` and ``probabilities``, see `rank_split`."""
    return (
        model.embed_images(*_put(model, split, "features", "probabilities")).float().cpu().numpy()
    )


def _put(model: Any, split: Arrays, *names: str) -> list[torch.Tensor]:
    """Return arrays as tensors where a model is."""
    on = next(iter(model.buffers())).device
    return [torch.from_numpy(np.asarray(split[name])).to(on) for name in names]


@torch.inference_mode()
def score(model: Any, split: Arrays, start: int, stop: int) -> NDArray[np.floating]:
    """Return the scores of queries ``start`` to ``stop`` of a model without a common space."""
    vectors = torch.from_numpy(split["vectors"][start:stop]).float()
    features = torch.from_numpy(split["features"])
    probabilities = torch.from_numpy(split["probabilities"])
    return model.scores(vectors, features, probabilities).cpu().numpy()


def as_seen(model: Any, split: Arrays, pixels: Any) -> tuple[Any, Arrays]:
    """Return what ranks a split, and the split as it sees it.

    A model on frozen features ranks those that are there; one that trains its network has features
    of its own, made of the images now.

    Args:
        model: A trained retrieval model of either kind.
        split: See `rank_split`; with the ``rows`` of its images.
        pixels: ``(M, H, W, 3)`` uint8; read for the second kind alone.
    """
    if not isinstance(model, FinetunedRetrieval):
        return model, split
    features, probabilities = encode(model.recognition, pixels, split["rows"])
    return model.head, {**split, "features": features, "probabilities": probabilities}


def rank_split(
    model: Any,
    split: Arrays,
    *,
    ap: str,
    no_positives: str,
    ties: str = "index",
    madm: bool = False,
) -> RetrievalResult:
    """Rank a split's images for each of its queries and return the metrics.

    Args:
        model: A `RetrievalModel` in eval mode.
        split: ``features`` ``(N, D)``, ``probabilities`` ``(N, A)`` and ``category`` ``(N,)`` of
            the gallery; ``vectors`` ``(Q, A)``, ``one_hot`` ``(Q, H)``, ``text`` ``(Q, T)`` and
            ``query_category`` ``(Q,)`` of the queries; ``removed_query`` and ``removed_image``
            ``(R,)``, see `metrics_of_scores`; ``gallery_vectors`` ``(N, A)``.
        ap: Convention of average precision, see `metrics_of_scores`.
        no_positives: What becomes of a query without positives, see `metrics_of_scores`.
        ties: Order of images of equal score, see `metrics_of_scores`.
        madm: Whether to add ``mADM`` and ``challenge``, see `clear_bench.metrics.upar`.
    """
    scores = dot_products(*embed(model, split)) if model.embeds else partial(score, model, split)
    rule: Any = {"ap": ap, "no_positives": no_positives, "ties": ties}
    rule["removed"] = (split["removed_query"], split["removed_image"])
    result = metrics_of_scores(scores, split["query_category"], split["category"], **rule)
    if madm:
        metrics = result.metrics
        metrics["mADM"] = mean_adm(scores, split["vectors"], split["gallery_vectors"])
        metrics["challenge"] = challenge_score(metrics["mAP"], metrics["rank1"])
    return result
