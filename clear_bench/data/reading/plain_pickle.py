"""Reads arrays, texts and mappings out of a pickle without running anything that is in it.

Some splits are only passed around as pickles (``dataset_zs_run0.pkl``).  A pickle is a program for
a small machine; what makes it dangerous is that it may fetch any function and call it.  Here every
name it asks for is looked up in `KNOWN`, which holds passive stand-ins of this module: the file can
build `Mapping` and `Array` objects, texts, numbers, lists and tuples, and nothing else.  Numpy is
asked only to view plain bytes as numbers of a few plain types.  Python's own unpickler is used, not
the C one, whose memory a crafted file can exhaust.
"""

import io
import pickle
import re
import struct
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.utils.errors import UserError
from clear_bench.utils.foreign import read_bytes

NUMBERS = {"b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"}
LARGEST = 256 << 20
"""Bytes of a file, and of all that it makes of its own bytes; those that go round have 2 to 100
million."""

STEPS = 3_000_000
"""Of the machine, a second or so for each million; UPAR's 225,000 pictures take less than one."""

ITEMS = 4_000_000
"""Of lists and mappings, each counted as often as it is met, and letters of arrays of texts."""

BROKEN = (pickle.UnpicklingError, ValueError, EOFError, TypeError, KeyError, IndexError,
          AttributeError, OverflowError, MemoryError, struct.error, AssertionError,
          NotImplementedError, RecursionError, ImportError)  # fmt: skip
"""What the machine raises for a program that is damaged."""


def _word(value: object) -> str:
    """Return a short text; to make one of anything else could take for ever."""
    if not isinstance(value, str) or len(value) > 20:
        raise ValueError("a type of array that is no word")
    return value


def _key(value: object) -> object:
    """Return the key of a mapping; to look up a tuple of tuples could take for ever."""
    if not isinstance(value, str | int | bytes | None):
        raise ValueError(f"a mapping with a {type(value).__name__} as key")
    return value


class Mapping(dict[Any, Any]):
    """Stands in for ``easydict.EasyDict``, of which the items are kept."""

    def __init__(self, pairs: Any = ()) -> None:
        super().__init__()
        for key, value in pairs.items() if isinstance(pairs, dict) else pairs:
            self[_key(key)] = value

    def __setstate__(self, state: object) -> None:
        """Ignore the attributes; they repeat the items."""


class Type:
    """Stands in for ``numpy.dtype``; remembers its letters and byte order."""

    def __init__(self, letters: object = "", *_: object) -> None:
        self.letters, self.order = _word(letters), "<"

    def __setstate__(self, state: Any) -> None:
        self.order = _word(state[1])


class Array:
    """Stands in for ``numpy.ndarray``; remembers what it is made of."""

    def __init__(self, *_: object) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _scalar(kind: Any, data: Any) -> Array:
    """Stand in for ``numpy.core.multiarray.scalar``."""
    scalar = Array()
    scalar.state = (1, (), kind, False, data)
    return scalar


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> Array:
    """Stand in for ``numpy._core.numeric._frombuffer``, which protocol 5 uses."""
    if not isinstance(data, bytes | bytearray):
        raise ValueError("an array without bytes")
    array = Array()
    array.state = (1, shape, kind, order == "F", bytes(data))
    return array


def _encode(text: str, encoding: str) -> bytes:
    """Stand in for ``_codecs.encode``, by which Python 2 protocols write bytes."""
    if encoding != "latin1" or not isinstance(text, str):
        raise ValueError("only text in latin1")
    return text.encode("latin1")


KNOWN: dict[tuple[str, str], Any] = {
    ("easydict", "EasyDict"): Mapping,
    ("collections", "OrderedDict"): Mapping,
    ("numpy", "dtype"): Type,
    ("numpy", "ndarray"): Array,
    ("_codecs", "encode"): _encode,
    ("builtins", "range"): range,
    ("__builtin__", "xrange"): range,
}
for _home in ("numpy.core.multiarray", "numpy._core.multiarray"):
    KNOWN[_home, "_reconstruct"] = Array
    KNOWN[_home, "scalar"] = _scalar
for _home in ("numpy.core.numeric", "numpy._core.numeric"):
    KNOWN[_home, "_frombuffer"] = _from_buffer


class _Reader(pickle._Unpickler):
    """The machine, with nothing to call but `KNOWN` and nothing to change but what it made.

    It takes at most `STEPS`, and makes at most `LARGEST` bytes.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))  # from which no more can be read than there is
        self.left, self.room = len(content), LARGEST
        self.dispatch = _Counted(self.dispatch)  # type: ignore[misc]

    def made(self, value: object) -> None:
        """Take what an object needs from the room that is left."""
        if isinstance(value, Array) and value.state is not None:
            value = value.state[4]
        if isinstance(value, bytes | bytearray | str):
            self.room -= len(value)
        elif isinstance(value, dict):
            self.room -= 100 * len(value)  # about the bytes of an item
        if self.room < 0:
            raise ValueError(f"makes more than {LARGEST} bytes")

    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in."""
        if (module, name) not in KNOWN:
            raise ValueError(f"asks for {module}.{name}")
        return KNOWN[module, name]


