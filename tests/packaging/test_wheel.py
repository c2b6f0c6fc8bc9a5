"""What is installed from a wheel: all of the code and its data, and of which commit it is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clear_bench.utils.commit import FILE, commit_of

ROOT = Path(__file__).parents[2]
PACKAGES = ("clear_bench", "baselines", "ablations", "reports")
OUTPUTS = ("reports/out/", "reports/metrics/", "reports/dvc/", "reports/evidence/")
"""Tracked results: no part of the code."""


def run(*words, where=ROOT, **more):
    return subprocess.run(
        [str(w) for w in words], cwd=where, capture_output=True, text=True, check=True,
        env=os.environ | more,
    ).stdout  # fmt: skip


def wanted():
    """Return the tracked files of the packages, as they are on disk."""
    tracked = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *PACKAGES)
    files = {f for f in tracked.split("\0") if f and (ROOT / f).is_file()}
    return {f for f in files if not f.startswith(OUTPUTS)}


def built(folder):
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}


def test_a_build_has_every_file_of_the_packages_and_its_commit(tmp_path):
    base = ["egg_info", "--egg-base", tmp_path, "build_py", "--build-lib", tmp_path / "lib"]
    run(sys.executable, "setup.py", "-q", *base)
    assert built(tmp_path / "lib") == wanted() | {f"clear_bench/{FILE}"}
    commit = run("git", "rev-parse", "HEAD").strip()
    assert (tmp_path / "lib/clear_bench" / FILE).read_text().split()[0] == commit
    assert commit_of(tmp_path / "lib/clear_bench") == commit_of(ROOT / "clear_bench")
    assert commit_of(ROOT / "clear_bench")[0] == commit


def test_a_repository_that_holds_an_environment_is_not_asked(tmp_path):
    library = tmp_path / ".venv/clear_bench"
    library.mkdir(parents=True)
    (library / "__init__.py").touch()
    assert commit_of(library) == ("unknown", "")
    words = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "x",
    ]
    run("git", "init", "-q", where=tmp_path)
    run("git", *words, where=tmp_path)
    assert commit_of(library) == ("unknown", "")
    run("git", "add", ".", where=tmp_path)
    run("git", *words, where=tmp_path)
    assert commit_of(library) == (run("git", "rev-parse", "HEAD", where=tmp_path).strip(), "")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["wheel", "source archive"])
def test_a_wheel_works(way, tmp_path, market):
    source = tmp_path / "source"
    for name in (*wanted(), "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    run("git", "init", "-q", where=source)
    run("git", "add", ".", where=source)
    run("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x", where=source)
    commit = run("git", "rev-parse", "HEAD", where=source).strip()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    what = source
    if way != "wheel":
        run(sys.executable, "setup.py", "-q", "sdist", "-d", tmp_path / "dist", where=source)
        (what,) = (tmp_path / "dist").iterdir()
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path / "wheels", what]
    run(*pip, *build, where=tmp_path)
    (wheel,) = (tmp_path / "wheels").iterdir()
    run(*pip, "install", "--no-deps", "--target", tmp_path / "there", wheel)
    shutil.rmtree(source)
    there = {"PYTHONPATH": str(tmp_path / "there"), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, tmp_path / "there/bin/clear-bench"]
    place = run(sys.executable, "-c", "import clear_bench; print(clear_bench.__file__)",
                where=tmp_path, **there)  # fmt: skip
    assert place.startswith(str(tmp_path / "there"))
    assert "clear_soft" in run(*command, "train", "--list", where=tmp_path, **there)
    words = ["--method=label_prior", "--dataset=market1501", "--profile=smoke"]
    run(*command, "train", *words, f"--data-root={market}", where=tmp_path, **there)
    records = list(tmp_path.glob("runs/*/*/*/*/record.json"))
    assert len(records) == 2
    for file in records:
        provenance = json.loads(file.read_text())["provenance"]
        assert (provenance["git_commit"], provenance["git_dirty"]) == (commit, "")
    run(*command, "report", "--profile=smoke", "--out=out", where=tmp_path, **there)
    assert list((tmp_path / "out").rglob("*recognition_main*"))
