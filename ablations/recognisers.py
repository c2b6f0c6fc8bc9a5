"""Does a better recogniser make a better retriever?

CLEAR's retrieval on recognition networks that were trained for fewer epochs, have one branch
alone, or do not fuse their two.
"""

from typing import Any

from clear_bench.config.study import Study


def _epochs(count: int) -> dict[str, Any]:
    """Return the overrides for a recognition that is cut short."""
    return {"recognition.train.epochs": count, "recognition.train.warmup_epochs": 0}


def _alone(branch: str) -> dict[str, Any]:
    """Return the overrides for one branch."""
    return {"recognition.model.branches": [branch], "recognition.model.fusion": "none"}


STUDY = Study(
    task="retrieval",
    factors={
        "recogniser": {
            "1 epoch": _epochs(1),
            "3 epochs": _epochs(3),
            "6 epochs": _epochs(6),
            "ViT alone": _alone("vit"),
            "Swin alone": _alone("swin"),
            "not fused": {"recognition.model.depth": 0},
            "CLEAR": {},
        }
    },
    reference={"recogniser": "CLEAR"},
    metrics=("mAP", "rank1", "rank5", "rank10"),
)
