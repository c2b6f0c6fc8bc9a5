"""How should recognition's loss weigh rare attributes and easy answers?

``exp`` weighs each attribute by how rare it is, as C2T-Net does; ``focal`` and ``asymmetric`` weigh
each answer by how wrong it is, with the gammas and the clip that their papers recommend.  The
search is about the strength of ``exp``.
"""

from clear_bench.config.study import Space, Study

STUDY = Study(
    task="recognition",
    factors={"recognition.model.loss_weighting": ("none", "exp", "focal", "asymmetric")},
    reference={"recognition.model.loss_weighting": "exp"},
    metrics=("mA", "f1", "accuracy"),
    search={
        "recognition.model.weight_strength": Space(0.0, 3.0),
        "recognition.train.lr": Space(3e-4, 3e-3, log=True),
    },
)
