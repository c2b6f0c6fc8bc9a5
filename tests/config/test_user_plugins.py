"""Data sets, methods and studies outside the project: ``--plugins DIR``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from calling import call
from own_data import write_csv
from plugin_folder import FILES, forget_plugins, write_plugins

from clear_bench import ablate, evaluate, predict, train
from clear_bench.config import plugins
from clear_bench.config.compose import compose
from clear_bench.config.numbers import current, versions_of
from clear_bench.data import __main__ as data
from clear_bench.data.load import load_dataset
from clear_bench.report import __main__ as report
from clear_bench.runs import code
from clear_bench.search import __main__ as search
from clear_bench.training.workers import Workers
from clear_bench.utils.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    forget_plugins(monkeypatch)
    yield write_plugins(tmp_path / "my plugins")
    with pytest.MonkeyPatch.context() as patch:
        forget_plugins(patch)


def test_one_file_each_of_any_kind(folder, tmp_path):
    assert "user_prior" not in plugins.available("method")
    plugins.use_folders([folder])
    for kind, key in {"method": "user_prior", "study": "user_study", "data set": "street"}.items():
        assert plugins.available(kind)[key] == f"{plugins.USER}.{key}"
        assert len(plugins.summary(kind, key)) > 20
    assert "shared_words" not in plugins.available("method")
    assert plugins.title_of("user_prior") == "User prior"
    assert plugins.folder("method").name == "baselines"
    write_csv(tmp_path / "data", 20)
    assert load_dataset("street", tmp_path / "data").name == "street"
    config = compose("user_prior", "street", "smoke")
    assert config["recognition"]["model"]["type"] == "UserPrior"
    assert plugins.load("study", "user_study").STUDY.base == "user_prior"


def test_numbers_versions_and_code_hash_know_them(folder):
    assert current("method.user_prior.recognition") is None
    plugins.use_folders([folder])
    versions = versions_of("user_prior", "recognition", "street", text=False)
    assert versions["method.user_prior.recognition"] == 3
    assert versions["data.street"] == 2

    def hashed():
        for each in (code.code_of, code.code_hash, code.parsed):
            each.cache_clear()
        plugins.forget()
        return code.code_of("user_prior", "recognition")

    assert f"{plugins.USER}.shared_words" in code.closure(f"{plugins.USER}.user_prior")
    assert f"{plugins.USER}.shared_words" in code.closure(f"{plugins.USER}.street")
    before = hashed()
    for name in ("user_prior", "shared_words"):
        file = folder / f"{name}.py"
        file.write_text(file.read_text() + "\nANYTHING = 1\n")
        assert hashed() != before
        file.write_text(FILES[name] + "\n# a comment\n")
        assert hashed() == before


def test_processes_that_are_started_see_them(folder):
    plugins.use_folders([folder])
    with Workers(1, 1) as workers:
        workers.submit("known", plugins.module_of, "method", "user_prior")
        workers.submit("read", plugins.load("data set", "street").read, "a", "b", "c")
        found = {outcome.key: outcome for outcome in workers.outcomes()}
    assert found["known"].value == f"{plugins.USER}.user_prior"
    assert "unknown split 'b'" in str(found["read"].error)  # the function was found there


@pytest.mark.parametrize("app", [
    train.app, ablate.app, evaluate.app, predict.app, report.app, search.app, data.app,
])  # fmt: skip
def test_every_command_takes_them(app, folder, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    words = ["list", "--help"] if app is data.app else ["--help"]
    assert call(monkeypatch, app, *words) == 0
    assert "--plugins" in capsys.readouterr().out


def test_the_variable_says_what_the_option_says(folder, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    assert call(monkeypatch, data.app, "list", f"--plugins={folder}") == 0
    assert "street" in capsys.readouterr().out
    environment = {**os.environ, plugins.VARIABLE: str(folder), "COLUMNS": "200"}
    said = subprocess.run(
        [sys.executable, "-m", "clear_bench.train", "--list"],
        capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    assert "user_prior" in said.stdout


def _copy(name):
    return lambda folder: (folder / name).write_text(FILES["user_prior"])


BAD = {
    "a name that is taken": (_copy("clear.py"), "clear.py: there is a method 'clear' already"),
    "a name that is none": (_copy("my-prior.py"), "my-prior.py: a method is called as its file"),
    "no Python": (lambda f: (f / "x.py").write_text("def\n"), "x.py: not Python: invalid syntax"),
    "a NUL": (lambda f: (f / "x.py").write_bytes(b"x = 1\0"), "x.py: not Python"),
    "Latin-1": (lambda f: (f / "x.py").write_bytes(b"# \xe9"), "x.py: not Python"),
    "no call": (lambda f: (f / "x.py").write_text("METHOD = 3\n"), "must be made by a call"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_one_line(folder, kind):
    change, said = BAD[kind]
    change(folder)
    with pytest.raises(UserError, match=said) as caught:
        plugins.use_folders([folder])
        plugins.available("method")
        plugins.constant("method", "x")
    assert "\n" not in str(caught.value)


def test_two_folders_and_those_that_are_none(folder, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    (other / "second.py").write_text(FILES["user_prior"].replace("UserPrior", "SecondPrior"))
    (other / "._second.py").write_bytes(b"\0\5\x16\7")  # a Mac's
    plugins.use_folders([folder, other])
    assert {"user_prior", "second"} < set(plugins.available("method"))
    (other / "user_prior.py").write_text(FILES["user_prior"])
    plugins.forget()
    with pytest.raises(UserError, match=r"other/user_prior\.py: there is a method 'user_prior'"):
        plugins.available("method")
    with pytest.raises(UserError, match="none: no such folder of plugins"):
        plugins.use_folders([tmp_path / "none"])
    with pytest.raises(UserError, match="may have no ':' in its name"):
        plugins.use_folders([Path("a:b")])
    monkeypatch.setenv(plugins.VARIABLE, str(tmp_path / "gone"))
    plugins.forget()
    with pytest.raises(UserError, match="gone: no such folder of plugins"):
        plugins.available("study")


@pytest.mark.slow
def test_from_plugins_to_a_table_in_several_processes(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "data", 60)
    common = ["--dataset=street", "--data-root=data", "--profile=smoke", f"--plugins={folder}"]

    def run(module, *words):
        done = subprocess.run(
            [sys.executable, "-m", f"clear_bench.{module}", *words], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("train", *common, "--method=user_prior", "--seeds=2", "--workers=2",
        "--set=protocol.val_identities=all")  # fmt: skip
    shown = run("report", "--profile=smoke", "--table=recognition_main", f"--plugins={folder}")
    assert "| User prior |" in shown
    stale = run("report", "--profile=smoke", "--table=recognition_main", "--stale")
    assert "method.user_prior.recognition was 3, is gone" in stale.replace("\\", "")
    run("ablate", *common, "--study=user_study", "--workers=2", "--out=out")
    run("evaluate", "runs", "--data-root=data", f"--plugins={folder}")
