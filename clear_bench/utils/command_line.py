"""The edge of every command: bad input is one line on stderr and exit status 2."""

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from types import FrameType, TracebackType
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from clear_bench.utils.disk import FULL
from clear_bench.utils.errors import UserError
from clear_bench.utils.secrets import masked

INTERRUPTED = 130
READER_GONE = 141  # as of a program that SIGPIPE ends
TORCHRUN = "TORCHELASTIC_RUN_ID"
"""Set by torchrun, whose SIGTERM ends a process that waits for another one, deaf to all else."""

STOPS = (signal.SIGINT, signal.SIGTERM)


def main(app: typer.Typer) -> NoReturn:
    """Run a command line and leave; see `clear_bench.utils.command_line.run_command`."""

    def call() -> None:
        try:
            if app(standalone_mode=False) == INTERRUPTED:  # typer makes a status of Ctrl-C
                raise KeyboardInterrupt
        except typer.Abort as error:
            if isinstance(error.__cause__, EOFError):  # a broken file, which is no Ctrl-C
                raise error.__cause__ from None
            raise KeyboardInterrupt from None
        except TyperException as error:
            context = getattr(error, "ctx", None)
            advice = f"; see: {context.command_path} --help" if context else ""
            raise UserError(error.format_message().rstrip(".") + advice) from None

    run_command(call)


def run_command(command: Callable[[], object]) -> NoReturn:
    """Run a command line and leave.

    The status is 2 with one line for a `UserError`, a file that cannot be used or a full disk, 130
    on Ctrl-C or SIGTERM, which are answered at once.  A bug keeps its traceback.  No secret is
    printed, see `masked`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name of the disk may be in no encoding
            stream.reconfigure(errors="surrogateescape")
    try:
        with _stoppable():
            command()
            sys.stdout.flush()
    except UserError as error:
        _say(f"error: {error}")
        raise SystemExit(2) from None
    except OSError as error:
        lost = error.errno in (*FULL, errno.EPIPE) and _output_lost()
        if error.filename is None and not lost and error.errno not in FULL:
            raise
        if lost and error.errno == errno.EPIPE:
            raise SystemExit(READER_GONE) from None
        where = "standard output" if lost else error.filename or "a disk"
        _say(f"error: {where}: {error.strerror}")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        _say("stopped; run the same command again to go on")
        raise SystemExit(INTERRUPTED) from None
    finally:
        sys.excepthook = _masked_traceback  # after typer, which has one too
    raise SystemExit(0)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop the body; the first is answered at once, the second ends all."""
    own = os.getpid()
    heard = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        if os.getpid() != own or heard:  # a child that was forked, or somebody in a hurry
            os._exit(INTERRUPTED)
        heard = True
        _say("stopping; once more to end at once")
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stops = [s for s in STOPS if s != signal.SIGTERM or TORCHRUN not in os.environ]
    before = {number: signal.signal(number, stop) for number in stops}
    try:
        yield
    finally:
        if not heard:  # else the process is leaving, and the second signal still ends it
            for number, handler in before.items():
                signal.signal(number, handler)


def _say(text: str) -> None:
    """Print a line on standard error, if that is there."""
    try:
        print(masked(text), file=sys.stderr, flush=True)
    except OSError:  # nobody could be told of it
        return


def _masked_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print the traceback of a bug without the secrets in it."""
    _say("".join(traceback.format_exception(kind, error, trace)).rstrip())


def _output_lost() -> bool:
    """Return whether standard output takes nothing any more: its disk is full, its reader gone.

    Then what it still holds goes nowhere, or Python would try once more at its end and complain.
    """
    try:
        print(flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return True
    return False
