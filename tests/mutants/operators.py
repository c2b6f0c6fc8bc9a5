"""Small mutations of a module: a comparison, a sign, a constant, an "and", a "not".

Strings are left alone, and so are annotations.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.MatMult: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.And: ast.Or,
    ast.Or: ast.And, ast.USub: ast.UAdd,
}  # fmt: skip
SHOWN = (ast.BinOp, ast.BoolOp, ast.Compare, ast.Call, ast.Subscript, ast.IfExp, ast.arguments,
         ast.stmt)  # fmt: skip
WIDTH = 90  # characters of a description's halves


@dataclass(frozen=True)
class Mutant:
    """One mutation of one file.

    Args:
        file: Relative to the repository.
        function: Name with its class, "(module)" outside any.
        change: The smallest expression around it, before and after; "(2)" is the second alike.
        place: Which node of `ast.walk` it is.
        option: Which of the node's changes.
    """

    file: str
    function: str
    change: str
    place: int
    option: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is called by, whatever line it stands in."""
        return self.file, self.function, self.change

    def code(self, root: Path) -> CodeType:
        """Return the file compiled with the mutation in it."""
        tree = ast.parse((root / self.file).read_text(encoding="utf-8"))
        node = list(ast.walk(tree))[self.place]
        name, value = changes(node)[self.option]
        setattr(node, name, value)
        return compile(ast.fix_missing_locations(tree), str(root / self.file), "exec")


def changes(node: ast.AST) -> list[tuple[str, object]]:
    """Return what can be changed about a node: a field and its other value."""
    match node:
        case ast.Constant(value=bool()):
            return [("value", not node.value)]
        case ast.Constant(value=int()):
            return [("value", node.value + 1), ("value", node.value - 1)]
        case ast.Constant(value=float()):
            return [("value", node.value * 1.1 if node.value else 1.0)]
        case ast.UnaryOp(op=ast.Not() | ast.Invert()):  # twice is not at all
            return [("operand", ast.UnaryOp(node.op, node.operand))]
        case ast.Compare(ops=[op]):
            return [("ops", [SWAPS[type(op)]()])]
        case ast.BinOp() | ast.AugAssign() | ast.BoolOp() | ast.UnaryOp():
            return [("op", SWAPS[type(node.op)]())] if type(node.op) in SWAPS else []
    return []


def mutants(root: Path, file: str, share: float) -> list[Mutant]:
    """Return a file's mutants.

    Args:
        root: Of the repository.
        file: Relative to it.
        share: How many of all.  A hash of each one's name decides, so that a change of the code
            elsewhere chooses no others.
    """
    tree = ast.parse((root / file).read_text(encoding="utf-8"))
    places = {node: place for place, node in enumerate(ast.walk(tree))}
    found, seen = [], Counter()
    for node, function, shown in _walk(tree, "(module)", tree):
        for option, (name, value) in enumerate(changes(node)):
            before, old = _text(shown), getattr(node, name)
            setattr(node, name, value)
            change = f"`{_cut(before, _text(shown))}` to `{_cut(_text(shown), before)}`"
            setattr(node, name, old)
            seen[function, change] += 1
            if (count := seen[function, change]) > 1:
                change += f" ({count})"
            found.append(Mutant(file, function, change, places[node], option))
    return [m for m in found if _fraction("/".join(m.key)) < share]


def _fraction(text: str) -> float:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32


def _walk(node: ast.AST, function: str, shown: ast.AST) -> Iterator[tuple[ast.AST, str, ast.AST]]:
    """Yield each node with its function and the smallest expression around it worth showing."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = node.name if function == "(module)" else f"{function}.{node.name}"
    if isinstance(node, SHOWN):
        shown = node
    yield node, function, shown
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child, function, shown)


def _text(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(node)).split("\n")[0]


def _cut(text: str, other: str) -> str:
    """Return the part of a text about where it differs from another."""
    if len(text) <= WIDTH:
        return text
    pairs = zip(text, other, strict=False)
    differs = next((k for k, (one, two) in enumerate(pairs) if one != two), len(text))
    start = max(0, min(differs - WIDTH // 2, len(text) - WIDTH))
    cut = text[start : start + WIDTH]
    return f"{'...' if start else ''}{cut}{'...' if start + WIDTH < len(text) else ''}"
