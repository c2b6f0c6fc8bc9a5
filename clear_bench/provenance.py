"""Where a number comes from: code, versions, machine.  No torch import."""

import ast
import hashlib
import os
import platform
import subprocess
import sys
from functools import cache, lru_cache
from importlib.metadata import distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OWN = ("clear_bench", "baselines", "ablations")
IDLE = frozenset(
    f"clear_bench.{name}"
    for name in (
        "cost",
        "errors",
        "estimate",
        "made_once",
        "plugins",
        "progress",
        "provenance",
        "record",
        "text.hub",
    )
)
"""Modules that compute no number: a change of theirs makes no run stale."""

LIBRARIES = ("torch", "torchvision", "timm", "transformers", "mmengine", "numpy", "pandas",
             "scipy", "opencv-python-headless", "mlflow", "optuna")  # fmt: skip


@lru_cache
def code_hash(*modules: str) -> str:
    """Return the sha256 of modules and of all of this project's modules that they import.

    Docstrings, comments, layout and the modules in `IDLE` do not count, so a better sentence or
    another column of a table makes no run stale.

    Args:
        modules: Dotted names.
    """
    found = closure(*modules)
    text = "\n".join(f"{name} {found[name]}" for name in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()


def closure(*modules: str) -> dict[str, str]:
    """Return the modules that `code_hash` covers, each with its code as plain text."""
    seen: dict[str, str] = {}
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name in seen or name in IDLE:
            continue
        seen[name], imports = parsed(name)
        todo += imports
    return seen


@cache
def parsed(module: str) -> tuple[str, tuple[str, ...]]:
    """Return a module's code as plain text, and this project's modules that it imports."""
    tree = _without_docstrings(ast.parse(_file(module).read_text(encoding="utf-8")))
    return ast.dump(tree), tuple(_own_imports(tree))


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


@lru_cache
def machine() -> dict[str, Any]:
    """Return what tells one kind of machine from another: processor and number of cores."""
    return {"cpu": _cpu(), "cores": os.cpu_count()}


@lru_cache
def environment_hash() -> str:
    """Return the sha256 of all installed package versions: the lock as it is really installed."""
    rows = sorted({f"{d.name.lower()}=={d.version}" for d in distributions()})
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _file(module: str) -> Path:
    """Return the source file of a module of this project; nothing is imported to find it."""
    file = source(module)
    if file is None:
        raise ModuleNotFoundError(module)
    return file


@cache
def source(name: str) -> Path | None:
    """Return the source file of a dotted name, or None if it is no module.

    ``find_spec`` would import the name's parents, and with a method's file all of torch.
    """
    package, *inside = name.split(".")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0], *inside)
    return next((f for f in (path / "__init__.py", path.with_suffix(".py")) if f.is_file()), None)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Return the tree with every docstring taken out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return tree


def _own_imports(tree: ast.Module) -> list[str]:
    """Return the modules of this project that a module imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return sorted(n for n in found if n.split(".")[0] in OWN and source(n))


def _git(*words: str) -> str:
    """Return what git says, or "unknown" outside a checkout."""
    try:
        answer = subprocess.run(
            ["git", *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=_file("clear_bench").parent.parent,
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
