"""The edge of every command: bad input is one line on stderr and exit status 2."""

from typing import NoReturn

import click
import typer

from clear_bench.errors import UserError, run_command


def main(app: typer.Typer) -> NoReturn:
    """Run a command line and leave; see `clear_bench.errors.run_command`."""

    def call() -> None:
        try:
            app(standalone_mode=False)
        except click.exceptions.Abort:
            raise KeyboardInterrupt from None
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            advice = f"; see: {context.command_path} --help" if context else ""
            raise UserError(error.format_message().rstrip(".") + advice) from None

    run_command(call)
