"""The process that reads MAT files: ``python -m clear_bench.data.reading.mat_child``.

scipy's parser is native code, which one changed byte can send anywhere.  Here it has a process of
its own with limits on memory and time; what becomes of it is one clear line of the other's.  It is
asked by lines of JSON on standard input, and answers as `clear_bench.data.reading.mat_reader` says.
"""

import io
import json
import os
import resource
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np

MEMORY = 768 << 20
"""Bytes more than it has once scipy is there; the largest known annotation needs 0.2e9."""

SECONDS = 8
"""Of computing, a file; the largest known annotation needs one."""


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    from clear_bench.data.reading import mat_tree

    _load(b"", [])  # imports all that scipy needs, while there is room
    _limit_memory()
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        _limit_time()
        try:
            content = Path(asked["path"]).read_bytes()
            tree, numbers = mat_tree.encode(_load(content, asked["names"]))
        except Exception as error:  # the parser of foreign bytes fails with whatever it trips over
            cause = " ".join(str(error).split()) or type(error).__name__
            tree, numbers = json.dumps({mat_tree.WRONG: cause[:300]}).encode(), b""
        answers.write(struct.pack("<QQ", len(tree), len(numbers)) + tree + numbers)
        answers.flush()


def _load(content: bytes, names: list[str]) -> dict[str, Any]:
    """Return variables of a MAT file; none of an empty one.

    scipy takes along all names of numpy, and two of them import much that nobody here asks for.
    """
    for name in ("f2py", "testing"):
        vars(np).setdefault(name, None)
    from scipy.io import loadmat

    if not content and not names:
        return {}
    stream: Any = io.BytesIO(content)  # which scipy takes, and its types do not say
    found = loadmat(stream, variable_names=names)
    return {name: found[name] for name in names if name in found}


def _limit_memory() -> None:
    """Have no more memory than `MEMORY` from now on."""
    used, pages = 1 << 30, Path("/proc/self/statm")
    if pages.exists():  # Linux
        used = int(pages.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no file


def _limit_time() -> None:
    """Have `SECONDS` more of computing from now on."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime) + SECONDS + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
