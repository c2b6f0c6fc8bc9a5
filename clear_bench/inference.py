"""Trained models on whole splits: encode images, embed queries, rank a gallery."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clear_bench.metrics.retrieval import RetrievalResult, metrics_of_scores, retrieval_metrics
from clear_bench.progress import track

BATCH = 256  # fixed, so that a feature never depends on which rows were asked for with it
Arrays = Mapping[str, NDArray[Any]]


@torch.inference_mode()
def encode(
    model: Any, pixels: NDArray[np.uint8], rows: NDArray[np.intp], *, mirror: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return features and probabilities of images under a recognition model.

    Args:
        model: A `RecognitionModel` in eval mode.
        pixels: ``(M, H, W, 3)`` uint8.
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


@torch.inference_mode()
def embed(model: Any, split: Arrays) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ``(Q, d)`` query and ``(N, d)`` image embeddings of a split, see `rank_split`."""
    on = next(iter(model.buffers())).device
    put = {k: torch.from_numpy(np.asarray(v)).to(on) for k, v in split.items()}
    queries = model.embed_queries(put["vectors"].float(), put["one_hot"], put["text"])
    images = model.embed_images(put["features"], put["probabilities"])
    return queries.float().cpu().numpy(), images.float().cpu().numpy()


@torch.inference_mode()
def score(model: Any, split: Arrays, start: int, stop: int) -> NDArray[np.floating]:
    """Return the scores of queries ``start`` to ``stop`` of a model without a common space."""
    vectors = torch.from_numpy(split["vectors"][start:stop]).float()
    features = torch.from_numpy(split["features"])
    probabilities = torch.from_numpy(split["probabilities"])
    return model.scores(vectors, features, probabilities).cpu().numpy()


def rank_split(model: Any, split: Arrays, *, ap: str, no_positives: str) -> RetrievalResult:
    """Rank a split's images for each of its categories and return the metrics.

    Args:
        model: A `RetrievalModel` in eval mode.
        split: ``features`` ``(N, D)``, ``probabilities`` ``(N, A)`` and ``category`` ``(N,)`` of
            the gallery; ``vectors`` ``(Q, A)``, ``one_hot`` ``(Q, H)`` and ``text`` ``(Q, T)`` of
            the queries.  Query q is category q.
        ap: Convention of average precision, see `retrieval_metrics`.
        no_positives: What becomes of a query without positives, see `retrieval_metrics`.
    """
    own = np.arange(len(split["vectors"]))
    rule: Any = {"ap": ap, "no_positives": no_positives}
    if model.embeds:
        queries, images = embed(model, split)
        return retrieval_metrics(queries, images, own, split["category"], **rule)
    return metrics_of_scores(
        lambda start, stop: score(model, split, start, stop), own, split["category"], **rule
    )
