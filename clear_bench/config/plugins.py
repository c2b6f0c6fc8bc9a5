"""Find a plugin by its file name.  The file name is the key; there is no registration.

Plugins lie in packages of the project, and in folders of one's own that ``--plugins`` or the
variable ``CLEAR_BENCH_PLUGINS`` names (several stand as in ``PATH``), files of all kinds together;
and in packages of installed distributions, each an entry point of the group `GROUP`.
"""

import ast
import importlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from clear_bench.config.method import TASKS
from clear_bench.utils.errors import UserError, unknown

VARIABLE = "CLEAR_BENCH_PLUGINS"
USER = "clear_bench.user_plugins"
"""Package whose modules are the files of one's own folders."""

GROUP = "clear_bench.plugins"
"""Of entry points: ``anything = "package"``, whose files are plugins as those of a folder are."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")
"""Of a plugin of one's own: it becomes part of names of runs and files."""

PACKAGES = {
    "method": ("clear_bench.models", "baselines", USER),
    "study": ("ablations", USER),
    "data set": ("clear_bench.data.sets", USER),
    "figure": ("reports.specs", USER),
    "table": ("reports.specs", USER),
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

    A module is a plugin if it assigns the kind's constant at top level.  Of the project's own files
    the lines tell that; to parse all of them takes longer than all else that a typo needs.

    Raises:
        UserError: If two files are one plugin, or a file of one's own folders is none by its name
            or no Python.
    """
    modules: dict[str, str] = {}
    for package in packages(kind):
        for file in _files(package):
            assigns = _assigned if package == USER else _assigned_in_a_line
            if assigns(file, CONSTANTS[kind]) is None:
                continue
            if file.stem in modules:
                raise UserError(f"{file}: there is a {kind} '{file.stem}' already; rename the file")
            if not NAME.fullmatch(file.stem):
                raise UserError(
                    f"{file}: a {kind} is called as its file, in letters (a to z), digits and _"
                )
            modules[file.stem] = f"{package}.{file.stem}"
    return modules


def packages(kind: str) -> tuple[str, ...]:
    """Return the packages that may have plugins of a kind."""
    return (*PACKAGES[kind], *installed())


@cache
def installed() -> tuple[str, ...]:
    """Return the packages that installed distributions name as full of plugins.

    Raises:
        UserError: If one is not there.
    """
    found = dict.fromkeys(point.value for point in entry_points(group=GROUP))
    for package in found:
        if not package.replace(".", "").isidentifier() or source(package) is None:
            raise UserError(f"entry point of {GROUP}: {package}: no such package; install it again")
    return tuple(found)


def user_folders() -> list[Path]:
    """Return one's own folders of plugins, the first one first.

    Raises:
        UserError: If one is not there.
    """
    names = os.environ.get(VARIABLE, "").split(os.pathsep)
    folders = [Path(name).absolute() for name in names if name]
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder of plugins (--plugins, {VARIABLE})")
    return folders


def use_folders(folders: Iterable[Path]) -> None:
    """Take these as one's own folders of plugins, here and in processes that start from here.

    Raises:
        UserError: If one is not there, or has a name that the variable cannot hold.
    """
    places = [str(folder.absolute()) for folder in folders]
    for place in places:
        if os.pathsep in place:
            raise UserError(f"{place}: a folder of plugins may have no '{os.pathsep}' in its name")
    os.environ[VARIABLE] = os.pathsep.join(places)
    forget()
    found = [str(folder) for folder in user_folders()]
    if USER in sys.modules:
        sys.modules[USER].__path__ = found
        importlib.invalidate_caches()


def _files(package: str) -> Iterator[Path]:
    """Yield the files of a package, those of each folder in order of name."""
    own = [_folder(package)] if package != USER and source(package) else []
    folders = user_folders() if package == USER else own
    for folder in folders:
        yield from sorted(f for f in folder.glob("*.py") if not f.name.startswith("."))


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
    """Return the project's folder of a kind's plugins; of several the last, which users add to."""
    return _folder([package for package in PACKAGES[kind] if package != USER][-1])


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
    if name.startswith(f"{USER}."):
        inside = name.removeprefix(f"{USER}.").split(".")
        paths = [Path(folder, *inside) for folder in user_folders()]
    else:
        package, *inside = name.split(".")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            return None
        paths = [Path(spec.submodule_search_locations[0], *inside)]
    files = [f for path in paths for f in (path / "__init__.py", path.with_suffix(".py"))]
    return next((file for file in files if file.is_file()), None)


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
    """Return the tree of a source file.

    Raises:
        UserError: If it is no Python.
    """
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:  # the second: no UTF-8, or a NUL
        raise UserError(f"{file}: not Python: {error}") from None


def _assigned(file: Path, name: str) -> ast.expr | None:
    """Return what a module assigns to a name at top level, or None."""
    for node in parsed(file).body:
        targets: list[ast.expr] = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return node.value  # type: ignore[attr-defined]
    return None


def _assigned_in_a_line(file: Path, name: str) -> re.Match[str] | None:
    """Return the line that begins with an assignment to a name, or None; nothing is parsed."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return re.search(rf"^{name} *(:[^=\n]*)?=", text, re.MULTILINE)


def _literal(node: ast.expr) -> Any:
    """Return the value of an expression that is written out, else None."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return COMPUTED


def forget() -> None:
    """Look at the plugins' files anew, where they have changed in a running process."""
    for each in (available, installed, constant, source, parsed):
        each.cache_clear()
