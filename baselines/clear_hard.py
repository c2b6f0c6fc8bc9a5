"""CLEAR with the hard embedding alone: the query is its grouped one-hot code, no text is read.

One of the two halves of CLEAR's query (Bui et al., Pattern Recognition 2025), everything else as
in CLEAR's own recipe, from which this one is made.  Cost: seconds on cached features.
"""

from typing import Any

from clear_bench.config.method import Method
from clear_bench.models.clear import METHOD as CLEAR
from clear_bench.models.options import CLEAR_RETRIEVAL

RECIPE: dict[str, Any] = {k: v for k, v in (CLEAR.retrieval or {}).items() if k != "text"}
NO_WORDS = {"embedding": "hard", "whiten": 0, "align": 0.0, "made": 0}
METHOD = Method(
    title="CLEAR, hard only",
    cite=CLEAR.cite,
    family="ours",
    backbone={"default": "nano ViT+Swin", "paper": "EVA-L+Swin-B"},
    papers="clear",
    options={"retrieval": CLEAR_RETRIEVAL},
    retrieval={**RECIPE, "model": {**RECIPE["model"], **NO_WORDS}},
    neutral={
        "retrieval.model.whiten": 0,
        "retrieval.model.align": 0.0,
        "retrieval.model.made": 0,
    },
    profiles={"paper": {"retrieval": CLEAR.profiles["paper"]["retrieval"]}},
)
