"""Values that take seconds to compute, kept from one command to the next in one small file.

Who computes one names all that it depends on.  Whoever removes the file waits a little longer the
next time; where nobody has opened it, everything is computed.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clear_bench.utils.errors import UserError
from clear_bench.utils.files import write_text
from clear_bench.utils.foreign import read_json
from clear_bench.utils.hashing import digest

MOST = 5000
"""Values that are kept: those that were of use last."""

_open: list[dict[str, Any]] = []


@contextmanager
def kept_in(file: Path) -> Iterator[None]:
    """Keep values in a file while the body runs; what is damaged is said and made anew."""
    before = _read(file)
    values = dict(before)
    _open.append(values)
    try:
        yield
    finally:
        _open.remove(values)
        newest = dict(list(values.items())[-MOST:])
        if list(newest) != list(before):
            text = json.dumps({"sha256": digest(newest), "values": newest})
            try:
                write_text(file, text)
            except (OSError, UserError) as error:  # what was asked for is there without it
                print(f"{file}: not kept ({error})", file=sys.stderr)


def kept(key: Callable[[], Any], make: Callable[[], Any]) -> Any:
    """Return a plain value that is kept, or make it.

    Args:
        key: Returns all that the value depends on, as a plain value.
        make: Returns it: what JSON can hold, floats to the last bit.
    """
    if not _open:
        return make()
    values, name = _open[-1], digest(key())
    value = values.pop(name) if name in values else make()
    try:
        digest(value)
    except ValueError:  # NaN, which is no number of JSON
        return value
    values[name] = value  # the last one used comes last
    return value


def _read(file: Path) -> dict[str, Any]:
    """Return the values of a file; none if it is not there or not as it was written."""
    if not file.is_file():
        return {}
    try:
        found = read_json(file, "it is made again")
        if isinstance(found, dict) and found.get("sha256") == digest(found.get("values")):
            return dict(found["values"])
        said = f"{file}: damaged; it is made again"
    except UserError as error:
        said = str(error)
    print(said, file=sys.stderr)
    return {}
