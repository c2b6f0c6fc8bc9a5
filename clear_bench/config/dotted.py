"""Nested settings by dotted key: read them, set them, say what differs."""

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from clear_bench.config.method import TASKS
from clear_bench.config.sections import TYPED, Config, is_open
from clear_bench.config.start_files import networks
from clear_bench.utils.errors import UserError, unknown
from clear_bench.utils.foreign import parse_yaml

KEY = re.compile(r"[\w.+@-]{1,200}")
NAMES = ("method", "dataset", "profile", "seed")
"""Keys of a configuration that have arguments of their own and cannot be overridden."""


def flatten(
    config: Mapping[str, Any], where: str = "", *, sections: bool = False
) -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of nested mappings.

    Args:
        config: The outermost mapping.
        where: Its own dotted key.
        sections: Whether to yield the mappings inside too, each before what it holds.
    """
    for key, value in config.items():
        path = f"{where}.{key}" if where else key
        if not isinstance(value, Mapping) or sections:
            yield path, value
        if isinstance(value, Mapping):
            yield from flatten(value, path, sections=sections)


def changes(
    config: Mapping[str, Any], default: Mapping[str, Any], where: str = ""
) -> dict[str, Any]:
    """Return dotted keys to values that make ``default`` the given configuration.

    A mapping with other keys than the default's is one change: it replaced the other whole.
    """
    changed: dict[str, Any] = {}
    for key, value in config.items():
        path, old = f"{where}.{key}" if where else key, default.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and set(value) == set(old):
            changed |= changes(value, old, path)
        elif value != old:
            changed[path] = value
    return changed


def parse_overrides(pairs: Iterable[str]) -> dict[str, Any]:
    """Return ``key=value`` words as a mapping; values are YAML ("5e-4" counts as a number)."""
    overrides: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not KEY.fullmatch(key):
            raise UserError(f"--set {pair[:80]}: must be KEY=VALUE")
        try:
            overrides[key] = parse_yaml(text)
        except ValueError as error:
            raise UserError(f"--set {pair[:80]}: the value is not YAML ({error})") from None
    return overrides


def merge(base: Config, layer: Mapping[str, Any], where: str = "") -> None:
    """Write ``layer`` over ``base`` in place; a key that ``base`` lacks is an error."""
    for key, value in layer.items():
        path = f"{where}.{key}" if where else key
        if key not in base:
            raise unknown("configuration key", path, [f"{where}.{k}" if where else k for k in base])
        # A layer that names another backbone replaces it whole: the old one's widths mean nothing.
        inside = isinstance(value, Mapping) and isinstance(base[key], dict)
        if inside and "name" not in value and not is_open(tuple(path.split("."))):
            merge(base[key], value, path)
        else:
            base[key] = deepcopy(value)


def set_value(config: Config, key: str, value: Any) -> None:
    """Set one dotted key, which may lack its task; a section takes a mapping, as in a recipe."""
    keys = [key for key, _ in flatten(config, sections=True)]
    settable = [k for k in keys if k not in NAMES] + _weights(config, keys)
    fits = [k for k in settable if k == key] or [
        f"{t}.{key}" for t in TASKS if f"{t}.{key}" in settable
    ]
    if not fits:
        raise unknown("configuration key", key, settable)
    if len(fits) > 1:
        raise UserError(f"configuration key '{key}' is ambiguous; write {' or '.join(fits)}")
    *path, last = fits[0].split(".")
    if (*path, last) in TYPED and isinstance(value, Mapping):
        for inner, part_value in value.items():
            set_value(config, f"{fits[0]}.{inner}", part_value)
        return
    section = config
    for part in path:
        section = section[part]
    old = section.get(last, "")  # a network says nothing of weights that no file gives
    if isinstance(old, dict) and isinstance(value, Mapping) and not is_open((*path, last)):
        merge(section, {last: value}, ".".join(path))
        return
    if tuple(path) not in TYPED and not _same_kind(old, value):
        raise UserError(
            f"{fits[0]}={value!r}: must be {type(old).__name__} like the default {old!r}"
        )
    section[last] = float(value) if isinstance(old, float) and isinstance(value, int) else value


def _weights(config: Config, there: list[str]) -> list[str]:
    """Return the keys of files with weights that networks may have and do not have yet."""
    model = config.get("recognition", {}).get("model", {})
    keys = [
        f"recognition.model.{network}.{key}"
        for network in networks(model)
        for key in ("weights", "weights_sha256")
    ]
    return [key for key in keys if key not in there]


def _same_kind(old: Any, new: Any) -> bool:
    """Return whether a value may replace another in a section without a schema."""
    if isinstance(old, bool) or isinstance(new, bool):
        return isinstance(old, bool) and isinstance(new, bool)
    if isinstance(old, float):
        return isinstance(new, int | float)
    if isinstance(old, list | tuple):
        return isinstance(new, list | tuple)
    return old is None or isinstance(new, type(old))
