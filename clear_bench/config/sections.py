"""The sections of a configuration: every setting with its type and its range."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clear_bench.config.neutral import Neutral
from clear_bench.config.protocol import Protocol

__all__ = ["TYPED", "Augment", "Config", "Data", "Neutral", "Section", "Text", "Train"]

Positive = Annotated[int, Field(gt=0, le=1_000_000)]


Side = Annotated[int, Field(ge=16, le=4096)]


Share = Annotated[float, Field(gt=0, le=1)]


Factor = Annotated[float, Field(gt=0)]


Colour = tuple[float, float, float]
MEAN: Colour = (0.485, 0.456, 0.406)  # of ImageNet: red, green, blue, of values in 0..1


DEVIATION: Colour = (0.229, 0.224, 0.225)


class Section(BaseModel):
    """A part of the configuration: typed, ranged, closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Data(Section):
    """Which data a run sees."""

    split: str = ""  # "" becomes the data set's first
    label_set: str = ""
    image_size: tuple[Side, Side] = (64, 32)  # height, width
    letterbox: Annotated[bool, Neutral(False)] = False  # black bars, instead of distorting images
    train_on: Annotated[Literal["train", "train+val"], Neutral("train")] = "train"
    identities: Share = 1.0  # share of training identities kept, nested, same for every seed
    keep_pixels: bool = True  # False decodes images for every batch: slower, same numbers, no disk
    partial: Annotated[bool, Neutral(False)] = False  # True reads what a copy has; a row of its own
    without: Annotated[str, Neutral("")] = ""  # attribute whose images are left out of train, val
    skip_unreadable: bool = False  # True leaves broken images out, and the record says so


class Augment(Section):
    """What becomes of an image before a network reads it: shifted and mirrored only in training."""

    pad: Annotated[int, Field(ge=0, le=4096)] = 2
    flip: bool = True
    mean: Annotated[Colour, Neutral(list(MEAN))] = MEAN  # subtracted, of values in 0..1
    deviation: Annotated[tuple[Factor, Factor, Factor], Neutral(list(DEVIATION))] = DEVIATION


class Train(Section):
    """How parameters learn."""

    epochs: Annotated[int, Field(ge=0, le=1_000_000)] = 12  # 0: the method has nothing to learn
    batch_size: Positive = 64  # of all processes together
    optimizer: Literal["Adam", "AdamW", "SGD"] = "AdamW"
    lr: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    nesterov: Annotated[bool, Neutral(True)] = True  # of SGD's momentum, which is 0.9
    rates: Annotated[dict[str, Factor], Neutral({})] = {}  # part of the network to factor of lr
    schedule: Literal["cosine", "cosine-epochs", "step", "plateau", "constant"] = "cosine"
    floor: Annotated[float, Field(ge=0, le=1), Neutral(0.01)] = 0.01  # share of lr at cosine's end
    milestones: Annotated[list[Positive], Neutral([])] = []  # epochs after which "step" lowers lr
    factor: Annotated[float, Field(gt=0, lt=1), Neutral(0.1)] = 0.1  # by which "step" lowers it
    watch: Annotated[Literal["metric", "loss"], Neutral("metric")] = "metric"  # of "plateau"
    warmup_epochs: Annotated[int, Field(ge=0, le=1_000_000)] = 2
    clip_norm: Annotated[float, Field(ge=0)] = 10.0  # 0: not clipped
    ema: Annotated[float, Field(ge=0, lt=0.5)] = 0.0  # share of the new weights; 0 is off
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # bf16 on a GPU that has it, else fp32
    channels_last: bool = False  # order of convolution weights in memory; slower on a CPU
    compile: bool = False  # torch.compile: wants a C++ compiler and a minute before the first step
    accumulate: Annotated[Positive, Neutral(1)] = 1  # pieces of a batch, one in memory at a time
    checkpointing: Annotated[bool, Neutral(False)] = False  # blocks are computed anew going back
    # loader processes; pixels come from a memory map
    workers: Annotated[int, Field(ge=0, le=1024)] = 0

    @model_validator(mode="after")
    def _fits_together(self) -> "Train":
        if self.epochs and self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"{{section}}.warmup_epochs={self.warmup_epochs} must be below "
                f"{{section}}.epochs={self.epochs}"
            )
        if (self.schedule == "step") != bool(self.milestones):
            raise ValueError(
                f"{{section}}.milestones={self.milestones}: schedule=step, and no other, needs "
                f"milestones; {{section}}.schedule is {self.schedule}"
            )
        if self.milestones != sorted(set(self.milestones)):
            raise ValueError(f"{{section}}.milestones={self.milestones}: must rise")
        return self


class Text(Section):
    """How a query, or for recognition an attribute, becomes words and the words a vector."""

    encoder: str = "minilm"  # with "@pooling" if not the encoder's own
    template: str = "positives"


TYPED: dict[tuple[str, ...], type[BaseModel]] = {
    ("data",): Data,
    ("protocol",): Protocol,
    ("recognition", "train"): Train,
    ("recognition", "augment"): Augment,
    ("recognition", "text"): Text,
    ("retrieval", "train"): Train,
    ("retrieval", "text"): Text,
}


Config = dict[str, Any]


def is_open(path: tuple[str, ...]) -> bool:
    """Return whether the keys inside a setting are the user's own (`Train.rates`)."""
    schema = TYPED.get(path[:-1])
    return schema is not None and schema.model_fields[path[-1]].default == {}
