"""Files from anywhere, read within bounds: bytes, JSON and YAML, with one kind of error for each.

Nothing here is given room before the file has shown that it has its bytes, and nothing waits: what
is no regular file (a pipe, a device, a folder) is refused before it is opened for reading.
"""

import json
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import yaml

from clear_bench.utils.errors import UserError

LARGEST = 256 << 20
"""Bytes of a file that is read as a whole, if its reader says nothing else."""

DEEPEST = 100
"""Levels of a JSON file; ours have some ten."""

YAML_LETTERS, YAML_DEPTH = 100_000, 20
NO_JSON = (ValueError, RecursionError)
NO_YAML = (yaml.YAMLError, ValueError, OverflowError, RecursionError)
"""What the parsers raise for a text that is none."""


def read_bytes(path: Path, advice: str, *, largest: int = LARGEST) -> bytes:
    """Return the content of a regular file.

    Args:
        path: The file.
        advice: What to do if it cannot be read.
        largest: How many bytes it may have.

    Raises:
        UserError: If it is missing, no regular file or too large, or cannot be read.
    """
    try:
        # a pipe would wait for somebody to write into it
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as stream:  # noqa: PTH123 - of a descriptor
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{path}: is no regular file; {advice}")
            content = stream.read(largest + 1)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {advice}") from None
    except ValueError:  # a name with a zero byte
        raise UserError(f"{str(path)!r}: is no name of a file; {advice}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {advice}") from None
    if len(content) > largest:
        raise UserError(f"{path}: has more than {largest} bytes; {advice}")
    return content


def read_text(path: Path, advice: str, *, largest: int = LARGEST) -> str:
    """Return the content of a file in UTF-8, with or without a mark at its beginning.

    Raises:
        UserError: As of `read_bytes`, or if it is not UTF-8.
    """
    content = read_bytes(path, advice, largest=largest)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; {advice}") from None


def read_json(
    path: Path,
    advice: str,
    *,
    largest: int = LARGEST,
    pairs: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """Return what a JSON file holds.

    Args:
        path: The file.
        advice: What to do if it cannot be read.
        largest: How many bytes it may have.
        pairs: Makes an object of its keys and values; may raise a `ValueError`.

    Raises:
        UserError: As of `read_bytes`, or if it is not JSON or nested too deeply.
    """
    return parse_json(read_bytes(path, advice, largest=largest), str(path), advice, pairs=pairs)


def parse_json(
    content: bytes | str,
    label: str,
    advice: str,
    *,
    pairs: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """Return what a text of JSON means, see `read_json`; ``label`` names it."""
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=_no_number)
    except NO_JSON as error:
        cause = "nested too deep" if isinstance(error, RecursionError) else _first_line(error)
        raise UserError(f"{label}: not JSON ({cause}); {advice}") from None
    if _depth(value) > DEEPEST:
        raise UserError(f"{label}: not JSON (nested too deep); {advice}")
    return value


class _PlainLoader(yaml.SafeLoader):
    """Makes null, truth values, numbers, texts, lists and mappings of YAML, and nothing else."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if not tag.endswith((":timestamp", ":merge"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# 5e-4 and 1e6 are numbers to everybody but YAML 1.1
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"),
    list("-+.0123456789"),
)


def parse_yaml(text: str) -> Any:
    """Return what a text of YAML means, as plain values; a date is a text.

    Raises:
        ValueError: If it is not YAML, is longer than `YAML_LETTERS` or nested more than
            `YAML_DEPTH` deep, repeats a part of itself by an alias, or asks for a type by a tag.
    """
    if len(text) > YAML_LETTERS:
        raise ValueError(f"longer than {YAML_LETTERS} letters")
    try:
        depth = 0
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError("has an alias")
            tag = getattr(event, "tag", None)
            if tag is not None:
                raise ValueError(f"has a tag, {tag}")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > YAML_DEPTH:
                raise ValueError("nested too deep")
        return yaml.load(text, _PlainLoader)  # noqa: S506 - makes plain values alone
    except NO_YAML as error:
        raise ValueError(_first_line(error)) from None


def _no_number(name: str) -> NoReturn:
    """Refuse what Python's JSON has beyond JSON: NaN and the infinities."""
    raise ValueError(f"{name} is no number of JSON")


def _depth(value: Any) -> int:
    """Return how deeply a value is nested, without recursion."""
    depth, level = 0, [value]
    while level:
        inside = [v.values() if isinstance(v, dict) else v for v in level]
        level = [
            part for v in inside if not isinstance(v, str | int | float | None) for part in v
        ]  # fmt: skip
        depth += 1
    return depth


def _first_line(error: Exception) -> str:
    """Return the reason of an error in a few words."""
    return (" ".join(str(error).split()) or type(error).__name__)[:120]
