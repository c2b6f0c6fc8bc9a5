"""Can a query find what no training image shows, since a language model knows the word?

All training and val images of one attribute are left out (``unseen``), and of the test queries
those with it are ranked.  The hard code has a bit that was never set; the words have neighbours.
``seen`` is the same queries after training on all images.  A colour is named by few data sets' own
labels: on PETA's 35 it is unavailable.
"""

from clear_bench.config.study import Study

QUERY = "query"


def of(value: str) -> dict[str, dict[str, str]]:
    """Return the levels of one attribute, named by its English."""
    asked = {"protocol.queries_with": value}
    return {f"{value} unseen": {**asked, "data.without": value}, f"{value} seen": asked}


STUDY = Study(
    task="retrieval",
    factors={
        "value": {**of("a backpack"), **of("a red top")},
        QUERY: {
            "soft": {"retrieval.model.embedding": "soft"},
            "hard": {"retrieval.model.embedding": "hard"},
            "both": {},
            "likelihood": {"method": "likelihood"},
            "chance": {"method": "chance"},
        },
    },
    reference={"value": "a backpack unseen", QUERY: "hard"},
    metrics=("mAP", "rank1", "rank5", "rank10"),
)
