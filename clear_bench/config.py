"""From (method, data set, profile, overrides, seed) to one resolved configuration: plain data.

Layers, each over the one before: the defaults below, the method's recipe, the profile, what the
method says of that profile, and the command line.  A key that no layer below knows is an error.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clear_bench import plugins
from clear_bench.errors import UserError, unknown
from clear_bench.method import TASKS, Method
from clear_bench.protocol import Protocol, named

Config = dict[str, Any]
Positive = Annotated[int, Field(gt=0)]
Side = Annotated[int, Field(ge=16)]
Share = Annotated[float, Field(gt=0, le=1)]
SEEDS = 40_000  # an epoch's generator takes seed and epoch in 32 bits
PROFILES: dict[str, Config] = {
    "smoke": {
        "data": {"identities": 0.3},
        "recognition": {"train": {"epochs": 2, "warmup_epochs": 1}},
        "retrieval": {"train": {"epochs": 2}},
    },
    "default": {},
    "paper": {
        "data": {"image_size": [256, 128]},
        "recognition": {"augment": {"pad": 10}},
    },
}


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


def compose(
    method: str,
    dataset: str,
    profile: str = "default",
    seed: int = 0,
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """Return the resolved configuration of an experiment.

    Args:
        method: File name of a method.
        dataset: File name of a data set.
        profile: ``smoke``, ``default`` or ``paper``.
        seed: Of initialisation, order and augmentation.
        overrides: Dotted keys to values.  The task may be left out where only one task has the
            key (``text.encoder`` for ``retrieval.text.encoder``).

    Raises:
        UserError: Unknown method, data set, profile or key; a value of the wrong type or range.
    """
    plugin: Method = plugins.load("method", method).METHOD
    source = plugins.load("data set", dataset).SOURCE
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    config: Config = {"method": method, "dataset": dataset, "profile": profile, "seed": seed}
    config["threads"] = 1  # of a run on a CPU; more are faster alone but give other last digits
    config |= {"data": Data().model_dump(), "protocol": _protocol(overrides or {})}
    for task in plugin.tasks:
        config[task] = _task_defaults(task, getattr(plugin, task))
    for task in plugin.tasks:
        recipe = getattr(plugin, task)
        _merge(config[task], {k: v for k, v in recipe.items() if k != "model"}, task)
    _merge(config, _fitting(PROFILES[profile], config))
    _merge(config, plugin.profiles.get(profile, {}))
    for key, value in (overrides or {}).items():
        _set(config, key, value)
    config["data"]["split"] = _choice("split", config["data"]["split"], source.splits)
    config["data"]["label_set"] = _choice(
        "label set", config["data"]["label_set"], source.label_sets
    )
    if not 0 <= seed < SEEDS:
        raise UserError(f"seed={seed}: must be from 0 to {SEEDS - 1}")
    if config["threads"] < 1:
        raise UserError(f"threads={config['threads']}: must be at least 1")
    return _validated(config)


def parse_overrides(pairs: Iterable[str]) -> dict[str, Any]:
    """Return ``key=value`` words as a mapping; values are YAML ("5e-4" counts as a number)."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UserError(f"--set {pair}: must be KEY=VALUE")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise UserError(f"--set {pair}: the value is not YAML") from None
        if isinstance(value, str):
            with suppress(ValueError):  # a word is a word
                value = float(value)
        found[key] = value
    return found


def for_task(config: Config, task: str) -> Config:
    """Return the part of a configuration that a run of one task depends on."""
    return {k: v for k, v in config.items() if k == task or k not in TASKS}


def digest(value: Any) -> str:
    """Return the sha256 of any plain value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _protocol(overrides: Mapping[str, Any]) -> Config:
    """Return the rules of the protocol that the overrides name, or of the default one."""
    section = overrides.get("protocol")
    inside = section.get("name") if isinstance(section, Mapping) else None
    name = overrides.get("protocol.name", inside)
    return (Protocol() if name is None else named(str(name))).model_dump()


def _task_defaults(task: str, recipe: Mapping[str, Any]) -> Config:
    """Return the settings of a task before any recipe speaks; the model's own come with it."""
    section: Config = {"model": deepcopy(dict(recipe["model"])), "train": Train().model_dump()}
    if task == "recognition":
        section["augment"] = Augment().model_dump()
        section["init"] = ""  # where training starts: "" at random, see `check_start`
    else:
        # What of the parent learns on, see `check_backbone`, and at which share of train.lr.
        section |= {"parent": recipe["parent"], "backbone": "frozen", "backbone_lr": 0.1}
    if "text" in recipe:
        section["text"] = Text().model_dump()
    return section


