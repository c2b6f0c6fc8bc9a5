"""Is it worth having two branches of different kinds, at equal numbers of parameters?

A lone branch, or two of one kind, is made wider until the whole network has CLEAR's number of
parameters in ``default`` to within 5 % (2.0 million at 64x32 pixels); depths stay.  The widths
mean nothing at the published sizes, so this study does not run in profile ``paper``.
"""

from typing import Any

from clear_bench.config.study import Study


def _branches(*names: str, kind: str, width: int) -> dict[str, Any]:
    """Return the overrides for branches of one kind."""
    return {
        "recognition.model.branches": list(names),
        "recognition.model.fusion": "both" if len(names) == 2 else "none",
        f"recognition.model.{kind}.embed_dim": width,
    }


STUDY = Study(
    task="recognition",
    factors={
        "branches": {
            "vit": _branches("vit", kind="vit", width=196),
            "swin": _branches("swin", kind="swin", width=46),
            "vit+vit": _branches("vit", "vit", kind="vit", width=116),
            "swin+swin": _branches("swin", "swin", kind="swin", width=27),
            "swin+vit": {},
        }
    },
    reference={"branches": "swin+vit"},
    metrics=("mA", "f1", "accuracy"),
)
