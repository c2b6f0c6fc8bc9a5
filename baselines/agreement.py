"""Agreement: images ranked by how many attributes are predicted as queried.

The oldest rule of recognition-as-retrieval, used to rank by DeepMAR's predictions (Li et al., ACPR
2015): ``score = sum_a [ (p_a > threshold) = q_a ]``.  Most scores are tied, and ties go by gallery
index, so the rule is coarse by construction.

Departures: the probabilities are those of one shared parent (``retrieval.parent``, CLEAR's
recognition run if not said otherwise) instead of DeepMAR's own.  Cost: nothing is trained.
"""

from mmengine.registry import MODELS
from torch import Tensor

from clear_bench.config.method import Method
from clear_bench.config.options import SHARE, Declared
from clear_bench.models.base import RetrievalModel


@MODELS.register_module()
class Agreement(RetrievalModel):
    """Counts the attributes on which thresholded predictions and query agree.

    Args:
        table: The training table, see `RetrievalModel`.
        threshold: An attribute is predicted if its probability is above.
    """

    embeds = False

    def __init__(self, table: str, threshold: float) -> None:
        super().__init__(table)
        self.threshold = threshold

    def scores(self, vectors: Tensor, features: Tensor, probabilities: Tensor) -> Tensor:
        """Return ``(Q, N)`` counts; whole numbers, so ties are exact."""
        predicted = (probabilities > self.threshold).double()
        queried = vectors.double()
        return queried @ predicted.T + (1 - queried) @ (1 - predicted).T


METHOD = Method(
    title="Agreement",
    cite="rule of Li et al., ACPR 2015",
    family="recognition scores",
    papers="deepmar",
    options={
        "retrieval": Declared(
            {
                "threshold": SHARE,
            }
        )
    },
    retrieval={
        "parent": "clear",
        "model": {"type": "Agreement", "threshold": 0.5},
        "train": {"epochs": 0},
    },
)
