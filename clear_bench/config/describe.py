"""A configuration for people: YAML, each setting with what it may be and how it is called."""

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from clear_bench.config.dataset_name import source_of
from clear_bench.config.dotted import NAMES, flatten
from clear_bench.config.method import TASKS
from clear_bench.config.sections import TYPED, Config

BOUNDS = {Ge: (">=", "ge"), Gt: (">", "gt"), Le: ("<=", "le"), Lt: ("<", "lt")}
WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false"}
END = "...\n"
"""What YAML writes behind a value that stands alone."""

UNITS = {
    "image_size": "height, width in pixels",
    "pad": "pixels",
    "epochs": "0: learns nothing",
    "batch_size": "images, of all processes together",
    "identities": "share of the training persons",
    "mean": "red, green, blue, of values in 0..1",
    "deviation": "red, green, blue, of values in 0..1",
    "floor": "share of lr",
    "milestones": "epochs",
    "warmup_epochs": "epochs, fewer than epochs",
    "clip_norm": "0: not clipped",
    "ema": "share of the new weights, 0: off",
    "workers": "processes",
    "threads": "of a run on a CPU",
}
"""Last word of a key to the unit of its value, or what a special value means."""


def as_yaml(config: Config) -> str:
    """Return a resolved configuration as YAML.

    Behind each setting stands what it may be and its unit, and the short name by which ``--set``
    takes it where that is not the whole key.
    """
    source = source_of(config["dataset"])
    choices = {
        "data.split": " | ".join(source.splits),
        "data.label_set": " | ".join(source.label_sets),
    }
    lines = list(_lines(config, config, "", short_names(config), choices))
    return "\n".join(lines) + "\n"


def short_names(config: Config) -> dict[str, str]:
    """Return full dotted keys to the shorter ones that the command line takes for them.

    A task may be left out where no other task has the key, see `set_value`.
    """
    keys = [key for key, _ in flatten(config, sections=True)]
    short: dict[str, list[str]] = {}
    for key in keys:
        task, _, rest = key.partition(".")
        if task in TASKS and rest and rest not in keys:
            short.setdefault(rest, []).append(key)
    return {full[0]: rest for rest, full in short.items() if len(full) == 1}


def allowed(method: str, key: str) -> str:
    """Return in words what a setting may be; "" where only its default tells.

    Args:
        method: File name of the method whose configuration it is.
        key: Full dotted key.
    """
    field = _field(method, tuple(key.split(".")))
    if field is None:
        return ""
    bounds = [_bound(each) for each in field.metadata]
    return ", ".join(filter(None, [_kind(field.annotation), *bounds]))


def _field(method: str, path: tuple[str, ...]) -> FieldInfo | None:
    """Return how a setting is declared; None for one that nobody declares.

    The one place that looks: the common settings are declared in `TYPED`.  Options of a method's
    model are declared nowhere yet; where a method declares them, this finds them by ``method``.
    """
    section = TYPED.get(path[:-1])
    return section.model_fields.get(path[-1]) if section else None


def _lines(
    config: Config,
    section: Mapping[str, Any],
    where: str,
    short: Mapping[str, str],
    choices: Mapping[str, str],
) -> Iterator[str]:
    """Yield the lines of a section of a configuration."""
    indent = "  " * (where.count(".") + 1 if where else 0)
    for key, value in section.items():
        full = f"{where}.{key}" if where else key
        name = f"--set {short[full]}=" if full in short else ""
        if isinstance(value, Mapping) and value:
            yield _line(f"{indent}{key}:", [name])
            yield from _lines(config, value, full, short, choices)
            continue
        dumped = yaml.safe_dump(value, default_flow_style=True, width=10_000)
        plain = f"{indent}{key}: {dumped.removesuffix(END).strip()}"
        kind = allowed(str(config["method"]), full) or WORDS.get(type(value), "")
        notes = [f"--{key}"] if full in NAMES else [choices.get(full, kind), UNITS.get(key, "")]
        yield _line(plain, [*notes, name])


def _line(text: str, notes: list[str]) -> str:
    """Return a line with its notes as a comment."""
    said = "; ".join(filter(None, notes))
    return f"{text:40}  # {said}" if said else text


def _bound(mark: Any) -> str:
    """Return a bound in words; "" for another mark."""
    for kind, (sign, name) in BOUNDS.items():
        if isinstance(mark, kind):
            return f"{sign} {getattr(mark, name):g}"
    return ""


def _kind(annotation: Any) -> str:
    """Return the values of a type in words."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds = [
            _bound(m) for each in inside[1:] for m in (getattr(each, "metadata", None) or [each])
        ]
        return " ".join(filter(None, [_kind(inside[0]), *bounds]))
    if origin is Literal:
        return " | ".join(map(str, inside))
    if origin in (Union, types.UnionType):
        return " | ".join(map(_kind, inside))
    if origin is tuple:
        return f"{len(inside)} of {_kind(inside[0])}"
    if origin is list:
        return f"list of {_kind(inside[0])}"
    if origin is dict:
        return f"mapping to {_kind(inside[1])}"
    return WORDS.get(annotation, "")
