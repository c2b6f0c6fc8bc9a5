"""What ends a command: a signal, a broken file, a full or closed standard output, a bug."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from clear_bench.utils.command_line import main

SLEEPS = """
import sys, time, typer
from clear_bench.utils.command_line import main
app = typer.Typer()
@app.command()
def command():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        sys.stdin.read()  # clearing up lasts until the test closes it
main(app)
"""
PRINTS = SLEEPS.partition("    try:")[0] + "    {body}\nmain(app)\n"


def run(body, **more):
    words = [sys.executable, "-c", PRINTS.format(body=body)]
    return subprocess.run(words, text=True, timeout=60, check=False, stderr=subprocess.PIPE, **more)


def asleep():
    """Start a command that sleeps, and then clears up until its standard input is closed."""
    pipe = subprocess.PIPE
    words = [sys.executable, "-c", SLEEPS]
    process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_answered_at_once_and_is_no_traceback(number):
    process = asleep()
    process.send_signal(number)
    assert process.stderr.readline().startswith("stopping")
    assert process.poll() is None  # it was said before the command had cleared up
    process.stdin.close()
    assert process.stderr.read() == "stopped; run the same command again to go on\n"
    assert process.wait(30) == 130


def test_the_second_ctrl_c_ends_it_whatever_it_is_at():
    process = asleep()
    process.send_signal(signal.SIGINT)
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130


def test_a_second_ctrl_c_that_comes_late_is_no_traceback():
    leaving = "(__import__('atexit').register(sys.stdin.read), os.kill(os.getpid(), 2))"
    words = [sys.executable, "-c", "import os\n" + PRINTS.format(body=leaving)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, stdin=pipe, stderr=pipe, text=True)
    assert process.stderr.readline().startswith("stopping")
    assert process.stderr.readline().startswith("stopped")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert process.stderr.read() == ""


def test_a_file_that_ends_early_is_no_ctrl_c(monkeypatch):
    app = typer.Typer()

    @app.command()
    def command() -> None:
        raise EOFError("Ran out of input")

    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(EOFError, match="Ran out"):
        main(app)


@pytest.mark.parametrize("flush", ["True", "False"])
def test_a_full_standard_output_is_one_line(flush):
    with Path("/dev/full").open("w") as full:
        done = run(f"print('x' * 10, flush={flush})", stdout=full)
    assert done.returncode == 2
    assert done.stderr == "error: standard output: No space left on device\n"


def test_a_reader_that_leaves_is_no_traceback():
    process = subprocess.Popen(
        [sys.executable, "-c", PRINTS.format(body="[print('x' * 1000) for _ in range(1000)]")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    assert process.wait(30) in (1, 141)


def test_a_bug_keeps_its_traceback_but_no_secret():
    done = run("raise KeyError('postgresql://u:' + 'hunter2@h/d')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "KeyError" in done.stderr
    assert "hunter2@" not in done.stderr.splitlines()[-1]
