"""Find a plugin by its file name.  The file name is the key; there is no registration."""

import ast
import importlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from clear_bench.errors import unknown

PACKAGES = {
    "method": ("clear_bench.models", "baselines"),
    "study": ("ablations",),
    "data set": ("clear_bench.data",),
    "figure": ("reports.specs",),
    "table": ("reports.specs",),
}
CONSTANTS = {
    "method": "METHOD",
    "study": "STUDY",
    "data set": "SOURCE",
    "figure": "FIGURE",
    "table": "TABLE",
}


@lru_cache
def available(kind: str) -> dict[str, str]:
    """Return key -> module name of every plugin of a kind; none of them is imported.

    A module is a plugin if it assigns the kind's constant at top level.
    """
    found = {}
    for package in PACKAGES[kind]:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            continue
        for file in sorted(Path(spec.submodule_search_locations[0]).glob("*.py")):
            if CONSTANTS[kind] in _assigned(file):
                found[file.stem] = f"{package}.{file.stem}"
    return found


def load(kind: str, key: str) -> ModuleType:
    """Import a plugin.

    Raises:
        UserError: If there is no plugin of that name; the nearest names are said.
    """
    names = available(kind)
    if key not in names:
        raise unknown(kind, key, names)
    return importlib.import_module(names[key])


def folder(kind: str) -> Path:
    """Return the folder of a kind's plugins; of several packages the last, which users add to."""
    spec = find_spec(PACKAGES[kind][-1])
    assert spec and spec.submodule_search_locations  # noqa: S101 - a package of this project
    return Path(spec.submodule_search_locations[0])


def summary(kind: str, key: str) -> str:
    """Return the first line of a plugin's docstring without importing it."""
    spec = find_spec(available(kind)[key])
    assert spec and spec.origin  # noqa: S101 - it was found as a file just now
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def _assigned(file: Path) -> set[str]:
    """Return the names that a module assigns at top level."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        names |= {t.id for t in targets if isinstance(t, ast.Name)}
    return names
