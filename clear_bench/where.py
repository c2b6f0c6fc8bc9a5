"""Choose runs by an expression such as ``dataset == 'peta' and seed < 3``; it can run no code."""

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clear_bench.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd

ALLOWED = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Compare, ast.Eq,
    ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Name, ast.Load,
    ast.Constant, ast.List, ast.Tuple,
)  # fmt: skip
EXAMPLE = "write it like: dataset == 'peta' and profile == 'paper'"


def matching(frame: "pd.DataFrame", expression: str, columns: Sequence[str]) -> list[bool]:
    """Return which rows an expression fits.

    Args:
        frame: One row a run.
        expression: Comparisons of columns with constants, joined by ``and``, ``or`` and ``not``.
        columns: Those it may name.

    Raises:
        UserError: If it is anything else, names another column, or compares what cannot be
            compared; nothing of it is evaluated then.
    """
    check(expression, columns)
    try:
        chosen = frame.eval(expression, engine="python")
        return [bool(x) for x in frame.index.isin(frame[chosen].index)]
    except (TypeError, ValueError, KeyError, NotImplementedError) as error:
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"--where {expression!r}: {cause}; {EXAMPLE}") from None


def check(expression: str, columns: Sequence[str]) -> list[str]:
    """Return the columns that an expression names, after refusing all but comparisons of them.

    Raises:
        UserError: See `matching`.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError):
        raise UserError(f"--where {expression!r}: cannot be read; {EXAMPLE}") from None
    named = []
    for node in ast.walk(tree):
        if not isinstance(node, ALLOWED):
            kind = type(node).__name__.lower()
            raise UserError(f"--where {expression!r}: no {kind} may stand in it; {EXAMPLE}")
        if isinstance(node, ast.Name):
            if node.id not in columns:
                raise unknown("column of --where", node.id, columns)
            named.append(node.id)
    if not isinstance(tree.body, ast.Compare | ast.BoolOp | ast.UnaryOp) or not named:
        raise UserError(f"--where {expression!r}: compares no column; {EXAMPLE}")
    return named
