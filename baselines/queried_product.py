"""Queried product: images ranked by the product of the queried attributes' probabilities.

RAP's rule (Li et al., "A Richly Annotated Dataset for Pedestrian Attribute Recognition", 2016):
``score = prod_{a: q_a = 1} p_a``.  Attributes that the query does not name do not count, so an
image with too many attributes is not punished; `likelihood` is the rule that does.

Departures: the probabilities are those of one shared parent (``retrieval.parent``, CLEAR's
recognition run if not said otherwise).  Cost: nothing is trained.
"""

from mmengine.registry import MODELS
from torch import Tensor

from clear_bench.config.method import Method
from clear_bench.models.base import RetrievalModel


@MODELS.register_module()
class QueriedProduct(RetrievalModel):
    """Scores an image by the product of its probabilities of the attributes queried as present."""

    embeds = False

    def scores(self, vectors: Tensor, features: Tensor, probabilities: Tensor) -> Tensor:
        """Return ``(Q, N)`` logarithms of the products; 0 for a query that names no attribute."""
        return vectors.double() @ probabilities.double().clamp(1e-7, 1).log().T


METHOD = Method(
    title="Queried product",
    cite="rule of Li et al., RAP, 2016",
    family="recognition scores",
    papers=[
        {
            "authors": "Li, Dangwei and Zhang, Zhang and Chen, Xiaotang and Ling, Haibin and "
            "Huang, Kaiqi",
            "title": "A Richly Annotated Dataset for Pedestrian Attribute Recognition",
            "venue": "arXiv",
            "year": 2016,
            "arxiv": "1603.07054",
            "read": "reference lists that name arXiv 1603.07054",
        },
    ],
    retrieval={"parent": "clear", "model": {"type": "QueriedProduct"}, "train": {"epochs": 0}},
)
