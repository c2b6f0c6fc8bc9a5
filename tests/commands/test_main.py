"""One name for all commands: each is the module of its name."""

import importlib
import sys

import pytest

from clear_bench.__main__ import COMMANDS, app
from clear_bench.utils.command_line import main


def called(monkeypatch, capsys, *words):
    """Return the exit status and what was said."""
    monkeypatch.setattr(sys, "argv", ["clear-bench", *words])
    with pytest.raises(SystemExit) as end:
        main(app)
    said = capsys.readouterr()
    return end.value.code, said.out + said.err


def test_without_words_all_commands_are_listed(monkeypatch, capsys):
    status, said = called(monkeypatch, capsys)
    assert status == 0
    for name in COMMANDS:
        assert f" {name} " in said


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_what_its_module_says(name, monkeypatch, capsys):
    status, said = called(monkeypatch, capsys, name, "--help")
    assert status == 0
    assert f"Usage: clear-bench {name}" in said
    package = importlib.import_module(f"clear_bench.{name}")
    module = package if hasattr(package, "app") else sys.modules[f"clear_bench.{name}.__main__"]
    first = module.app.info.help or module.app.registered_commands[0].callback.__doc__
    assert first.partition(" ")[0] in said


def test_every_command_of_the_library_has_its_name_here():
    from pathlib import Path

    library = Path(importlib.import_module("clear_bench").__file__).parent
    modules = {f.stem for f in library.glob("*.py")} - {"__init__", "__main__"}
    packages = {f.parent.name for f in library.glob("*/__main__.py")}
    assert modules | packages == set(COMMANDS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "error: unknown command 'trian'; did you mean train?"),
        (["train", "--nope"], "No such option: --nope"),
        (["data"], "Missing command"),
    ],
)
def test_what_is_misspelt_is_one_line(words, message, monkeypatch, capsys):
    status, said = called(monkeypatch, capsys, *words)
    assert status == 2
    assert message in said
    assert said.count("\n") == 1
