"""How much mA does it buy to select the epoch on test, as the field does, instead of on val?

One run a seed answers it: the three variants are three of its checkpoints.
"""

from clear_bench.config.study import Study

STUDY = Study(
    task="recognition",
    factors={"checkpoint": ("selected", "last", "oracle")},
    reference={"checkpoint": "selected"},
    common={"protocol.oracle": True},
    metrics=("mA", "f1", "accuracy"),
)
