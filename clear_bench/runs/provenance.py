"""Where a number comes from: code, versions, machine.  No torch import."""

import hashlib
import os
import platform
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

from clear_bench.runs.code import OWN, file_of
from clear_bench.utils.secrets import masked

LIBRARIES = ("torch", "torchvision", "timm", "transformers", "mmengine", "numpy", "pandas",
             "scipy", "opencv-python-headless", "mlflow", "optuna")  # fmt: skip


def provenance() -> dict[str, Any]:
    """Return commit, dirtiness, versions, environment, hardware and command line."""
    return {
        "git_commit": _git("rev-parse", "HEAD"),
        "git_dirty": _dirty(),
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
    rows = sorted({f"{d.name.lower()}=={d.version}" for d in distributions()})
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _git(*words: str) -> str:
    """Return what git says, or "unknown" outside a checkout."""
    try:
        answer = subprocess.run(
            ["git", *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=file_of("clear_bench").parent.parent,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def _dirty() -> str:
    """Return "" for code as committed, else a short hash of what differs; outputs do not count."""
    difference = _git("diff", "HEAD", "--", *OWN, "pyproject.toml", "requirements.lock")
    return hashlib.sha256(difference.encode()).hexdigest()[:12] if difference else ""


def _cpu() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")
