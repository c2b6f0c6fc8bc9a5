"""Which margin loss should bring image and query together, with what margin and scale?

The additive angular margin is tried on a grid; the other losses once, at CLEAR's margin and scale
(softmax and contrastive have no margin, hinge has no scale).
"""

from clear_bench.config.study import Space, Study

LOSS, MARGIN = "retrieval.model.margin_loss", "retrieval.model.margin"
SCALE = "retrieval.model.scale"

STUDY = Study(
    task="retrieval",
    factors={
        LOSS: ("angular", "cosine", "hinge", "softmax", "contrastive"),
        MARGIN: (0.05, 0.1, 0.2, 0.4),
        SCALE: (8.0, 16.0, 32.0),
    },
    reference={LOSS: "angular", MARGIN: 0.1, SCALE: 16.0},
    where=({LOSS: ("angular",)}, {MARGIN: (0.1,), SCALE: (16.0,)}),
    metrics=("mAP", "rank1"),
    search={
        MARGIN: Space(0.0, 0.5),
        SCALE: Space(4.0, 64.0, log=True),
        "retrieval.train.lr": Space(1e-4, 1e-2, log=True),
    },
)
