"""How should an attribute query be put into words, where nothing but the words tells it apart?"""

from ablations.templates import FACTOR, LEVELS
from clear_bench.config.study import Study

STUDY = Study(
    task="retrieval",
    factors={FACTOR: LEVELS},
    reference={FACTOR: "positives"},
    common={"retrieval.model.embedding": "soft"},
    metrics=("mAP", "rank1", "rank5", "rank10"),
)
