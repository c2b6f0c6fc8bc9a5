"""What does CLEAR's recognition gain from a start that is not random, and from which one?

`synthped`: the same network, trained first on the synthetic pedestrians.  `imgfocus`: the ViT-S/14
of a Python package, to be compared with the same network from scratch, `scratch ViT-S`.  `hub`:
timm's published ImageNet weights of a ViT-Ti and a Swin-T; unavailable where no hub is.
"""

from clear_bench.config.study import Space, Study

VIT_S = {"name": "vit_small_patch14_dinov2"}
VIT_TI = {"name": "vit_tiny_patch16_224.augreg_in21k_ft_in1k"}
SWIN_T = {
    "name": "swin_tiny_patch4_window7_224.ms_in1k",
    "drop_path_rate": 0.0,
    "channel_attention": "paper",
    "channel_stages": [0, 1, 2, 3],
    "channel_dropout": 0.1,
}

STUDY = Study(
    task="recognition",
    factors={
        "start": {
            "scratch": {},
            "synthped": {"recognition.init": "synthped"},
            "scratch ViT-S": {"recognition.model.vit": VIT_S},
            "imgfocus": {"recognition.model.vit": VIT_S, "recognition.init": "imgfocus"},
            "hub": {
                "recognition.model.vit": VIT_TI,
                "recognition.model.swin": SWIN_T,
                "recognition.model.pretrained": True,
            },
        }
    },
    reference={"start": "scratch"},
    metrics=("mA", "f1", "accuracy"),
    search={"recognition.train.lr": Space(1e-5, 3e-3, log=True)},
)
