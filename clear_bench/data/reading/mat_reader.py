"""Asks the process that reads MAT files, started once and kept; its death is one clear line."""

import atexit
import base64
import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import IO, Any

from clear_bench.data.reading.mat_tree import Refused, decode
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import file_sha256
from clear_bench.utils.kept_values import kept

WAIT = 60.0
"""Seconds for an answer; the process itself has 8 of computing, see `mat_child`."""

MOST = 2 << 30
"""Bytes of an answer."""

SMALL = 1 << 20
"""Bytes of a file whose answer is kept from one command to the next, where one keeps values: to
start the process takes a quarter of the second in which a command says what it would do."""


class _Child:
    """One such process.

    Args:
        owner: Number of the process that started it; one that was forked from that needs its own.
    """

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "clear_bench.data.reading.mat_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
                 "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            start_new_session=True,
        )  # fmt: skip

    def ask(self, path: Path, names: Sequence[str]) -> tuple[bytes, bytes]:
        """Return the answer for a file; raises `_Died` if there is none."""
        assert self.process.stdin is not None  # noqa: S101 - it is a pipe
        assert self.process.stdout is not None  # noqa: S101
        line = json.dumps({"path": os.path.abspath(path), "names": list(names)})  # noqa: PTH100
        until = time.monotonic() + WAIT
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
            sizes = struct.unpack("<QQ", _read(self.process.stdout, 16, until))
            if sum(sizes) > MOST:
                raise _Died(f"it said {sum(sizes)} bytes")
            return (
                _read(self.process.stdout, sizes[0], until),
                _read(self.process.stdout, sizes[1], until),
            )
        except (BrokenPipeError, EOFError):
            self.process.wait()
            raise _Died(_how(self.process.returncode)) from None

    def end(self) -> None:
        """End the process, if it is this one's."""
        if self.owner == os.getpid():
            self.process.kill()
            self.process.wait()


class _Died(Exception):  # noqa: N818 - says what happened
    """The process is no more, or has to go."""


_children: list[_Child] = []
_one_at_a_time = Lock()


def read_mat(path: Path, names: Sequence[str], advice: str) -> dict[str, Any]:
    """Return those of some variables that a MAT file has, as `scipy.io.loadmat` gives them.

    Args:
        path: The file.
        names: Of the variables.
        advice: What to do if it cannot be read.

    Raises:
        UserError: If it is damaged in whatever way, asks for more memory or time than there is, or
            holds anything but numbers, texts, cells and structs.
    """
    with _one_at_a_time:
        try:
            return decode(*_answer(path, names))
        except Refused as error:
            wanted = ", ".join(f"'{name}'" for name in names)
            raise UserError(
                f"{path}: not a readable MAT-file with variable {wanted} ({error}); truncated or "
                f"another format? {advice}"
            ) from None
        except (_Died, ValueError) as error:
            _end()
            raise UserError(
                f"{path}: not a readable MAT-file (the process that read it ended: {error}); "
                f"damaged? {advice}"
            ) from None
        except BaseException:  # above all Ctrl-C: half an answer is none
            _end()
            raise


def _answer(path: Path, names: Sequence[str]) -> tuple[bytes, bytes]:
    """Return the process's answer for a file, or the one it gave for the same bytes before."""
    if path.stat().st_size > SMALL:
        return _child().ask(path, names)
    content = file_sha256(path)

    def ask() -> list[str]:
        tree, numbers = _child().ask(path, names)
        decode(tree, numbers)  # a refusal may be for want of memory or time, and is not kept
        if file_sha256(path) != content:
            raise Refused("it changed while it was read")
        return [base64.b64encode(part).decode("ascii") for part in (tree, numbers)]

    tree, numbers = kept(lambda: ["mat", content, list(names), version("scipy")], ask)
    return base64.b64decode(tree), base64.b64decode(numbers)


def _child() -> _Child:
    """Return the process, started if there is none."""
    if _children and _children[0].owner != os.getpid():
        _children.clear()
    if not _children:
        _children.append(_Child())
        atexit.register(_end)
    return _children[0]


def _end() -> None:
    """End the process, if there is one."""
    while _children:
        _children.pop().end()


def _read(stream: IO[bytes], size: int, until: float) -> bytes:
    """Return so many bytes of a pipe; raises `EOFError` at its end, `_Died` if time is up."""
    parts, left, descriptor = [], size, stream.fileno()
    while left:
        if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
            raise _Died(f"no answer in {WAIT:g} s")
        part = os.read(descriptor, min(left, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _how(status: int) -> str:
    """Return in words how a process ended."""
    if status == -signal.SIGXCPU:
        return "too long"
    if status < 0:
        return f"by {signal.Signals(-status).name}"
    return f"with status {status}"
