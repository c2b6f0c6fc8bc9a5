"""The edge of every command: bad input is one line on stderr and exit status 2."""

from typing import Any, NoReturn

import typer

from clear_bench.errors import UserError, run_command

# typer carries its own copy of click, so the common base of its errors is found from one of them.
USAGE_ERROR: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
INTERRUPTED = 130


def main(app: typer.Typer) -> NoReturn:
    """Run a command line and leave; see `clear_bench.errors.run_command`."""

    def call() -> None:
        try:
            if app(standalone_mode=False) == INTERRUPTED:  # typer makes a status of Ctrl-C
                raise KeyboardInterrupt
        except typer.Abort:
            raise KeyboardInterrupt from None
        except USAGE_ERROR as error:
            context = getattr(error, "ctx", None)
            advice = f"; see: {context.command_path} --help" if context else ""
            raise UserError(error.format_message().rstrip(".") + advice) from None

    run_command(call)
