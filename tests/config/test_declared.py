"""A plugin's constant read without the plugin's imports is the one that an import gives."""

import subprocess
import sys

import pytest

from clear_bench.config import plugins
from clear_bench.config.declared import declared

QUICK = """
import sys
for name in ("torch", "timm", "mmengine", "transformers", "mlflow", "optuna", "pandas"):
    sys.modules[name] = None  # an import of it would fail
from clear_bench.config import plugins
from clear_bench.config.compose import compose
for method in plugins.available("method"):
    compose(method, "synthped", "paper")
for name in plugins.available("data set"):
    compose("clear", name)
del sys.modules["pandas"]  # a plan reads the data
from clear_bench import train
train.app(sys.argv[1:], standalone_mode=False)
"""


@pytest.mark.parametrize("method", plugins.available("method"))
def test_a_recipe_is_the_one_that_an_import_gives(method):
    module = plugins.load("method", method)
    assert declared(module.__name__, "METHOD") == module.METHOD


def test_lines_tell_what_is_a_plugin_as_the_tree_does():
    for kind, name in plugins.CONSTANTS.items():
        for package in plugins.PACKAGES[kind]:
            for file in plugins._files(package):
                tree = plugins._assigned(file, name) is not None
                assert (plugins._assigned_in_a_line(file, name) is not None) == tree, file


def test_no_recipe_and_no_plan_needs_torch(market, tmp_path):
    command = ["--method", "clear", "--method", "vtb", "--dry-run", "--runs", str(tmp_path)]
    command += ["--dataset", "market1501", "--data-root", str(market)]
    said = subprocess.run([sys.executable, "-c", QUICK, *command], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "3 runs to do" in said.stdout


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that writes a module among the methods and says its name."""
    (tmp_path / "opponents").mkdir()
    (tmp_path / "opponents/__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(plugins.PACKAGES, "method", ("opponents",))

    def write(name, text):
        (tmp_path / f"opponents/{name}.py").write_text(text)
        plugins.forget()
        return f"opponents.{name}"

    yield write
    plugins.forget()
    for name in [n for n in sys.modules if n.partition(".")[0] == "opponents"]:
        del sys.modules[name]


def test_only_what_a_constant_needs_runs(module):
    module("other", "import nowhere\nWIDTH = 3\nclass Network(nowhere.Module): pass\n")
    name = module(
        "mine",
        "from opponents.other import WIDTH, Network\n"
        "from collections import OrderedDict as Table\n"
        "raise SystemExit('not needed')\n"
        "RECIPE: dict = {'width': WIDTH}\n"
        "RECIPE['depth'] = 2\n"
        "if WIDTH > 2:\n    RECIPE.update(heads=4)\n"
        "OTHER = Network()\n"
        "METHOD = Table(RECIPE)\n",
    )
    assert declared(name, "METHOD") == {"width": 3, "depth": 2, "heads": 4}
    assert "opponents.other" not in sys.modules


def test_what_needs_a_function_of_its_module_is_imported(module):
    name = module("mine", "def recipe():\n    return {'width': 5}\nMETHOD = recipe()\n")
    assert declared(name, "METHOD") == {"width": 5}
    assert name in sys.modules


def test_a_constant_that_is_not_there_is_missed_as_by_an_import(module):
    name = module("mine", "OTHER = 1\n")
    with pytest.raises(AttributeError):
        declared(name, "METHOD")
