"""Recognition as retrieval: images ranked by the log-likelihood of the query.

``sum_j y_j log p_j + (1 - y_j) log(1 - p_j)``, with the probabilities of a recognition run and no
retrieval training at all.  A strong opponent of every learned joint space.
"""

from mmengine.registry import MODELS
from torch import Tensor

from clear_bench.config.method import Method
from clear_bench.models.base import RetrievalModel


@MODELS.register_module()
class Likelihood(RetrievalModel):
    """Scores an image by how likely the query is under its attribute probabilities."""

    embeds = False

    def scores(self, vectors: Tensor, features: Tensor, probabilities: Tensor) -> Tensor:
        """Return ``(Q, N)`` log-likelihoods, in float64: ties then are real ones."""
        p = probabilities.double().clamp(1e-7, 1 - 1e-7)
        y = vectors.double()
        return y @ p.log().T + (1 - y) @ (1 - p).log().T


METHOD = Method(
    title="Likelihood",
    cite="no paper: recognition scores used as they are",
    family="recognition scores",
    retrieval={"parent": "clear", "model": {"type": "Likelihood"}, "train": {"epochs": 0}},
)
