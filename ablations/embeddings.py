"""Does a query need its words (soft), its one-hot code (hard), or both, and joined how?

``both-concat`` is CLEAR itself, and the same run.
"""

from clear_bench.config.study import Study

EMBEDDING, COMBINE = "retrieval.model.embedding", "retrieval.model.combine"

STUDY = Study(
    task="retrieval",
    factors={
        "embeddings": {
            "soft": {EMBEDDING: "soft"},
            "hard": {EMBEDDING: "hard"},
            "both-concat": {EMBEDDING: "both", COMBINE: "concat"},
            "both-sum": {EMBEDDING: "both", COMBINE: "sum"},
        }
    },
    reference={"embeddings": "both-concat"},
    metrics=("mAP", "rank1", "rank5", "rank10"),
)
