"""Whitening of text vectors: every direction in which the training queries differ counts alike.

Centred sentence embeddings of pedestrians say everything about a query, but half of their variance
lies in two directions; an adapter trained for seconds learns those and little else.
"""

import torch
from torch import Tensor

LEAST = 1e-5
"""A direction's deviation over the largest below which it holds float32's own rounding alone."""


def whitening(vectors: Tensor, directions: int) -> Tensor:
    """Return the map from centred vectors to whitened principal components.

    Multiplied by it, the given vectors without their mean have variance 1 (over C) in each
    direction and no correlation between any two.  Source: principal component analysis with
    whitening; for sentence embeddings Su et al., "Whitening Sentence Representations for Better
    Semantics and Faster Retrieval", arXiv 2103.15316.  That CLEAR does it is not known.

    Args:
        vectors: ``(C, T)`` float, one a training category.
        directions: How many of the largest to keep; fewer where the vectors differ in fewer.

    Returns:
        ``(T, K)`` in the dtype of ``vectors``, ``K <= directions``.
    """
    centred = vectors.double() - vectors.double().mean(dim=0)
    _, deviations, axes = torch.linalg.svd(centred, full_matrices=False)
    kept = int((deviations > LEAST * deviations.max()).sum().clamp(max=directions))
    # The sign of an axis is the solver's choice: let its largest entry be positive.
    axes, deviations = axes[:kept], deviations[:kept]
    largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
    scale = largest.sign() * len(vectors) ** 0.5 / deviations[:, None]
    return (axes * scale).T.to(vectors.dtype).contiguous()
