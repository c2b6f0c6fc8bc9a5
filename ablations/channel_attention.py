"""Does channel attention help, in which form, and before which of Swin's stages?

``paper`` is the formula of the text before all four stages, ``released`` what C2T-Net's code
computes (it reads the result's memory in another shape); the rest have the formula before one
stage alone.
"""

from clear_bench.config.study import Study

KIND = "recognition.model.swin.channel_attention"
STAGES = "recognition.model.swin.channel_stages"

STUDY = Study(
    task="recognition",
    factors={
        "attention": {
            "off": {KIND: "off"},
            "paper": {KIND: "paper"},
            "released": {KIND: "released"},
            "stage-1": {STAGES: [0]},
            "stage-2": {STAGES: [1]},
            "stage-3": {STAGES: [2]},
            "stage-4": {STAGES: [3]},
        }
    },
    reference={"attention": "paper"},
    metrics=("mA", "f1", "accuracy"),
)
