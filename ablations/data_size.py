"""How does CLEAR's recognition grow with the number of people it is trained on?

The share is of the training split's identities; a smaller share is part of every larger one.
"""

from clear_bench.config.study import Study

STUDY = Study(
    task="recognition",
    factors={"data.identities": (0.05, 0.1, 0.25, 0.5, 1.0)},
    reference={"data.identities": 1.0},
    metrics=("mA", "f1", "accuracy"),
)
