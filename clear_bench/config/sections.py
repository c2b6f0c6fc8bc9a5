"""The sections of a configuration: every setting with its type and its range."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clear_bench.config.neutral import Neutral
from clear_bench.config.protocol import Protocol

__all__ = ["TYPED", "Augment", "Config", "Data", "Neutral", "Section", "Text", "Train"]

Positive = Annotated[int, Field(gt=0)]


Side = Annotated[int, Field(ge=16)]


Share = Annotated[float, Field(gt=0, le=1)]


class Section(BaseModel):
    """A part of the configuration: typed, ranged, closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Data(Section):
    """Which data a run sees."""

    split: str = ""  # "" becomes the data set's first
    label_set: str = ""
    image_size: tuple[Side, Side] = (64, 32)  # height, width
    identities: Share = 1.0  # share of training identities kept, nested, same for every seed
    keep_pixels: bool = True  # False decodes images for every batch: slower, same numbers, no disk
    without: Annotated[str, Neutral("")] = ""  # attribute whose images are left out of train, val
    skip_unreadable: bool = False  # True leaves broken images out, and the record says so


class Augment(Section):
    """Training augmentation of images."""

    pad: Annotated[int, Field(ge=0)] = 2
    flip: bool = True


class Train(Section):
    """How parameters learn."""

    epochs: Annotated[int, Field(ge=0)] = 6  # 0: the method has nothing to learn
    batch_size: Positive = 64  # of all processes together
    optimizer: Literal["Adam", "AdamW", "SGD"] = "AdamW"
    lr: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    schedule: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup_epochs: Annotated[int, Field(ge=0)] = 2
    clip_norm: Annotated[float, Field(gt=0)] = 10.0
    ema: Annotated[float, Field(ge=0, lt=0.5)] = 0.0  # share of the new weights; 0 is off
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # bf16 on a GPU that has it, else fp32
    channels_last: bool = False  # order of convolution weights in memory; slower on a CPU
    compile: bool = False  # torch.compile: wants a C++ compiler and a minute before the first step
    workers: Annotated[int, Field(ge=0)] = 0  # loader processes; pixels come from a memory map

    @model_validator(mode="after")
    def _warm_up_ends(self) -> "Train":
        if self.epochs and self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs={self.warmup_epochs} must be below {self.epochs} epochs"
            )
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
