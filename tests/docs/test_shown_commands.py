"""Every command that README and docs show is one: its options exist, and at toy size it runs."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from importlib import import_module, util
from pathlib import Path

import pytest
import typer
from doc_commands import ROOT, fill_in, furnish, ours, runnable, shown

from clear_bench.utils.command_line import TyperException

OWN = [line for line in shown() if ours(line.text)]


def command_of(name):
    """Return a command as the command line knows it."""
    package = util.find_spec(f"clear_bench.{name}").submodule_search_locations
    module = import_module(f"clear_bench.{name}.__main__" if package else f"clear_bench.{name}")
    return typer.main.get_command(module.app)


@pytest.mark.parametrize("line", OWN, ids=lambda line: f"{line.page}: {line.text}")
def test_its_options_exist(line):
    name, words = ours(line.text)
    command = command_of(name)
    given = shlex.split(words.replace("--plugins ~/plugins", ""))
    given = [word for word in given if word != "..."]
    if hasattr(command, "commands"):
        assert given[0] in command.commands, line.text
        command, given = command.commands[given[0]], given[1:]
    try:
        command.make_context(name, given)
    except TyperException as error:
        pytest.fail(f"{line.text}: {error.format_message()}")


def test_there_are_commands_and_none_is_left_out_twice():
    assert len(OWN) > 40
    assert {"train", "ablate", "report", "predict", "search", "data", "runs", "record"} <= {
        ours(line.text)[0] for line in OWN
    }
    left_out = [line for line in shown() if not runnable(line)[0]]
    assert all(runnable(line)[1] for line in left_out)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_each_runs_in_a_fresh_clone(tmp_path):
    clone, home = tmp_path / "clone", tmp_path / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    (clone / ".venv").symlink_to(Path(sys.executable).parents[1])
    (clone / ".venv/.installed").touch()
    furnish(clone, home)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "MLFLOW_"))}
    env |= {"PATH": f"{clone}/.venv/bin:{env['PATH']}", "HOME": str(home), "PYTHONPATH": str(clone)}
    failed = []
    for line in shown():
        text, _ = runnable(line)
        if text:
            if "data new shop" in text:  # each page begins with pictures alone
                for name in ("labels.csv", "attributes.yaml"):
                    (clone / "shop" / name).unlink(missing_ok=True)
            if "verify csv:shop" in text:
                fill_in(clone)
            if "--against" in text:
                shutil.copytree(clone / "runs", clone / "old/runs", dirs_exist_ok=True)
            began = time.monotonic()
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", text], cwd=clone, env=env, text=True, check=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            took = time.monotonic() - began
            print(f"{line.page}: {text}: {done.returncode} after {took:.1f} s", flush=True)
            if done.returncode:
                failed.append(f"{line.page}: {text}\n{done.stdout[-2000:]}")
    assert not failed, "\n\n".join(failed)
