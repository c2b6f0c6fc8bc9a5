"""How many layers of cross-fusion does CLEAR need?

At 0 the summaries of the two branches are concatenated as they are; CLEAR is taken to have 1, as
the released code of C2T-Net.  Each layer adds a cross-attention a direction, so depth is not free:
the parameters stand beside the metrics.
"""

from clear_bench.config.study import Space, Study

STUDY = Study(
    task="recognition",
    factors={"recognition.model.depth": (0, 1, 2, 3, 4)},
    reference={"recognition.model.depth": 1},
    metrics=("mA", "f1", "accuracy"),
    search={"recognition.train.lr": Space(3e-4, 3e-3, log=True)},
)
