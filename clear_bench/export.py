"""Take a trained model elsewhere: ``python -m clear_bench.export clear --onnx clear.onnx``.

See docs/api.md.
"""

from pathlib import Path
from typing import Annotated

import typer

from clear_bench.config.plugins_option import Plugins
from clear_bench.utils.command_line import main

app = typer.Typer(add_completion=False)


@app.command()
def export(
    run: Annotated[str, typer.Argument(help="run: METHOD, METHOD@DATASET, id or folder")],
    onnx: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write its recognition network as ONNX")
    ] = None,
    hub: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="write a folder for a model hub, with a model card"),
    ] = None,
    task: Annotated[
        str, typer.Option(help="recognition: of a method with both, that half alone")
    ] = "",
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    plugins: Plugins = None,
) -> None:
    """Write a trained run as an ONNX file, or as a folder that clear_bench.load reads.

    Both are whole or not there, and are read again before they are.
    """
    from clear_bench.config.method import TASKS
    from clear_bench.runs.naming import find_run
    from clear_bench.utils.errors import UserError, unknown

    if onnx is None and hub is None:
        raise UserError("nothing to write: give --onnx FILE, --hub DIR or both")
    if task and task not in TASKS:
        raise unknown("task", task, TASKS)
    folder = find_run(runs_root, run, task or "retrieval")
    from clear_bench.exports.hub import write_hub
    from clear_bench.exports.onnx_file import write_onnx
    from clear_bench.training.trained_model import open_model

    opened = open_model(folder, runs_root)
    learned = opened.recogniser
    if not learned.trains:
        raise UserError(f"{learned.record.run_id}: {learned.record.method} learns nothing")
    if onnx is not None:
        worst = write_onnx(opened, onnx)
        print(f"{onnx}: {learned.record.run_id}; at most {worst:.1e} from torch's probabilities")
    if hub is not None:
        write_hub(opened, hub)
        print(f"{hub}: {opened.record.run_id}; read its README.md before you upload it")


if __name__ == "__main__":
    main(app)
