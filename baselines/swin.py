"""Swin: CLEAR's Swin branch alone, the floor that two branches and their fusion must rise above.

Liu et al.: "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021.
``logits = W LN(mean of the last stage's tokens)``.  The branch keeps CLEAR's channel attention, so
that it differs from CLEAR in nothing but the other branch;
``recognition.model.swin.channel_attention=off`` gives a plain Swin.

Departures from the common budget: the rate; its profiles are CLEAR's own but for
the ViT branch.

The learning rate of ``default`` is from the search that every method had
(docs/learning_rates.md); the common one is 1e-3.

Cost: 1.4 M parameters and 72 MFLOPs an image of 128x64 in ``default``.
"""

from clear_bench.config.method import Method
from clear_bench.models.clear import METHOD as CLEAR
from clear_bench.models.options import CLEAR as CLEAR_OPTIONS

assert CLEAR.recognition is not None  # noqa: S101 - for the type checker
METHOD = Method(
    title="Swin",
    cite="Liu et al., ICCV 2021",
    family="transformer",
    backbone={"default": "nano Swin", "paper": "Swin-B"},
    papers=[
        {
            "authors": "Liu, Ze and Lin, Yutong and Cao, Yue and Hu, Han and Wei, Yixuan and "
            "Zhang, Zheng and Lin, Stephen and Guo, Baining",
            "title": "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
            "venue": "ICCV",
            "year": 2021,
            "arxiv": "2103.14030",
            "read": "README of microsoft/Swin-Transformer's detection and segmentation code",
        },
    ],
    options={"recognition": CLEAR_OPTIONS},
    numbers={"recognition": 2},  # shifted windows: paper size
    neutral={"recognition.model.vit.patch_size": 16},
    recognition={
        "model": {**CLEAR.recognition["model"], "branches": ["swin"], "fusion": "none"},
        "train": {"lr": 1e-3},
    },
    profiles={k: {"recognition": CLEAR.profiles[k]["recognition"]} for k in ("base", "paper")},
)
