"""C2T-Net: cross-fused ViT and Swin with channel-aware attention, CLEAR's predecessor.

Bui, Le, Ngo: "C2T-Net: Channel-Aware Cross-Fused Transformer-Style Networks for Pedestrian
Attribute Recognition", WACV Workshops 2024 (first place of UPAR 2024, track 1); after the
released code.

The network is CLEAR's recognition half (see `CrossTransformer`), which is taken to be the same.
One thing differs here: the channel attention is the ``released`` one, as the code that won the
challenge computes it, with its result's memory re-read in another shape; CLEAR has the formula of
the paper.  So a difference between the two rows is the worth of that one line.

Departures from the common budget: none; its profiles are CLEAR's own.

Cost: as CLEAR.
"""

from clear_bench.config.method import Method
from clear_bench.models.clear import METHOD as CLEAR
from clear_bench.models.options import CLEAR as CLEAR_OPTIONS

RELEASED = {"channel_attention": "released"}

assert CLEAR.recognition is not None  # noqa: S101 - for the type checker
NANO = CLEAR.recognition["model"]
METHOD = Method(
    title="C2T-Net",
    cite="Bui et al., WACVW 2024",
    family="transformer",
    backbone={"default": "nano ViT+Swin", "paper": "EVA-L+Swin-B"},
    papers=[
        {
            "authors": "Bui, Doanh C. and Le, Thinh V. and Ngo, Ba Hung",
            "title": "C2T-Net: Channel-Aware Cross-Fused Transformer-Style Networks for "
            "Pedestrian Attribute Recognition",
            "venue": "WACVW",
            "year": 2024,
            "pages": "351-358",
            "url": "https://github.com/caodoanh2001/upar_challenge",
            "read": "README of caodoanh2001/upar_challenge",
        },
    ],
    numbers={"recognition": 4},
    neutral={"recognition.model.vit.patch_size": 16},
    options={"recognition": CLEAR_OPTIONS},
    recognition={"model": {**NANO, "swin": {**NANO["swin"], **RELEASED}}},
    profiles={
        profile: {
            "recognition": {
                **recipe["recognition"],
                "model": {
                    **recipe["recognition"]["model"],
                    "swin": {**recipe["recognition"]["model"]["swin"], **RELEASED},
                },
            }
        }
        for profile, recipe in CLEAR.profiles.items()
        if profile in ("base", "paper")
    },
)
