"""All commands behind one name: ``clear-bench COMMAND``, or ``python -m clear_bench COMMAND``.

Each command is also a module of its own, ``python -m clear_bench.COMMAND``.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from clear_bench.utils.command_line import main
from clear_bench.utils.errors import unknown

COMMANDS = (
    "train", "ablate", "evaluate", "predict", "attention", "search", "demo", "report", "data",
    "runs", "record", "export",
)  # fmt: skip


class Commands(TyperGroup):
    """Imports a command's module when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command.

        Raises:
            UserError: If there is none of that name.
        """
        if cmd_name not in COMMANDS:
            raise unknown("command", cmd_name, COMMANDS)
        module = import_module(f"clear_bench.{cmd_name}")
        if not hasattr(module, "app"):  # a package's command
            module = import_module(f"clear_bench.{cmd_name}.__main__")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(cls=Commands)


@app.callback(invoke_without_command=True)
def clear_bench(context: typer.Context) -> None:
    """Benchmark and ablations for person attribute recognition and attribute-based retrieval."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def run() -> None:
    """Run the console script."""
    main(app)


if __name__ == "__main__":
    main(app)
