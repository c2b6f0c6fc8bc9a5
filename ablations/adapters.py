"""How much adapter do CLEAR's queries need: none, linear, or a small MLP, shared or not?

``none`` leaves the query as text encoder and one-hot code give it, and the image's linear map is
all that learns; ``mlp1`` to ``mlp3`` have that many hidden layers.  Shared adapters have a first
layer of their own for words and code and all others in common.
"""

from clear_bench.config.study import Space, Study

STUDY = Study(
    task="retrieval",
    factors={
        "adapter": {
            "none": {"retrieval.model.depth": 0, "retrieval.model.align": 0.0},  # nothing to align
            "linear": {"retrieval.model.depth": 1},
            "mlp1": {"retrieval.model.depth": 2},
            "mlp2": {"retrieval.model.depth": 3},
            "mlp3": {"retrieval.model.depth": 4},
        },
        "retrieval.model.width": (128, 256, 512),
        "sharing": {
            "separate": {"retrieval.model.shared": False},
            "shared": {"retrieval.model.shared": True},
        },
    },
    reference={"adapter": "mlp1", "retrieval.model.width": 256, "sharing": "separate"},
    where=(  # one thing differs from the reference at a time
        {"retrieval.model.width": (256,), "sharing": ("separate",)},
        {"adapter": ("mlp1",), "sharing": ("separate",)},
        {"adapter": ("mlp1",), "retrieval.model.width": (256,)},
    ),
    metrics=("mAP", "rank1"),
    search={
        "retrieval.model.width": Space(64, 1024, log=True),
        "retrieval.model.dropout": Space(0.0, 0.5),
        "retrieval.model.feature_dropout": Space(0.0, 0.5),
        "retrieval.train.lr": Space(1e-4, 1e-2, log=True),
    },
)
