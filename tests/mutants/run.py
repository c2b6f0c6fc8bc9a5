"""Mutation testing: change one thing, run the tests that belong to it, and see that one fails.

``make mutants`` runs this.  Its status is 1 if a mutant survives that docs/mutants.md does not
explain.  Nothing is written into the tree: a mutant is compiled in memory, in a process of its own
that forks off one where all other packages are imported already.
"""

import argparse
import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path

import hypothesis
import pytest
from operators import Mutant, mutants

ROOT = Path(__file__).parents[2]
LIST = ROOT / "docs/mutants.md"
SHARE = 0.25  # of all mutants, chosen by a hash of their names
PROCESSES = 2
SLACK, FACTOR = 20, 3  # seconds a mutant may take, and how often the unchanged tests' time
FAILED = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)  # the latter: no import


class Changed(SourceFileLoader):
    """Imports a mutant in place of its file."""

    def __init__(self, mutant: Mutant) -> None:
        self.module = mutant.file.removesuffix(".py").replace("/", ".")
        super().__init__(self.module, str(ROOT / mutant.file))
        self.mutant = mutant

    def get_code(self, fullname: str):
        return self.mutant.code(ROOT)

    def find_spec(self, fullname: str, path: object = None, target: object = None):
        found = fullname == self.module
        return spec_from_file_location(fullname, self.path, loader=self) if found else None


class Watch:
    """A pytest plugin that notes what each test takes, and runs the quick ones first."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.seconds.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        before = self.seconds.get(report.nodeid, 0.0)
        self.seconds[report.nodeid] = before + report.duration


def run_tests(tests: Sequence[str], watch: Watch) -> int:
    """Run tests in this process; the same examples each time, none shrunk or kept."""
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, phases=phases
    )
    words = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", "--tb=no",
             "--hypothesis-profile=mutants"]  # fmt: skip
    return int(pytest.main([*words, *tests], plugins=[watch]))


def fork(work: object, output: Path) -> int:
    """Call something in a new process group, its output in a file; return the process's id."""
    if process := os.fork():
        return process
    status = 70
    try:
        os.setsid()
        with output.open("w") as file:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
        status = work()
    finally:
        os._exit(status)


def baseline(tests: Sequence[str], folder: Path) -> tuple[dict[str, float], list[str]]:
    """Run the unchanged tests; return what each takes, and which packages they import."""
    known, output = folder / "baseline.json", folder / "baseline.txt"

    def work() -> int:
        watch = Watch({})
        status = run_tests(tests, watch)
        files = {name: getattr(m, "__file__", None) for name, m in sys.modules.copy().items()}
        foreign = [
            n for n, f in files.items() if f and ("site-packages" in f or "/lib/python" in f)
        ]
        known.write_text(json.dumps([watch.seconds, foreign]))
        return status

    if os.waitpid(fork(work, output), 0)[1]:
        sys.exit(f"the tests fail without any mutation:\n{output.read_text()[-3000:]}")
    return json.loads(known.read_text())


def preload(names: Sequence[str]) -> None:
    """Import the packages that the tests need, so that no mutant's process has to."""
    for name in names:
        if name not in sys.modules and not name.startswith(("_pytest", "xdist", "test_")):
            with contextlib.suppress(BaseException):
                importlib.import_module(name)


def outcomes(
    found: Sequence[Mutant], belongs: dict[str, list[str]], seconds: dict[str, float], folder: Path
) -> Iterator[tuple[Mutant, str]]:
    """Run each mutant's tests, some mutants at once; yield killed, slow or survived."""
    waiting, running = list(reversed(found)), {}
    while waiting or running:
        while waiting and len(running) < PROCESSES:
            mutant = waiting.pop()
            tests = belongs[mutant.file]

            def work(mutant: Mutant = mutant, tests: Sequence[str] = tests) -> int:
                sys.meta_path.insert(0, Changed(mutant))
                return run_tests(tests, Watch(dict(seconds)))

            usual = sum(s for name, s in seconds.items() if name.startswith(tuple(tests)))
            output = folder / f"{len(waiting)}.txt"
            running[fork(work, output)] = mutant, time.monotonic() + SLACK + FACTOR * usual, output
        for process, (mutant, end, output) in list(running.items()):
            done, status = os.waitpid(process, os.WNOHANG)
            late = not done and time.monotonic() > end
            if late:
                os.killpg(process, signal.SIGKILL)
                os.waitpid(process, 0)
            if done or late:
                del running[process]
                code = os.waitstatus_to_exitcode(status) if done else 0
                if done and code > 0 and code not in FAILED:
                    sys.exit(f"{mutant.key}: pytest ends with {code}\n{output.read_text()[-3000:]}")
                yield mutant, "slow" if late else "killed" if code else "survived"
        time.sleep(0.02)


def explained() -> set[tuple[str, ...]]:
    """Return the names of the mutants that the table in docs/mutants.md explains."""
    lines = LIST.read_text(encoding="utf-8").splitlines() if LIST.exists() else []
    rows = [line.replace("\\|", "\0").strip("| ").split(" | ") for line in lines if "`" in line]
    cells = [[cell.strip().replace("\0", "|") for cell in row] for row in rows if len(row) == 4]
    return {(row[0].strip("`"), row[1].strip("`"), row[2]) for row in cells}


def main() -> int:
    """Run the mutants of all modules, or of those named; return the status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", help="parts of file names; all without any")
    parser.add_argument("--share", type=float, default=SHARE, help=f"of all mutants, {SHARE}")
    asked = parser.parse_args()
    start = time.monotonic()
    table = tomllib.loads((Path(__file__).parent / "tests.toml").read_text(encoding="utf-8"))
    belongs = {f: t for f, t in table.items() if any(m in f for m in asked.modules or [""])}
    if not belongs:
        parser.error(f"no module of tests.toml has any of {asked.modules} in its name")
    found = [m for file in belongs for m in mutants(ROOT, file, asked.share)]
    counts, known = Counter(), explained()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tests = sorted({test for each in belongs.values() for test in each})
        seconds, packages = baseline(tests, folder)
        preload(packages)
        print(f"{len(found)} mutants; the unchanged tests take {sum(seconds.values()):.0f} s")
        for mutant, outcome in outcomes(found, belongs, seconds, folder):
            counts[outcome] += 1
            wrong = {"survived": mutant.key not in known, "killed": mutant.key in known}
            if wrong.get(outcome):  # one that was stopped for its time says nothing of the list
                counts["unexplained"] += outcome == "survived"
                why = "?" if outcome == "survived" else "killed: strike it off the list"
                cells = [f"`{mutant.file}`", f"`{mutant.function}`", mutant.change, why]
                print("|", " | ".join(c.replace("|", "\\|") for c in cells), "|", flush=True)
    minutes = (time.monotonic() - start) / 60
    print(
        f"{len(found)} mutants in {minutes:.1f} minutes: {counts['killed']} killed, "
        f"{counts['slow']} too slow, {counts['survived']} survived, "
        f"{counts['unexplained']} of them not explained in docs/mutants.md"
    )
    return 1 if counts["unexplained"] else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
