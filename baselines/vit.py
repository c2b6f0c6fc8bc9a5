"""ViT: CLEAR's ViT branch alone, the floor that two branches and their fusion must rise above.

Dosovitskiy et al.: "An Image is Worth 16x16 Words", ICLR 2021.  ``logits = W LN(class token)``.

Departures from the common budget: none; its profiles are CLEAR's own without the Swin branch.

Cost: 0.9 M parameters and 60 MFLOPs an image of 128x64 in ``default``.
"""

from clear_bench.config.method import Method
from clear_bench.models.clear import METHOD as CLEAR
from clear_bench.models.options import CLEAR as CLEAR_OPTIONS

assert CLEAR.recognition is not None  # noqa: S101 - for the type checker
METHOD = Method(
    title="ViT",
    cite="Dosovitskiy et al., ICLR 2021",
    options={"recognition": CLEAR_OPTIONS},
    recognition={"model": {**CLEAR.recognition["model"], "branches": ["vit"], "fusion": "none"}},
    numbers={"recognition": 2},
    profiles={k: {"recognition": CLEAR.profiles[k]["recognition"]} for k in ("base", "paper")},
)