def _load_build(reader: Any) -> None:
    """Give an object its state; the stand-ins themselves are not the file's to change."""
    if not isinstance(reader.stack[-2], Mapping | Type | Array):
        raise ValueError(f"changes a {type(reader.stack[-2]).__name__}")
    _STEPS[pickle.BUILD[0]](reader)


def _load_reduce(reader: Any) -> None:
    """Call a stand-in; it may copy what it is given, and be called again and again."""
    _STEPS[pickle.REDUCE[0]](reader)
    reader.made(reader.stack[-1])


def _load_bytearray(reader: Any) -> None:
    """Read bytes; pickle's own step gives them room before it looks whether they are there."""
    (size,) = struct.unpack("<Q", reader.read(8))
    if size > reader.left:
        raise ValueError("asks for more bytes than there are")
    reader.append(bytearray(reader.read(size)))


def _load_setitem(reader: Any) -> None:
    """Put an item into a mapping."""
    _key(reader.stack[-2])
    _STEPS[pickle.SETITEM[0]](reader)


def _load_items(code: bytes, reader: Any) -> None:
    """Put items into a mapping, or make one of them."""
    for key in reader.stack[::2]:
        _key(key)
    _STEPS[code[0]](reader)


class _Counted(dict[int, Any]):
    """The machine's steps, of which only so many are given out."""

    given = 0

    def __getitem__(self, code: int) -> Any:
        """Return a step."""
        self.given += 1
        if self.given > STEPS:
            raise ValueError(f"takes more than {STEPS} steps")
        return super().__getitem__(code)


_STEPS: dict[int, Any] = dict(pickle._Unpickler.dispatch)
_SETS = (pickle.EMPTY_SET[0], pickle.ADDITEMS[0], pickle.FROZENSET[0])
"""Steps for what no file of data has."""

_Reader.dispatch = {
    **{code: step for code, step in _STEPS.items() if code not in _SETS},
    pickle.SETITEM[0]: _load_setitem,
    pickle.SETITEMS[0]: partial(_load_items, pickle.SETITEMS),
    pickle.DICT[0]: partial(_load_items, pickle.DICT),
    pickle.BUILD[0]: _load_build,
    pickle.REDUCE[0]: _load_reduce,
    pickle.BYTEARRAY8[0]: _load_bytearray,
}


def read_data_pickle(path: Path) -> Any:
    """Return the content of a pickle of plain data.

    Arrays come as numpy arrays of numbers, `Mapping` as dict, the rest as it is.

    Raises:
        UserError: If the file is missing, damaged, larger than `LARGEST`, or asks for anything but
            mappings, lists, texts, numbers and arrays of numbers; none of it was run.
    """
    content = read_bytes(path, "expected a pickle of plain data", largest=LARGEST)
    try:
        made = _Reader(content).load()
        if _items(made, {}) > ITEMS:
            raise ValueError(f"holds more than {ITEMS} items")
        return _plain(made)
    except BROKEN as error:
        cause = " ".join(str(error).split())[:80] or type(error).__name__
        raise UserError(
            f"{path}: not a pickle of plain data ({cause}); nothing in it was run"
        ) from None


def _plain(value: Any, depth: int = 0) -> Any:
    """Return stand-ins as what they stand for."""
    _require_shallow(depth)
    if isinstance(value, Array):
        array = _numbers(value)
        return array.tolist() if array.dtype.kind == "U" else array
    if isinstance(value, dict):
        return {str(k): _plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, depth + 1) for v in value]
    if isinstance(value, str | int | float | bool | range | type(None)):
        return value
    raise ValueError(f"holds a {type(value).__name__}")


def _items(value: Any, known: dict[int, int], depth: int = 0) -> int:
    """Return how many items `_plain` would give of a value, each counted as often as it is there.

    A list that holds one list ten times, which holds one ten times, is as large as it says.

    Args:
        value: What the machine made.
        known: Identity of a value to its count.
        depth: Of the value.
    """
    if id(value) in known:
        return known[id(value)]
    _require_shallow(depth)
    count = 1
    if isinstance(value, Array):
        array = _numbers(value)
        count = array.size * (1 + array.dtype.itemsize // 64) if array.dtype.kind == "U" else 1
    elif isinstance(value, dict | list | tuple):
        inside = value.values() if isinstance(value, dict) else value
        count += sum(_items(part, known, depth + 1) for part in inside)
        known[id(value)] = count
    elif isinstance(value, range):
        count = len(value)
    return count


def _require_shallow(depth: int) -> None:
    """Raise a `ValueError` if a value is nested more than 20 deep."""
    if depth > 20:
        raise ValueError("nested too deeply")


def _numbers(array: Array) -> NDArray[Any]:
    """Return an array of numbers or texts; one of objects is refused."""
    _, shape, kind, fortran, data = array.state
    texts = isinstance(kind, Type) and re.fullmatch(r"U[1-9]\d{0,3}", kind.letters)
    if not texts and (not isinstance(kind, Type) or kind.letters not in NUMBERS):
        raise ValueError("holds an array of something else than numbers")
    if not isinstance(data, bytes) or not isinstance(shape, tuple) or len(shape) > 32:
        raise ValueError("holds an array without bytes or shape")
    order = kind.order if kind.order in "<>" else "="
    flat = np.frombuffer(data, np.dtype(f"{order}{kind.letters}"))
    return flat.reshape(tuple(int(n) for n in shape), order="F" if fortran else "C")
