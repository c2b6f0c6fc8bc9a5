"""Two commands on one PostgreSQL server share a study; one of them is killed half-way."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from fresh import Fresh, wait_until
from study_folder import command, write_study

from clear_bench.runs.record import Record

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
pytestmark = pytest.mark.skipif(
    not BINARIES or not shutil.which("runuser"),
    reason="no PostgreSQL server here; apt-get install postgresql",
)


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
    words = ["--study=rates", "--dataset=market1501", "--profile=smoke", "--data-root=market",
             "--workers=1", "--seeds=3", f"--storage={address}", f"--runs={runs}"]  # fmt: skip
    return Fresh(command, root, *words)


def trials(address):
    import optuna

    from clear_bench.studies.storage import open_study

    study = open_study(address, "rates market1501 smoke")
    return [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]


def test_each_run_once_though_a_worker_dies(server, market, tmp_path):
    (tmp_path / "market").symlink_to(market)
    write_study(tmp_path)
    both = [start(tmp_path, server, tmp_path / "runs") for _ in range(2)]
    pattern = "studies/**/clear-retrieval-*/record.json"
    wait_until(
        lambda: list((tmp_path / "runs").glob(pattern)), lambda: any(one.alive for one in both)
    )
    os.killpg(both[0].process.pid, signal.SIGKILL)
    assert both[1].wait(400) == 0, [one.said() for one in both]
    records = [Record.load(f) for f in (tmp_path / "runs").glob("studies/**/record.json")]
    assert len(records) == 9  # a parent and two variants, times three seeds
    assert {r.status for r in records} == {"finished"}
    done = [t.user_attrs["run"] for t in trials(server)]
    assert sorted(done) == sorted(r.run_id for r in records)  # each once
