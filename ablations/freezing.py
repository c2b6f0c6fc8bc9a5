"""Must the recognition network stay frozen while retrieval learns, as the paper has it?

Adapters only, on cached features; also the last block of each branch and the fusion; everything.
What is not frozen learns at ``retrieval.backbone_lr`` of the adapters' rate, and its images come
with recognition's augmentation.
"""

from clear_bench.config.study import Space, Study

STUDY = Study(
    task="retrieval",
    factors={"retrieval.backbone": ("frozen", "last", "all")},
    reference={"retrieval.backbone": "frozen"},
    metrics=("mAP", "rank1", "rank5"),
    search={"retrieval.backbone_lr": Space(0.003, 1.0, log=True)},
)
