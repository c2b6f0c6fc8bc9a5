"""What is written is whole or not there; what a dead process left goes with the next command."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import dying
import numpy as np
import pytest
from filelock import Timeout

from clear_bench.runs.files import folders_of_runs
from clear_bench.utils import files
from clear_bench.utils.locks import locked
from clear_bench.utils.processes import birth, is_dead, mark

ROOT = Path(__file__).parents[2]


def call(name, argument):
    """Return a process of its own that called a function of ``dying.py``."""
    words = f"import dying; dying.{name}({str(argument)!r})"
    path = os.pathsep.join([str(Path(dying.__file__).parent), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, "-c", words], env={**os.environ, "PYTHONPATH": path}
    )
    process.wait(60)
    return process


def test_a_dead_process_leaves_nothing_after_the_next_command(tmp_path):
    process = call("half_made", tmp_path)
    assert process.returncode == -9
    left = [f.name for f in tmp_path.rglob("*")]
    assert ".lock" in left and sum(name.endswith(".tmp") for name in left) == 2
    assert not list(folders_of_runs(tmp_path)), "a hidden folder was read as a run"
    files.sweep(tmp_path)
    assert [f.name for f in tmp_path.rglob("*")] == ["deep"]
    scratch = f"{files.SCRATCH}.*-{process.pid}-*"
    assert not list(Path(tempfile.gettempdir()).glob(scratch))


def test_what_a_live_process_is_at_stays(tmp_path):
    with locked(tmp_path / ".lock"), files.written_whole(tmp_path / "x") as unfinished:
        unfinished.write_text("half")
        files.sweep(tmp_path)
        assert unfinished.exists() and (tmp_path / ".lock").exists()
        with pytest.raises(Timeout), locked(tmp_path / ".lock", timeout=0):
            raise AssertionError("two hold it")
    assert [f.name for f in tmp_path.iterdir()] == ["x"]


def test_many_at_once_hold_it_one_by_one_and_leave_no_file(tmp_path):
    inside, most, turns = [], [], []

    def take(number):
        for _ in range(10):
            with locked(tmp_path / ".lock"):
                inside.append(number)
                most.append(len(inside))
                turns.append(number)
                inside.remove(number)

    threads = [threading.Thread(target=take, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (max(most), len(turns)) == (1, 40)
    assert not list(tmp_path.iterdir())


def test_what_another_machine_is_at_stays_for_a_day(tmp_path):
    theirs = tmp_path / ".x.elsewhere-1-2.tmp"
    old = tmp_path / ".import-123"  # as earlier versions called it
    theirs.touch()
    old.mkdir()
    files.sweep(tmp_path)
    assert theirs.exists() and old.exists()
    then = time.time() - 2 * files.LONG
    for path in (theirs, old):
        os.utime(path, (then, then))
    files.sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_error_leaves_what_was_there(tmp_path):
    files.write_text(tmp_path / "x", "old")
    with pytest.raises(ValueError, match="bad"), files.written_whole(tmp_path / "x") as unfinished:
        unfinished.write_text("new")
        raise ValueError("bad")
    assert (tmp_path / "x").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_marks_tell_the_dead_from_the_living():
    assert is_dead(mark()) is False
    ours = mark().rsplit("-", 2)
    assert is_dead("-".join([ours[0], ours[1], str(int(ours[2]) - 1)])) is True  # its number before
    assert is_dead(f"{ours[0]}-{2**22 + 1}-5") is True
    assert is_dead("elsewhere-1-2") is None
    assert birth(os.getppid()) is not None


def test_an_array_is_mapped_as_numpy_maps_it(tmp_path):
    ours = files.empty_array(tmp_path / "a.npy", np.uint8, (3, 4, 5, 3))
    theirs = np.lib.format.open_memmap(tmp_path / "b.npy", "w+", np.uint8, (3, 4, 5, 3))
    for array in (ours, theirs):
        array[1] = 7
        array.flush()
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_a_worker_ends_with_its_parent(tmp_path):
    """The parent dies by ``kill -9``, so that nobody stops its children."""
    told = tmp_path / "pid"
    assert call("parent", told).returncode == -9
    child = int(told.read_text())
    for _ in range(200):
        if birth(child) is None:
            return
        time.sleep(0.05)
    os.kill(child, 9)
    raise AssertionError("it went on")
