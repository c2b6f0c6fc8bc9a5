"""``attributes.yaml`` beside ``labels.csv``: what its columns mean, in groups and in English.

    hat:
      slot: wearing          # age, person, with, wearing, carrying or doing
      present: a hat
      absent: no hat

All is optional.  Without a file the name of a column is its phrase.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from clear_bench.data.schema import Attribute, Schema, Slot
from clear_bench.utils.errors import UserError, unknown

FILE = "attributes.yaml"
LARGEST = 1 << 20
"""Bytes of a file."""

LONGEST = 200
"""Letters of a phrase."""

SLOTS = get_args(Slot)
KEYS = ("slot", "present", "absent", "opposite", "group")
TRUTH = {"true": True, "false": False}
ARTICLE = re.compile(r"^(an?|the|some) ")


def read_attributes(root: Path, columns: Sequence[str]) -> Schema:
    """Return the schema of some columns, in their order.

    Args:
        root: Folder of the file; without it every column is a phrase of its own.
        columns: Names of the attributes.

    Raises:
        UserError: If the file is broken, names what is no column, or leaves a column out.
    """
    path = root / FILE
    if not os.path.lexists(path):
        return Schema(tuple(attribute_of(name, {}) for name in columns))
    if not path.is_file():
        raise UserError(f"{path}: is no file; take it away, or write what the columns mean into it")
    said = _entries(path)
    for name in said:
        if name not in columns:
            raise UserError(f"{path}: {unknown('column of labels.csv', name, columns)}")
    for name in columns:
        if name not in said:
            raise UserError(
                f"{path}: does not name the column '{name}' of labels.csv; add the line '{name}:'"
            )
    return Schema(tuple(attribute_of(name, said[name], path) for name in columns))


def attribute_of(name: str, said: dict[str, str], path: Path | None = None) -> Attribute:
    """Return an attribute from what is said of it; the rest follows from its name.

    Args:
        name: Of the column.
        said: Some of `KEYS` to their texts.
        path: What to name in an error.

    Raises:
        UserError: If a value is none that may be.
    """
    slot, opposite = said.get("slot", "with"), said.get("opposite", "false")
    if slot not in SLOTS:
        raise UserError(f"{path}: {name}: {unknown('slot', slot, SLOTS)}")
    if opposite not in TRUTH:
        raise UserError(f"{path}: {name}: opposite is '{opposite}', must be true or false")
    present = said.get("present") or " ".join(name.replace("_", " ").split())
    absent = said.get("absent") or f"no {ARTICLE.sub('', present)}"
    if present == absent:
        raise UserError(f"{path}: {name}: present and absent are both '{present}'")
    chosen: Any = slot  # one of them
    return Attribute(name, chosen, present, absent, TRUTH[opposite], said.get("group", ""))


def _entries(path: Path) -> dict[str, dict[str, str]]:
    """Return attribute -> key -> text, all of it as it is written: nothing becomes a number."""
    import yaml

    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path}: has more than {LARGEST >> 20} MiB, too much for phrases")
        text = path.read_text(encoding="utf-8-sig")
        top = yaml.compose(text, Loader=yaml.BaseLoader)
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8; save it as that") from None
    except yaml.YAMLError as error:
        cause = " ".join(str(error).split())
        raise UserError(f"{path}: not YAML ({cause[:200]})") from None
    except RecursionError:
        raise UserError(f"{path}: is nested too deeply for phrases") from None
    return {
        name: {} if _is_nothing(inside) else dict(_texts(inside, f"{path}: {name}"))
        for name, inside in _pairs(top, str(path), "attributes")
    }


def _texts(node: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield each key of an attribute with its text."""
    import yaml

    for key, value in _pairs(node, where, f"some of {', '.join(KEYS)}"):
        if key not in KEYS:
            raise UserError(f"{where}: {unknown('key', key, KEYS)}")
        if not isinstance(value, yaml.ScalarNode):
            raise UserError(f"{where}: {key} must be a text")
        text = " ".join(value.value.split())
        if len(text) > LONGEST or not text.isprintable():
            raise UserError(f"{where}: {key} must be at most {LONGEST} printable letters")
        yield key, text


def _is_nothing(node: Any) -> bool:
    """Return whether nothing stands behind the colon."""
    return node.id == "scalar" and not node.value


def _pairs(node: Any, where: str, what: str) -> Iterator[tuple[str, Any]]:
    """Yield the pairs of a mapping, whose keys are texts and differ."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{where}: must be a mapping of {what}")
    seen = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{where}: line {key.start_mark.line + 1}: a name must be a text")
        if key.value in seen:
            line = key.start_mark.line + 1
            raise UserError(f"{where}: line {line}: '{key.value[:60]}' is there twice")
        seen.add(key.value)
        yield key.value, value
