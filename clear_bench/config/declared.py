"""A plugin's constant without the plugin's imports: `METHOD` without torch.

A method's file holds its recipe and its network, and a network needs torch, timm and mmengine,
seconds of imports.  To say what is configured, or what is misspelt, the recipe is enough: here only
those top-level statements of a file run that its constant needs.
"""

import ast
import importlib
from copy import copy
from functools import cache
from typing import Any

from clear_bench.config import plugins

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def declared(module: str, name: str) -> Any:
    """Return what a module assigns to a name, as an import would give it.

    Where the value needs a function or class of a method's module, that module is imported after
    all: slower, the same value.

    Args:
        module: Dotted name.
        name: Of the constant.

    Raises:
        AttributeError: If the module has no such name.
    """
    file = plugins.source(module)
    if file is None or not module.startswith(plugins.packages("method")):
        return getattr(importlib.import_module(module), name)
    statements = _needed(plugins.parsed(file), name)
    if not statements or any(isinstance(each, DEFINITIONS) for each in statements):
        return getattr(importlib.import_module(module), name)
    names: dict[str, Any] = {"__name__": module, "__file__": str(file)}
    for each in statements:
        if isinstance(each, ast.ImportFrom) and each.module and not each.level:
            for alias in each.names:
                names[_bound(alias)] = declared(each.module, alias.name)
        else:
            tree = ast.Module(body=[each], type_ignores=[])
            exec(compile(tree, str(file), "exec"), names)  # noqa: S102 - a plugin's own code
    return names[name]


@cache  # a study asks for the same recipes once a variant
def _needed(tree: ast.Module, name: str) -> tuple[ast.stmt, ...]:
    """Return the statements that a name's value comes from, in order."""
    found: list[ast.stmt] = []
    wanted = {name}
    for node in reversed(tree.body):
        if isinstance(node, DEFINITIONS):
            touched = {node.name}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            node = copy(node)  # of a tree that others read too
            node.names = [a for a in node.names if _bound(a) in wanted]
            touched = {_bound(a) for a in node.names}
        else:  # an assignment, or something that changes what was assigned
            touched = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            if _binds(node) and not _binds(node) & wanted:
                continue
        if touched & wanted:
            wanted |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            found.insert(0, node)
    return tuple(found)


def _bound(alias: ast.alias) -> str:
    """Return the name that an import binds."""
    return (alias.asname or alias.name).partition(".")[0]


def _binds(node: ast.stmt) -> set[str]:
    """Return the names that a plain assignment binds; none for any other statement."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    return set(names) if all(isinstance(t, ast.Name | ast.Tuple) for t in targets) else set()
