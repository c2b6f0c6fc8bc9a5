"""The plan of the house: what lies where, what may import what, how large a thing may be."""

import ast
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "clear_bench"
PACKAGES = [LIBRARY, ROOT / "baselines", ROOT / "ablations", ROOT / "reports"]
SOURCES = sorted(file for package in PACKAGES for file in package.rglob("*.py"))
LINES, FUNCTION = 300, 60


@pytest.fixture(scope="module")
def imports():
    """Every module of the library to those of the library that it imports."""
    graph = grimp.build_graph("clear_bench", exclude_type_checking_imports=True, cache_dir=None)
    return {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}


def test_no_circle_of_imports(imports):
    left = dict(imports)
    while ground := [name for name, needs in left.items() if not needs & set(left)]:
        for name in ground:  # nothing above it can be part of a circle with it
            del left[name]
    assert not left, f"in circles, or above them: {sorted(left)}"


def test_what_lies_at_the_top_is_a_command_or_a_package():
    for entry in LIBRARY.iterdir():
        if entry.suffix == ".py" and entry.stem != "__init__":
            assert "\n    main(app)" in entry.read_text(encoding="utf-8"), entry.name
        elif entry.is_dir() and entry.name != "__pycache__":
            assert (entry / "__init__.py").is_file(), entry.name


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_and_functions_fit_the_eye(file):
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            inside = node.body[1:] if ast.get_docstring(node) else node.body
            length = node.end_lineno - inside[0].lineno + 1 if inside else 0
            command = any("command" in ast.dump(d) for d in node.decorator_list)
            signature = 0 if command else node.body[0].lineno - node.lineno
            assert length + signature <= FUNCTION, f"{node.name}: {length + signature} lines"


def test_files_of_tests_fit_the_eye():
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / ".ci").rglob("*.py")]
    lengths = {file: file.read_text(encoding="utf-8").count("\n") for file in files}
    assert len(lengths) > 200
    assert {file: count for file, count in lengths.items() if count > LINES} == {}


def test_every_package_says_what_it_is_for():
    for file in LIBRARY.rglob("__init__.py"):
        assert len(ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "") > 20, file
