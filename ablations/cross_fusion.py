"""Which of CLEAR's two branches should look at the tokens of the other?

``none`` concatenates the two summaries; it is depth 0 of `cross_depth`, and the same run.
"""

from clear_bench.config.study import Study

# CLEAR's branches are (swin, vit), so the first summary is Swin's.
STUDY = Study(
    task="recognition",
    factors={
        "fusion": {
            "none": {"recognition.model.depth": 0},
            "vit-queries-swin": {"recognition.model.fusion": "second"},
            "swin-queries-vit": {"recognition.model.fusion": "first"},
            "both": {"recognition.model.fusion": "both"},
        }
    },
    reference={"fusion": "both"},
    metrics=("mA", "f1", "accuracy"),
)
