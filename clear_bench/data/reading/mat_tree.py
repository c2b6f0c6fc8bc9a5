"""What `scipy.io.loadmat` gives as plain bytes and back: what a child process may say.

A process that read foreign bytes is not to be trusted either, so nothing of what it says is
unpickled: it is a JSON tree of arrays and the numbers in them as bytes, each with its type.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

DEEPEST = 20
ITEMS = 20_000_000
"""Values of all arrays together, which a release of 100,000 images reaches with 200 attributes."""

KINDS = "biufU"
WRONG = ""
"""Key under which a tree says why there is none."""


class Refused(Exception):  # noqa: N818 - the word says it
    """The file could not be read, and why."""


def encode(variables: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return a JSON tree of some variables, and the bytes of their numbers.

    Raises:
        ValueError: If one holds anything but numbers, texts, cells and structs, or too much.
    """
    parts: list[bytes] = []
    tree = {name: _node(value, parts, 0) for name, value in variables.items()}
    return json.dumps(tree).encode(), b"".join(parts)


def decode(tree: bytes, content: bytes) -> dict[str, Any]:
    """Return the variables that `encode` was given.

    Raises:
        ValueError: If it is not what `encode` returns.
        Refused: If it says why there is nothing.
    """
    reader = _Reader(content)
    try:
        said = json.loads(tree)
        if WRONG in said:
            raise Refused(str(said[WRONG])[:300])
        return {name: reader.value(node) for name, node in said.items()}
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a tree of arrays ({type(error).__name__})") from None


def _node(value: Any, parts: list[bytes], depth: int) -> dict[str, Any]:
    """Return the node of an array, and append its numbers."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if not isinstance(value, np.ndarray):
        if isinstance(value, str):
            value = np.array(value)
        elif hasattr(value, "toarray"):
            raise ValueError("holds a sparse array; save it with full(..)")
        else:
            raise ValueError(f"holds a {type(value).__name__}")
    shape = list(value.shape)
    if value.dtype.names:
        cells = [
            _node(cell[name], parts, depth + 1) for cell in value.flat for name in value.dtype.names
        ]
        return {"shape": shape, "fields": list(value.dtype.names), "cells": cells}
    if value.dtype.kind == "O":
        return {"shape": shape, "cells": [_node(cell, parts, depth + 1) for cell in value.flat]}
    if value.dtype.kind not in KINDS:
        raise ValueError(f"holds an array of {value.dtype}")
    parts.append(np.ascontiguousarray(value).tobytes())
    return {"shape": shape, "type": value.dtype.str}


class _Reader:
    """Takes the numbers of arrays from bytes, one array after the other."""

    def __init__(self, content: bytes) -> None:
        self.content, self.start, self.left = content, 0, ITEMS

    def value(self, node: Mapping[str, Any]) -> Any:
        """Return the array of a node."""
        shape = tuple(int(side) for side in node["shape"])
        count = 1
        for side in shape:
            count *= side
        if min(shape, default=0) < 0:
            raise ValueError("an array of negative size")
        self.left -= max(count, 1)
        if self.left < 0:
            raise ValueError(f"more than {ITEMS} values")
        if "type" in node:
            return self._numbers(np.dtype(str(node["type"])), count).reshape(shape)
        names = [str(name) for name in node.get("fields", ())]
        cells = node["cells"]
        if len(cells) != count * (len(names) if "fields" in node else 1):
            raise ValueError("an array without all of its cells")
        if "fields" not in node:
            array = np.empty(count, object)
            for place, cell in enumerate(cells):
                array[place] = self.value(cell)
            return array.reshape(shape)
        struct = np.empty(count, [(name, object) for name in names])
        values = [self.value(cell) for cell in cells]
        for place in range(count):
            struct[place] = tuple(values[place * len(names) : (place + 1) * len(names)])
        return struct.reshape(shape)

    def _numbers(self, kind: np.dtype[Any], count: int) -> Any:
        """Return the next numbers, or texts."""
        if kind.kind not in KINDS:
            raise ValueError(f"an array of {kind}")
        size = kind.itemsize * count
        part = self.content[self.start : self.start + size]
        if len(part) != size:
            raise ValueError("an array without all of its bytes")
        self.start += size
        return np.frombuffer(part, kind).copy() if size else np.zeros(count, kind)