def _fitting(layer: Mapping[str, Any], config: Config) -> Config:
    """Return a profile without the tasks that a method does not have or does not train."""
    idle = {task for task in TASKS if task in config and not config[task]["train"]["epochs"]}
    kept = {k: v for k, v in layer.items() if k in config and k not in idle}
    return kept | {
        t: {"augment": layer[t]["augment"]} for t in idle if "augment" in layer.get(t, {})
    }


def _merge(base: Config, layer: Mapping[str, Any], where: str = "") -> None:
    """Write ``layer`` over ``base`` in place; a key that ``base`` lacks is an error."""
    for key, value in layer.items():
        path = f"{where}.{key}" if where else key
        if key not in base:
            raise unknown("configuration key", path, [f"{where}.{k}" if where else k for k in base])
        # A layer that names another backbone replaces it whole: the old one's widths mean nothing.
        if isinstance(value, Mapping) and isinstance(base[key], dict) and "name" not in value:
            _merge(base[key], value, path)
        else:
            base[key] = deepcopy(value)


def _keys(config: Config, where: str = "") -> list[str]:
    """Return the dotted keys of all values and sections."""
    found = []
    for key, value in config.items():
        path = f"{where}.{key}" if where else key
        found += [path, *_keys(value, path)] if isinstance(value, dict) else [path]
    return found


def _set(config: Config, key: str, value: Any) -> None:
    """Set one dotted key, which may lack its task; a section takes a mapping, as in a recipe."""
    known = [k for k in _keys(config) if k not in ("method", "dataset", "profile", "seed")]
    fits = [k for k in known if k == key] or [f"{t}.{key}" for t in TASKS if f"{t}.{key}" in known]
    if not fits:
        raise unknown("configuration key", key, known)
    if len(fits) > 1:
        raise UserError(f"configuration key '{key}' is ambiguous; write {' or '.join(fits)}")
    *path, last = fits[0].split(".")
    if (*path, last) in TYPED and isinstance(value, Mapping):
        for inner, part_value in value.items():
            _set(config, f"{fits[0]}.{inner}", part_value)
        return
    section = config
    for part in path:
        section = section[part]
    old = section[last]
    if isinstance(old, dict) and isinstance(value, Mapping):
        _merge(section, {last: value}, ".".join(path))
        return
    if tuple(path) not in TYPED and not _same_kind(old, value):
        raise UserError(
            f"{fits[0]}={value!r}: must be {type(old).__name__} like the default {old!r}"
        )
    section[last] = float(value) if isinstance(old, float) and isinstance(value, int) else value


def _same_kind(old: Any, new: Any) -> bool:
    """Return whether a value may replace another in a section without a schema."""
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    if isinstance(old, float):
        return isinstance(new, int | float)
    if isinstance(old, list | tuple):
        return isinstance(new, list | tuple)
    return old is None or isinstance(new, type(old))


def _choice(kind: str, value: str, known: tuple[str, ...]) -> str:
    """Return ``value``, or the first known one for "".  Numbers are taken as their text."""
    if value == "":
        return known[0]
    if str(value) not in known:
        raise unknown(kind, str(value), known)
    return str(value)


def _validated(config: Config) -> Config:
    """Return the configuration with every typed section checked, as plain JSON values."""
    for path, schema in TYPED.items():
        section = config
        for part in path[:-1]:
            section = section.get(part, {})
        if path[-1] not in section:
            continue
        try:
            section[path[-1]] = schema.model_validate(section[path[-1]]).model_dump()
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join([*path, *(str(p) for p in first["loc"])])
            value = f"={first['input']!r}" if first["loc"] else ""
            raise UserError(f"{key}{value}: {first['msg']}") from None
    return json.loads(json.dumps(config))  # tuples become lists: what is hashed is what is stored
