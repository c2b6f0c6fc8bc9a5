"""Does CLEAR's language model understand a query in words that it was not trained on?

Training and selection read the template ``positives``.  The test queries say the same in other
words: as a ``list``, in ``slots``, as a person would type them (``typed``: everyday words, any
order), or in ``random`` words, the control.  The hard code and the likelihood read no words.
"""

from clear_bench.config.study import Study

WORDS, QUERY = "protocol.query_template", "query"
TEMPLATES = {name: {WORDS: name} for name in ("list", "slots", "typed", "random")}

STUDY = Study(
    task="retrieval",
    factors={
        QUERY: {
            "soft": {"retrieval.model.embedding": "soft"},
            "both": {},
            "hard": {"retrieval.model.embedding": "hard"},
            "likelihood": {"method": "likelihood"},
            "chance": {"method": "chance"},
        },
        "words": {"as trained": {}, **TEMPLATES},
    },
    reference={QUERY: "soft", "words": "as trained"},
    metrics=("mAP", "rank1", "rank5", "rank10"),
    where=({QUERY: ("soft", "both")}, {"words": ("as trained",)}),
)
