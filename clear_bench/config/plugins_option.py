"""``--plugins DIR`` of the commands: one's own data sets, methods and studies."""

from pathlib import Path
from typing import Annotated

import typer

from clear_bench.config import plugins


def _use(folders: list[Path] | None) -> list[Path] | None:
    """Take the folders; without any, what the variable says stays."""
    if folders:
        plugins.use_folders(folders)
    return folders


Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugins",
        callback=_use,
        metavar="DIR",
        help=f"folder of your own data sets, methods, studies; or in {plugins.VARIABLE}",
    ),
]
"""An option that does its work before the command begins; the command has no use for its value."""
