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
    family="transformer",
    backbone={"default": "nano ViT", "paper": "EVA-L"},
    papers=[
        {
            "authors": "Dosovitskiy, Alexey and Beyer, Lucas and Kolesnikov, Alexander and "
            "Weissenborn, Dirk and Zhai, Xiaohua and Unterthiner, Thomas and "
            "Dehghani, Mostafa and Minderer, Matthias and Heigold, Georg and Gelly, "
            "Sylvain and Uszkoreit, Jakob and Houlsby, Neil",
            "title": "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
            "venue": "ICLR",
            "year": 2021,
            "arxiv": "2010.11929",
            "read": "BibTeX in the ViT section of mmsegmentation's model zoo and in "
            "lucidrains/vit-pytorch",
        },
    ],
    options={"recognition": CLEAR_OPTIONS},
    recognition={"model": {**CLEAR.recognition["model"], "branches": ["vit"], "fusion": "none"}},
    numbers={"recognition": 3},
    neutral={"recognition.model.vit.patch_size": 16},
    profiles={k: {"recognition": CLEAR.profiles[k]["recognition"]} for k in ("base", "paper")},
)
