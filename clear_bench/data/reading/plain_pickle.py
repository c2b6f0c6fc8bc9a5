"""Reads arrays, texts and mappings out of a pickle without running anything that is in it.

Some splits are only passed around as pickles (``dataset_zs_run0.pkl``).  A pickle is a program for
a small machine; what makes it dangerous is that it may fetch any function and call it.  Here every
name it asks for is looked up in `KNOWN`, which holds passive stand-ins of this module: the file can
build `Mapping` and `Array` objects, texts, numbers, lists and tuples, and nothing else.  Numpy is
asked only to view plain bytes as numbers of a few plain types.  Python's own unpickler is used, not
the C one, whose memory a crafted file can exhaust.
"""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from clear_bench.utils.errors import UserError, require_file

NUMBERS = {"b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"}
LARGEST = 1 << 30  # bytes; the files in question have 2 to 20 million


class Mapping(dict[Any, Any]):
    """Stands in for ``easydict.EasyDict``, of which the items are kept."""

    def __setstate__(self, state: object) -> None:
        """Ignore the attributes; they repeat the items."""


class Type:
    """Stands in for ``numpy.dtype``; remembers its letters and byte order."""

    def __init__(self, letters: object = "", *_: object) -> None:
        self.letters, self.order = str(letters), "<"

    def __setstate__(self, state: Any) -> None:
        self.order = str(state[1])


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
    if encoding != "latin1":
        raise ValueError("only latin1")
    return str(text).encode("latin1")


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
    """The machine, with nothing to call but `KNOWN` and nothing to change but what it made."""

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


_STEPS: dict[int, Any] = dict(pickle._Unpickler.dispatch)
_Reader.dispatch = {**_STEPS, pickle.BUILD[0]: _load_build}


def read_data_pickle(path: Path) -> Any:
    """Return the content of a pickle of plain data.

    Arrays come as numpy arrays of numbers, `Mapping` as dict, the rest as it is.

    Raises:
        UserError: If the file is missing, damaged, larger than `LARGEST`, or asks for anything but
            mappings, lists, texts, numbers and arrays of numbers; none of it was run.
    """
    require_file(path, "expected a pickle of plain data")
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: {path.stat().st_size} bytes are too many for a split file")
    try:
        with path.open("rb") as stream:
            return _plain(_Reader(stream).load())
    except Exception as error:  # a damaged file makes the machine fail in any way
        raise UserError(
            f"{path}: not a pickle of plain data ({str(error)[:80] or type(error).__name__}); "
            "nothing in it was run"
        ) from None


def _plain(value: Any, depth: int = 0) -> Any:
    """Return stand-ins as what they stand for."""
    if depth > 20:
        raise ValueError("nested too deeply")
    if isinstance(value, Array):
        return _numbers(value)
    if isinstance(value, dict):
        return {str(k): _plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, depth + 1) for v in value]
    if isinstance(value, str | int | float | bool | range | type(None)):
        return value
    raise ValueError(f"holds a {type(value).__name__}")


def _numbers(array: Array) -> Any:
    """Return an array of numbers, and one of texts as lists; one of objects is refused."""
    _, shape, kind, fortran, data = array.state
    texts = isinstance(kind, Type) and re.fullmatch(r"U[1-9]\d{0,3}", kind.letters)
    if not texts and (not isinstance(kind, Type) or kind.letters not in NUMBERS):
        raise ValueError("holds an array of something else than numbers")
    if not isinstance(data, bytes):
        raise ValueError("holds an array without bytes")
    order = kind.order if kind.order in "<>" else "="
    flat = np.frombuffer(data, np.dtype(f"{order}{kind.letters}"))
    values = flat.reshape(tuple(int(n) for n in shape), order="F" if fortran else "C")
    return values.tolist() if texts else values
