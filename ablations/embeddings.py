"""Does a query need both its soft (text) and its hard (one-hot) embedding?"""

from clear_bench.study import Study

STUDY = Study(
    task="retrieval",
    factors={
        "query": {
            "soft": {"retrieval.model.embedding": "soft"},
            "hard": {"retrieval.model.embedding": "hard"},
            "both": {},
        }
    },
    reference={"query": "both"},
    metrics=("mAP", "rank1"),
)
