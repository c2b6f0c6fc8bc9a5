"""Where a number comes from: code, versions, machine.  No torch import."""

import hashlib
import os
import platform
import re
import sys
from functools import lru_cache
from importlib.metadata import Distribution, distributions, version
from pathlib import Path
from typing import Any

from clear_bench.runs.code import file_of
from clear_bench.utils.commit import commit_of
from clear_bench.utils.secrets import masked

LIBRARIES = ("torch", "torchvision", "timm", "transformers", "mmengine", "numpy", "pandas",
             "scipy", "opencv-python-headless", "mlflow", "optuna")  # fmt: skip
HEAD = re.compile(r"^(Name|Version): *(.*?) *$", re.M)
"""Of a package's metadata."""


def provenance() -> dict[str, Any]:
    """Return commit, dirtiness, versions, environment, hardware and command line."""
    commit, difference = commit_of(file_of("clear_bench").parent)
    return {
        "git_commit": commit,
        "git_dirty": difference,
        "environment": environment_hash(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "platform": platform.platform(),
        **machine(),
        "command": masked(_printable(" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))),
    }


def _printable(text: str) -> str:
    """Return a text in which what cannot be printed is escaped; a path may be no text at all."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


@lru_cache
def machine() -> dict[str, Any]:
    """Return what tells one kind of machine from another: processor and number of cores."""
    return {"cpu": _cpu(), "cores": os.cpu_count()}


@lru_cache
def environment_hash() -> str:
    """Return the sha256 of all installed package versions: the lock as it is really installed."""
    rows = sorted({"{}=={}".format(*_name_and_version(each)) for each in distributions()})
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _name_and_version(installed: Distribution) -> tuple[str, str]:
    """Return a package's name in small letters and its version.

    They stand at the head of a file that says much more: to read all of it as the e-mail that it is
    takes ten times as long.
    """
    head = (installed.read_text("METADATA") or "").partition("\n\n")[0]
    said = dict(HEAD.findall(head))
    if set(said) != {"Name", "Version"}:  # an older form of package, or a strange one
        return installed.name.lower(), installed.version
    return said["Name"].lower(), said["Version"]


def _cpu() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")
