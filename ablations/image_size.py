"""How many pixels does CLEAR's recognition need?

The padding before the random crop keeps its share of the height, that of the published recipe: 10
pixels of 256.  Patches and windows keep their size in pixels, so a larger image has more of them.
"""

from clear_bench.config.study import Study


def _size(height: int, pad: int) -> dict[str, object]:
    """Return the overrides for images of a height, half as wide."""
    return {"data.image_size": [height, height // 2], "recognition.augment.pad": pad}


STUDY = Study(
    task="recognition",
    factors={
        "pixels": {
            "64x32": _size(64, pad=2),
            "96x48": _size(96, pad=4),
            "128x64": _size(128, pad=5),
            "256x128": _size(256, pad=10),
        }
    },
    reference={"pixels": "64x32"},
    metrics=("mA", "f1", "accuracy"),
)
