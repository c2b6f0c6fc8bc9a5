"""The edge of every command: bad input is one line on stderr and exit status 2."""

import sys
from collections.abc import Callable
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from clear_bench.utils.errors import UserError

INTERRUPTED = 130


def main(app: typer.Typer) -> NoReturn:
    """Run a command line and leave; see `clear_bench.utils.command_line.run_command`."""

    def call() -> None:
        try:
            if app(standalone_mode=False) == INTERRUPTED:  # typer makes a status of Ctrl-C
                raise KeyboardInterrupt
        except typer.Abort:
            raise KeyboardInterrupt from None
        except TyperException as error:
            context = getattr(error, "ctx", None)
            advice = f"; see: {context.command_path} --help" if context else ""
            raise UserError(error.format_message().rstrip(".") + advice) from None

    run_command(call)


def run_command(command: Callable[[], object]) -> NoReturn:
    """Run a command line and leave: status 2 and one line on a `UserError`, 130 on Ctrl-C."""
    try:
        command()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        raise SystemExit(130) from None
    raise SystemExit(0)
