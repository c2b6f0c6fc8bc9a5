"""How far runs are: one line each, and the time left from the first second."""

import pytest

from clear_bench.utils import run_progress
from clear_bench.utils.run_progress import EpochProgress, RunsProgress, begun, reporting
from clear_bench.utils.run_state import State


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes when it is told to."""
    now = [100.0]
    monkeypatch.setattr(run_progress.time, "perf_counter", lambda: now[0])

    def pass_by(seconds):
        now[0] += seconds

    return pass_by


def test_a_run_tells_at_its_start_and_each_epoch_and_not_each_step(tmp_path, clock):
    told = []
    progress = EpochProgress("run", tmp_path / "log", 3, 10)
    with reporting(told.append):
        progress.start(0)
        for _ in range(10):
            clock(0.2)
            progress.step(64)
        progress.epoch(1, 0.5, "mA", 0.7)
    assert told[0].share == 0 and told[0].words == "epoch 0/3"
    assert 3 <= len(told) <= 6  # two seconds, no more than two a second
    assert told[-1].share == pytest.approx(1 / 3)
    assert told[-1].words == "epoch 1/3, loss 0.5, val mA 70.00, 320 images/s"
    assert (tmp_path / "log").read_text() == f"run: {told[-1].words}, 0:00:04 left\n"


def test_without_a_listener_the_line_is_printed(tmp_path, capsys):
    progress = EpochProgress("run", tmp_path / "log", 3, 10)
    progress.start(1)
    progress.epoch(2, 0.25, "", None)
    assert capsys.readouterr().err.startswith("run: epoch 2/3, loss 0.25, 0:00:0")


def test_time_left_is_there_at_once_and_moves_from_the_past_to_the_run_itself(clock, capsys):
    progress = RunsProgress("training", 3, 1, 2, {"a": 100.0, "b": 60.0})
    assert (
        "3 runs, 1 finished before, 2 side by side, about 0:01:40 left" in capsys.readouterr().err
    )
    progress.update(State("a", 0, 4, 0.0, process=1))
    assert capsys.readouterr().err == "a: epoch 0/4, 0:01:40 left\n"
    clock(100)  # half of it took as long as all should
    progress.update(State("a", 2, 4, 0.5, 9.0, "loss 1", process=1))
    assert capsys.readouterr().err == "a: epoch 2/4, loss 1, 9 images/s, 0:00:50 left\n"
    progress.update(State("a", 2, 4, 0.6, 9.0, "loss 1", process=1))
    assert capsys.readouterr().err == ""  # a line an epoch where there is no terminal
    clock(50)
    progress.tell("a: val 50", "a")
    assert capsys.readouterr().err == "[2/3] a: val 50, about 0:01:00 left\n"
    progress.update(State("b", 0, 1, 0.0, process=2))
    progress.tell("b: failed", "b")
    assert capsys.readouterr().err.endswith("[3/3] b: failed, about 0:00:00 left\n")


def test_nothing_known_is_said_until_one_has_ended(clock, capsys):
    progress = RunsProgress("training", 3, 0, 1, {"a": None, "b": None, "c": None})
    assert "3 runs, 0 finished before, no estimate yet" in capsys.readouterr().err
    progress.update(State("a", 0, 2, 0.0))
    assert capsys.readouterr().err == "a: epoch 0/2, no estimate yet\n"
    clock(3)
    progress.update(State("a", 0, 2, 0.001))
    assert progress.left == "no estimate yet", "the first steps are slow: 3000 s by them"
    clock(7)
    progress.update(State("a", 1, 2, 0.5))
    assert capsys.readouterr().err == "a: epoch 1/2, 0:00:10 left\n"
    assert progress.left == "about 0:00:50 left", "by the run at work: 10 s, and twice 20 s"
    clock(20)
    progress.tell("a", "a")
    assert capsys.readouterr().err == "[1/3] a, about 0:01:00 left\n"


def test_reading_data_is_no_training_and_epochs_of_before_are_not_of_now(clock, capsys):
    """A resumed run: 100 s of reading, then epoch 9 of 10 in 20 s."""
    progress = RunsProgress("training", 1, 0, 1, {"a": None})
    with reporting(progress.update):
        begun("a", 10)
        clock(100)
        progress.update(State("a", 8, 10, 0.8))
        clock(20)
        progress.update(State("a", 9, 10, 0.9))
    assert capsys.readouterr().err.endswith("a: epoch 9/10, 0:00:20 left\n")


def test_of_a_kind_that_has_not_run_nothing_is_guessed(clock, capsys):
    """A retrieval run takes seconds where recognition takes minutes."""
    names = ["x-recognition-s0-1", "x-recognition-s1-2", "x-retrieval-s0-3", "x-retrieval-s1-4"]
    progress = RunsProgress("training", 4, 0, 2, dict.fromkeys(names))
    progress.update(State(names[0], 0, 2, 0.0))
    clock(500)
    progress.tell(names[0], names[0])
    assert progress.left == "at least 0:08:20 left"
    progress.update(State(names[1], 0, 2, 0.0))
    assert capsys.readouterr().err.endswith(f"{names[1]}: epoch 0/2, 0:08:20 left\n")
    progress.update(State(names[2], 0, 2, 0.0, process=1))
    clock(10)
    progress.tell(names[2], names[2])
    assert progress.left == "about 0:08:10 left", "the longest decides"


def test_a_search_counts_trials_of_which_nothing_is_known(clock, capsys):
    progress = RunsProgress("search", 4, 0, 2)
    clock(10)
    progress.tell("trial 0")
    assert "[1/4] trial 0, about 0:00:30 left" in capsys.readouterr().err


def test_on_a_terminal_each_run_has_a_row_that_goes(monkeypatch, clock):
    monkeypatch.setenv("FORCE_COLOR", "1")
    progress = RunsProgress("training", 2, 0, 2, {"a": 10.0, "b": 10.0})
    assert progress.console.is_terminal
    progress.update(State("a", 1, 2, 0.5, process=1))
    progress.update(State("b", 0, 2, 0.1, process=2))
    rows = {task.description: task for task in progress.bar.tasks}
    assert set(rows) == {"training", "a", "b"}
    assert (rows["a"].completed, rows["a"].total) == (1, 2)
    assert "epoch 1/2" in rows["a"].fields["words"]
    progress.tell("a", "a")
    assert {task.description for task in progress.bar.tasks} == {"training", "b"}
    progress.update(State("c", 0, 2, 0.0, process=2))  # the process is at another one
    assert {task.description for task in progress.bar.tasks} == {"training", "c"}
