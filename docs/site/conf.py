"""Settings of Sphinx for ``make docs``: docs/, and docstrings of what others build on."""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

project = "clear-bench"
copyright = "the authors of clear-bench"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.apidoc"]
exclude_patterns = ["docs/site", "docs/performance", "**.ipynb"]
highlight_language = "text"
needs_sphinx = "9.0"

# Markdown as GitHub shows it: each heading can be linked to, and a link that leads nowhere fails.
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a page may begin where it likes

# Docstrings: `words` in them name things of the code.
default_role = "py:obj"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
add_module_names = False
PACKAGES = ("api", "config", "data", "metrics", "models", "studies")
LIBRARY = ROOT / "clear_bench"
OTHERS = [str(path) for path in LIBRARY.iterdir() if path.stem not in (*PACKAGES, "__init__")]
apidoc_automodule_options = {"members", "show-inheritance"}
apidoc_implicit_namespaces = False
apidoc_modules = [
    {"path": str(LIBRARY), "destination": "reference/library", "exclude_patterns": OTHERS},
    {"path": str(ROOT / "baselines"), "destination": "reference/methods"},
]

# Everything that the site needs is in it.
html_theme = "furo"
html_title = "clear-bench"
html_show_sphinx = False
html_copy_source = False
html_static_path: list[str] = []


def setup(app: Any) -> None:
    """Read docstrings as they are meant, before napoleon does."""
    app.connect("autodoc-process-docstring", _no_type_before_a_colon, priority=400)


def _no_type_before_a_colon(app: Any, what: str, name: str, *rest: Any) -> None:
    """Begin a constant's docstring by an empty comment.

    Napoleon takes what stands before the first colon of its first line for a type.
    """
    lines = rest[-1]
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]
