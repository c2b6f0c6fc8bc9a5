"""Which frozen language model tells people apart by its words alone, without the hard embedding?"""

from ablations.lm_choice import FACTOR, LEVELS
from clear_bench.config.study import Study

STUDY = Study(
    task="retrieval",
    factors={FACTOR: LEVELS},
    reference={FACTOR: "minilm"},
    common={"retrieval.model.embedding": "soft"},
    metrics=("mAP", "rank1", "rank5", "rank10"),
)
