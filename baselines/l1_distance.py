"""L1 distance: images ranked by how far their probabilities are from the query.

The baseline rule of the UPAR challenge (Cormier et al., 2023): ``distance = sum_a |q_a - p_a|``.

Departures: the probabilities are those of one shared parent (``retrieval.parent``, CLEAR's
recognition run if not said otherwise) instead of the challenge's own network.  Cost: nothing is
trained.
"""

from mmengine.registry import MODELS
from torch import Tensor

from clear_bench.config.method import Method
from clear_bench.models.base import RetrievalModel


@MODELS.register_module()
class L1Distance(RetrievalModel):
    """Scores an image by minus the L1 distance of its probabilities from the query."""

    embeds = False

    def scores(self, vectors: Tensor, features: Tensor, probabilities: Tensor) -> Tensor:
        """Return ``(Q, N)`` negative distances.

        As ``|q - p|`` is p where q is 0 and 1 - p where q is 1, they are one matrix product.
        """
        queried, p = vectors.double(), probabilities.double()
        return -(queried @ (1 - p).T + (1 - queried) @ p.T)


METHOD = Method(
    title="L1 distance",
    cite="baseline of the UPAR challenge, Cormier et al. 2023",
    family="recognition scores",
    papers=[
        {
            "authors": "Cormier, Mickael and Specker, Andreas and Junior, Julio C. S. Jacques "
            "and Florin, Lucas and Metzler, Jürgen and Moeslund, Thomas B. and "
            "Nasrollahi, Kamal and Escalera, Sergio and Beyerer, Jürgen",
            "title": "UPAR Challenge: Pedestrian Attribute Recognition and Attribute-Based "
            "Person Retrieval -- Dataset, Design, and Results",
            "venue": "WACVW",
            "year": 2023,
            "pages": "166-175",
            "url": "https://github.com/speckean/upar_challenge",
            "read": "BibTeX in speckean/upar_challenge",
        },
    ],
    retrieval={"parent": "clear", "model": {"type": "L1Distance"}, "train": {"epochs": 0}},
)
