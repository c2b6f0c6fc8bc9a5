"""Find a plugin by its file name.  The file name is the key; there is no registration."""

import ast
import importlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from clear_bench.config.method import TASKS
from clear_bench.utils.errors import UserError, unknown

PACKAGES = {
    "method": ("clear_bench.models", "baselines"),
    "study": ("ablations",),
    "data set": ("clear_bench.data.sets",),
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
COMPUTED = object()
"""Stands for an argument that is not written out."""


@cache
def available(kind: str) -> dict[str, str]:
    """Return key -> module name of every plugin of a kind; none of them is imported.

    A module is a plugin if it assigns the kind's constant at top level.
    """
    modules = {}
    for package in PACKAGES[kind]:
        for file in sorted(_folder(package).glob("*.py")) if source(package) else ():
            if _assigned(file, CONSTANTS[kind]) is not None:
                modules[file.stem] = f"{package}.{file.stem}"
    return modules


def load(kind: str, key: str) -> ModuleType:
    """Import a plugin.

    Raises:
        UserError: If there is no plugin of that name; the nearest names are said.
    """
    return importlib.import_module(module_of(kind, key))


def module_of(kind: str, key: str) -> str:
    """Return the module name of a plugin.

    Raises:
        UserError: If there is no plugin of that name; the nearest names are said.
    """
    names = available(kind)
    if key not in names:
        raise unknown(kind, key, names)
    return names[key]


def folder(kind: str) -> Path:
    """Return the folder of a kind's plugins; of several packages the last, which users add to."""
    return _folder(PACKAGES[kind][-1])


def summary(kind: str, key: str) -> str:
    """Return the first line of a plugin's docstring without importing it."""
    return (ast.get_docstring(parsed(_file(kind, key))) or "").partition("\n")[0]


@cache
def constant(kind: str, key: str) -> dict[str, Any]:
    """Return the arguments of a plugin's constant that are written out, without importing it.

    What is computed (a name, a call) is there as `COMPUTED`: that it is given is known, not its
    value.

    Raises:
        UserError: If the file does not make its constant by a call.
    """
    file = _file(kind, key)
    value = _assigned(file, CONSTANTS[kind])
    if not isinstance(value, ast.Call):
        raise UserError(f"{file}: {CONSTANTS[kind]} must be made by a call, with named arguments")
    return {word.arg: _literal(word.value) for word in value.keywords if word.arg}


def tasks_of(method: str) -> tuple[str, ...]:
    """Return the tasks that a method's file gives recipes for; none for a file that is not."""
    if method not in available("method"):
        return ()
    given = constant("method", method)
    return tuple(task for task in TASKS if task in given)


def title_of(method: str) -> str:
    """Return a method's name in print; its file name where there is no such file."""
    if method not in available("method"):
        return method
    return str(written("method", method, "title", method))


def written(kind: str, key: str, name: str, default: Any) -> Any:
    """Return one argument of a plugin's constant, or the default where it is not given.

    Raises:
        UserError: If it is computed: then nothing but importing the file would tell it.
    """
    value = constant(kind, key).get(name, default)
    if value is COMPUTED:
        raise UserError(f"{_file(kind, key)}: `{name}` must be written out, not computed")
    return value


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


def _folder(package: str) -> Path:
    """Return the folder of a package.

    Raises:
        ModuleNotFoundError: If there is none.
    """
    file = source(package)
    if file is None:
        raise ModuleNotFoundError(package)
    return file.parent


def _file(kind: str, key: str) -> Path:
    """Return a plugin's file."""
    file = source(available(kind)[key])
    assert file is not None  # noqa: S101 - it was found as a file just now
    return file


@cache
def parsed(file: Path) -> ast.Module:
    """Return the tree of a source file."""
    return ast.parse(file.read_text(encoding="utf-8"))


def _assigned(file: Path, name: str) -> ast.expr | None:
    """Return what a module assigns to a name at top level, or None."""
    for node in parsed(file).body:
        targets: list[ast.expr] = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return node.value  # type: ignore[attr-defined]
    return None


def _literal(node: ast.expr) -> Any:
    """Return the value of an expression that is written out, else None."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return COMPUTED


def forget() -> None:
    """Look at the plugins' files anew, where they have changed in a running process."""
    for each in (available, constant, source, parsed):
        each.cache_clear()
