"""Trained runs to look at in a browser: ``python -m clear_bench.demo``.

See docs/demo.md.
"""

from pathlib import Path
from typing import Annotated

import typer

from clear_bench.config.plugins_option import Plugins
from clear_bench.utils.command_line import main

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    run: Annotated[
        list[str] | None,
        typer.Option(
            help="this run alone, more by more --run: METHOD, METHOD@DATASET, id or folder; "
            "without it the newest of each method's recipe"
        ),
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option(help="rank the images of this folder, not a test split")
    ] = None,
    host: Annotated[
        str, typer.Option(help="address to listen at; others than 127.0.0.1 let others in")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 0,
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    data_root: Annotated[
        Path | None, typer.Option(help="folder of the official release of the runs' data set")
    ] = None,
    cache: Annotated[Path, typer.Option(help="folder of derived files")] = Path(".cache"),
    plugins: Plugins = None,
) -> None:
    """Show a picture's attributes and ranked galleries in a browser, on this machine alone.

    Nothing that is uploaded is stored.  Ctrl-C ends it.
    """
    from clear_bench.demo.at_hand import runs_at_hand

    shown = runs_at_hand(runs_root, run or [])
    try:
        import flask  # noqa: F401
    except ModuleNotFoundError:
        from clear_bench.utils.errors import Unavailable

        raise Unavailable("flask is not installed; pip install 'clear-bench[demo]'") from None
    from clear_bench.demo.galleries import Galleries
    from clear_bench.demo.server import listening, make_app
    from clear_bench.demo.work import Work
    from clear_bench.utils.files import sweep

    sweep(cache)
    work = Work(shown, Galleries(runs_root, data_root, gallery), runs_root, cache)
    server = listening(make_app(work, host), host, port)
    name = f"[{host}]" if ":" in host else host
    print(f"http://{name}:{server.port} shows {len(shown)} runs; Ctrl-C ends it", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(app)
