"""Which code made a number: provenance, by a hash that knows no file names.

It decides nothing (`clear_bench.config.numbers` does); it says whether two records come from the
same code to the letter, wherever that code lay.
"""

import ast
import hashlib
import platform
from functools import cache
from pathlib import Path

from clear_bench.config import plugins
from clear_bench.config.plugins import source
from clear_bench.utils.hashing import file_sha256
from clear_bench.utils.kept_values import kept

OWN = ("clear_bench", "baselines", "ablations")
SOURCES = (*OWN, "reports.specs")
SUFFIXES = (".py", ".csv", ".json")
"""Of files that code consists of: also what is published and what is read beside it."""

ENGINE = "clear_bench.training.{}"
"""Module that carries a task out."""


@cache
def code_of(method: str, task: str) -> str:
    """Return the sha256 of a method's code and of all code of this project that carries it out.

    Docstrings, comments, layout, imports and the names of modules do not count: code that moves to
    another file gives the same hash.  A method without a file has none, "".
    """
    modules = plugins.available("method")
    if method not in modules:
        return ""
    return str(
        kept(
            lambda: ["code", method, task, platform.python_version(), sources()],
            lambda: code_hash(modules[method], ENGINE.format(task)),
        )
    )


def sources() -> str:
    """Return the sha256 of all source files of this project and of one's own plugins, as they are.

    Unlike `code_hash` it sees every letter, and takes milliseconds: a key of what code made.
    """
    files = [source(name) for name in SOURCES]
    return _sources(*[file.parent for file in files if file], *plugins.user_folders())


@cache
def _sources(*folders: Path) -> str:
    """Return the sha256 of the names and contents of all source files below some folders."""
    found = hashlib.sha256()
    for folder in folders:
        for file in sorted(f for f in folder.rglob("*") if f.suffix in SUFFIXES and f.is_file()):
            found.update(f"{file.relative_to(folder)}\0{file_sha256(file)}\0".encode())
    return found.hexdigest()


@cache
def code_hash(*modules: str) -> str:
    """Return the sha256 of modules and of all of this project's modules that they import.

    Args:
        modules: Dotted names.
    """
    statements = {line for name in closure(*modules) for line in parsed(name)[0]}
    return hashlib.sha256("\n".join(sorted(statements)).encode()).hexdigest()


def closure(*modules: str) -> set[str]:
    """Return modules and all of this project's modules that they import, also in functions."""
    seen: set[str] = set()
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += parsed(name)[1]
    return seen


@cache
def parsed(module: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a module's statements as plain text, and this project's modules that it imports."""
    tree = _without_docstrings(ast.parse(file_of(module).read_text(encoding="utf-8")))
    kept = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    imports = tuple(_own_imports(tree, module))
    rest = [node for node in map(_without_imports, kept) if getattr(node, "body", True)]
    return tuple(ast.dump(node) for node in rest), imports


def file_of(module: str) -> Path:
    """Return the source file of a module of this project; nothing is imported to find it."""
    file = source(module)
    if file is None:
        raise ModuleNotFoundError(module)
    return file


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Return the tree with every docstring taken out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return tree


def _without_imports(tree: ast.stmt) -> ast.stmt:
    """Return the statement with the imports inside it taken out."""
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            inside = getattr(node, name, None)
            if isinstance(inside, list):
                kept = [n for n in inside if not isinstance(n, ast.Import | ast.ImportFrom)]
                setattr(node, name, kept)
    return tree


def _own_imports(tree: ast.Module, module: str) -> list[str]:
    """Return the modules of this project that a module imports, inside functions too."""
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = [module.rsplit(".", node.level)[0]] if node.level else []  # ``from .x import``
            base = ".".join([*above, *([node.module] if node.module else [])])
            modules.add(base)
            modules |= {f"{base}.{alias.name}" for alias in node.names}
    own = {*OWN, *(package.partition(".")[0] for package in plugins.installed())}
    return sorted(n for n in modules if n.split(".")[0] in own and source(n))
