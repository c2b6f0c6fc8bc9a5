"""DeepCCA: two networks whose outputs are as correlated as can be, then linear CCA on top.

Andrew, Arora, Bilmes, Livescu: "Deep Canonical Correlation Analysis", ICML 2013.  Read: the
objective in a public implementation by others (Michaelvll/DeepCCA, ``objectives.py``), which this
equals but for the divisor of covariances (n here, n - 1 there; 3e-5 of the loss at n = 128); the
paper itself is recalled.

With outputs f of images and g of attribute vectors, covariances S11 = cov(f) + r I, S22 likewise
and S12 = cov(f, g),

    T = S11^(-1/2) S12 S22^(-1/2),   loss = k - (sum of the singular values of T),

which is k minus the total canonical correlation.  Here S^(-1/2) is the inverse Cholesky factor: it
whitens as well and differs by a rotation, which singular values do not see, and its gradient is
stable where eigenvalues are close.  For ranking, both sides are projected on the canonical
directions and compared by cosine.

Departures: the paper's full batches do not fit the common budget of small ones, so covariances are
those of a decaying sum over past batches, as in stochastic variants (Wang et al., 2015; Chang et
al., 2018; recalled); the gradient goes through the present batch.  The sums are part of the
checkpoint and give the projection.  Frozen cached features of a shared parent
(``retrieval.parent``).  Cost: seconds on cached features.
"""

import torch
from mmengine.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from clear_bench.config.method import Method
from clear_bench.config.options import DROPOUT, POSITIVE, WIDTH, Declared, Range
from clear_bench.models.joint_space import JointSpace, mlp


@MODELS.register_module()
class DeepCca(JointSpace):
    """Two networks and the sums from which their canonical directions follow.

    Args:
        table: The training table, see `RetrievalModel`.
        feature_dropout: See `JointSpace`.
        dim: k, outputs of each network, which is how many correlations there are.
        width: Hidden width of both networks.
        ridge: r, added to the variances.
        decay: Share of the past sums that a new batch leaves.
    """

    weight: Tensor
    total: Tensor
    products: Tensor

    def __init__(
        self,
        table: str,
        feature_dropout: float,
        dim: int,
        width: int,
        ridge: float,
        decay: float,
    ) -> None:
        super().__init__(table, feature_dropout)
        self.alone("each process would have covariances of its own")
        self.dim, self.ridge, self.decay = dim, ridge, decay
        self.visual = mlp([self.feature_size, width, dim])
        self.attribute = mlp([self.vectors.shape[1], width, dim])
        self.register_buffer("weight", torch.zeros((), dtype=torch.float64))
        self.register_buffer("total", torch.zeros(2 * dim, dtype=torch.float64))
        self.register_buffer("products", torch.zeros(2 * dim, 2 * dim, dtype=torch.float64))

    def embed_queries(self, vectors: Tensor, one_hot: Tensor, text: Tensor) -> Tensor:
        """Map attribute vectors to unit vectors ``(Q, dim)`` along the canonical directions."""
        return self._project(self.attribute(vectors), side=1)

    def embed_images(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """Map features to unit vectors ``(N, dim)`` along the canonical directions."""
        return self._project(self.visual(self.centred(features)), side=0)

    def loss(self, features: Tensor, category: Tensor) -> dict[str, Tensor]:
        """Return k minus the total correlation of the batch together with those before."""
        images = self.visual(self.centred(features))
        both = torch.cat([images, self.attribute(self.vectors[category])], dim=1).double()
        weight = self.decay * self.weight + len(both)
        total = self.decay * self.total + both.sum(dim=0)
        products = self.decay * self.products + both.T @ both
        with torch.no_grad():
            for kept, new in (
                (self.weight, weight),
                (self.total, total),
                (self.products, products),
            ):
                kept.copy_(torch.as_tensor(new))
        correlation, _, _ = whitened(weight, total, products, self.ridge)
        return {"loss": self.dim - torch.linalg.svdvals(correlation).sum()}

    def _project(self, outputs: Tensor, side: int) -> Tensor:
        """Return outputs of one side along the canonical directions, of unit length."""
        if not self.weight:  # nothing seen yet: no directions
            return F.normalize(outputs, dim=1)
        correlation, *factors = whitened(self.weight, self.total, self.products, self.ridge)
        left, _, right = torch.linalg.svd(correlation)
        mean = (self.total / self.weight).split(self.dim)[side]
        white = torch.linalg.solve_triangular(factors[side], (outputs - mean).T, upper=False).T
        return F.normalize(white @ (left if side == 0 else right.T), dim=1).float()


def whitened(
    weight: Tensor, total: Tensor, products: Tensor, ridge: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the correlation matrix of two whitened views, and what whitens them.

    Args:
        weight: Number of samples n in the sums.
        total: ``(2k,)`` sum of samples, k values of the first view and k of the second.
        products: ``(2k, 2k)`` sum of their outer products.
        ridge: Added to each variance.

    Returns:
        T ``(k, k)`` and the lower Cholesky factors ``(k, k)`` of S11 and S22.
    """
    half = len(total) // 2
    mean = total / weight
    covariance = products / weight - torch.outer(mean, mean)
    eye = ridge * torch.eye(half, dtype=covariance.dtype, device=covariance.device)
    first = torch.linalg.cholesky(covariance[:half, :half] + eye)
    second = torch.linalg.cholesky(covariance[half:, half:] + eye)
    one_side = torch.linalg.solve_triangular(first, covariance[:half, half:], upper=False)
    return torch.linalg.solve_triangular(second, one_side.T, upper=False).T, first, second


METHOD = Method(
    title="DeepCCA",
    cite="Andrew et al., ICML 2013",
    family="joint embedding",
    papers=[
        {
            "authors": "Andrew, Galen and Arora, Raman and Bilmes, Jeff and Livescu, Karen",
            "title": "Deep Canonical Correlation Analysis",
            "venue": "ICML",
            "year": 2013,
            "pages": "1247-1255",
            "url": "https://proceedings.mlr.press/v28/andrew13.html",
            "read": "BibTeX in public implementations; link to its page of PMLR",
        },
    ],
    options={
        "retrieval": Declared(
            {
                "feature_dropout": DROPOUT,
                "dim": WIDTH,
                "width": WIDTH,
                "ridge": POSITIVE,
                "decay": Range(0, 1, below=True),
            }
        )
    },
    retrieval={
        "parent": "clear",
        "model": {
            "type": "DeepCca",
            "feature_dropout": 0.1,
            "dim": 32,
            "width": 256,
            "ridge": 1e-3,
            "decay": 0.9,
        },
        "train": {"epochs": 12, "batch_size": 128, "lr": 2.7e-2, "warmup_epochs": 0},
    },
    profiles={"paper": {"retrieval": {"train": {"lr": 3e-3}}}},  # unknown: the common ones
)
