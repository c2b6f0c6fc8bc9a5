"""Two commands on one PostgreSQL server share a study; one of them is killed half-way."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import study_folder
from layouts import write_market
from study_folder import write_study

from clear_bench.runs.record import Record

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
pytestmark = pytest.mark.skipif(
    not BINARIES or not shutil.which("runuser"),
    reason="no PostgreSQL server here; apt-get install postgresql",
)
COMMAND = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
import pytest
from study_folder import use
from clear_bench import ablate
from clear_bench.utils.command_line import main
if __name__ == "__main__":
    from pathlib import Path
    use(pytest.MonkeyPatch(), Path({root!r}))
    main(ablate.app)
"""


@pytest.fixture(scope="module")
def server():
    """Address of a server that an ordinary user runs on loopback."""
    pytest.importorskip("psycopg", reason="pip install psycopg[binary]")
    # Not below pytest's own folder, which no other user may enter.
    folder = Path(tempfile.mkdtemp(prefix="clear-bench-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    user = [] if os.getuid() else ["runuser", "-u", "postgres", "--"]
    if user:
        shutil.chown(folder, "postgres")
    bin_ = BINARIES[-1].parent
    data = folder / "data"

    def run(*words):
        subprocess.run([*user, *words], check=True, capture_output=True, cwd=folder)

    run(str(bin_ / "initdb"), "-D", str(data), "-A", "trust", "-U", "bench")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run(str(bin_ / "pg_ctl"), "-D", str(data), "-o", options, "-w", "-l", str(folder / "log"),
        "start")  # fmt: skip
    yield f"postgresql://bench@127.0.0.1:{port}/postgres"
    run(str(bin_ / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
    shutil.rmtree(folder)


def start(root, address, runs):
    script = root / "command.py"
    script.write_text(COMMAND.format(root=str(root), tests=str(Path(study_folder.__file__).parent)))
    words = ["--study=rates", "--dataset=market1501", "--profile=smoke", "--data-root=market",
             "--workers=1", "--seeds=3", f"--storage={address}", f"--runs={runs}"]  # fmt: skip
    with (root / f"log-{time.monotonic_ns()}.txt").open("w") as log:
        return subprocess.Popen(
            [sys.executable, str(script), *words],
            cwd=root,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def trials(address):
    import optuna

    from clear_bench.studies.storage import open_study

    study = open_study(address, "rates market1501 smoke")
    return [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]


def test_each_run_once_though_a_worker_dies(server, tmp_path):
    write_market(tmp_path / "market")
    write_study(tmp_path)
    both = [start(tmp_path, server, tmp_path / "runs") for _ in range(2)]
    began = time.monotonic()
    pattern = "studies/**/clear-retrieval-*/record.json"
    while not list((tmp_path / "runs").glob(pattern)):
        assert time.monotonic() - began < 300
        said = [f.read_text()[-800:] for f in tmp_path.glob("log-*")]
        assert any(p.poll() is None for p in both), said
        time.sleep(0.1)
    os.killpg(both[0].pid, signal.SIGKILL)
    assert both[1].wait(timeout=400) == 0, [f.read_text() for f in tmp_path.glob("log-*")]
    records = [Record.load(f) for f in (tmp_path / "runs").glob("studies/**/record.json")]
    assert len(records) == 9  # a parent and two variants, times three seeds
    assert {r.status for r in records} == {"finished"}
    done = [t.user_attrs["run"] for t in trials(server)]
    assert sorted(done) == sorted(r.run_id for r in records)  # each once
