"""The notebook of docs/api.ipynb runs from its first cell to its last."""

import ast
import json
from pathlib import Path

import pandas as pd

DOCS = Path(__file__).parents[2] / "docs"


def test_each_cell_runs_on_the_runs_at_hand(trained, tmp_path, monkeypatch):
    """As Jupyter runs them: one namespace, and a cell shows the value of its last line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(trained.root)
    notebook = json.loads((DOCS / "api.ipynb").read_text(encoding="utf-8"))
    names, shown = {}, []
    for cell in notebook["cells"]:
        assert cell.get("outputs", []) == []  # none of somebody's machine
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "api.ipynb", "exec"), names)  # noqa: S102 - our own
            if last:
                shown.append(eval(compile(ast.Expression(last.value), "api.ipynb", "eval"), names))  # noqa: S307
    first = shown[0].loc[("clear", "recognition", "market1501"), "mA"]
    assert first == trained.records[0].metrics["selected"]["test"]["mA"]
    tables = [value for value in shown if isinstance(value, pd.DataFrame)]
    assert [len(table) for table in tables] == [2, 4, 4]
    assert True in [value for value in shown if isinstance(value, bool)]  # scores are dot products
    assert shown[-1] == 5e-4
