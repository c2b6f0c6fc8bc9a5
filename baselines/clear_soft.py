"""CLEAR with the soft embedding alone: the query is its pseudo-description, without the one-hot.

One of the two halves of CLEAR's query (Bui et al., Pattern Recognition 2025), everything else as
in CLEAR's own recipe, from which this one is made.  Cost: seconds on cached features.
"""

from typing import Any

from clear_bench.config.method import Method
from clear_bench.models.clear import METHOD as CLEAR
from clear_bench.models.options import CLEAR_RETRIEVAL

RECIPE: dict[str, Any] = dict(CLEAR.retrieval or {})
METHOD = Method(
    title="CLEAR, soft only",
    cite=CLEAR.cite,
    options={"retrieval": CLEAR_RETRIEVAL},
    retrieval={**RECIPE, "model": {**RECIPE["model"], "embedding": "soft"}},
    numbers={"retrieval": 2},
    neutral={
        "retrieval.model.whiten": 0,
        "retrieval.model.align": 0.0,
        "retrieval.model.made": 0,
    },
    profiles={k: {"retrieval": v["retrieval"]} for k, v in CLEAR.profiles.items() if k != "base"},
)
