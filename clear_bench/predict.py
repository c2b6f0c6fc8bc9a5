"""Attributes of one's own images: ``python -m clear_bench.predict --run RUN photo.jpg ...``."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from clear_bench.config.plugins_option import Plugins
from clear_bench.utils.command_line import main

app = typer.Typer(add_completion=False)


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="image files, each a crop of one person")],
    run: Annotated[str, typer.Option(help="run directory, run id, or the beginning of one")],
    form: Annotated[str, typer.Option("--format", help="table, csv or json")] = "table",
    everything: Annotated[bool, typer.Option("--all", help="absent attributes too")] = False,
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    plugins: Plugins = None,
) -> None:
    """Print the attributes of images with their probabilities under a trained run."""
    from clear_bench.utils.csv_text import csv_text
    from clear_bench.utils.errors import unknown

    if form not in ("table", "csv", "json"):
        raise unknown("format", form, ("table", "csv", "json"))
    rows = predictions(images, run, runs_root)
    kept = [r for r in rows if everything or r["present"]]
    if form == "json":
        print(json.dumps(kept, indent=1))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, ["image", "attribute", "probability", "present"])
        writer.writeheader()
        named = [{**r, **{key: csv_text(r[key]) for key in ("image", "attribute")}} for r in kept]
        writer.writerows(named)
    else:
        _print_table(kept, images)


def predictions(images: list[Path], run: str, runs_root: Path) -> list[dict[str, Any]]:
    """Return one row an (image, attribute), in order of image and falling probability.

    Raises:
        UserError: If the run or an image cannot be read.
    """
    import numpy as np

    from clear_bench.engine.inference import encode
    from clear_bench.training.trained_model import open_model
    from clear_bench.utils.errors import UserError

    opened = open_model(run, runs_root).recogniser  # a retrieval run recognises through its parent
    record = opened.record
    if not opened.trains:
        raise UserError(f"{record.run_id}: {record.method} learns nothing and keeps no model")
    pixels = np.stack([opened.read(path) for path in images])
    _, probabilities = encode(opened.model, pixels, np.arange(len(pixels)))
    threshold = np.broadcast_to(record.threshold, len(opened.schema))
    return [
        {
            "image": str(path),
            "attribute": opened.schema.names[column],
            "probability": round(float(row[column]), 4),
            "present": bool(row[column] > threshold[column]),
        }
        for path, row in zip(images, probabilities, strict=True)
        for column in np.argsort(-row, kind="stable")
    ]


def _print_table(rows: list[dict[str, Any]], images: list[Path]) -> None:
    """Print one table an image."""
    from rich.console import Console
    from rich.table import Table

    for path in images:
        table = Table("attribute", "probability", title=str(path), title_justify="left")
        for row in rows:
            if row["image"] == str(path):
                style = "bold" if row["present"] else "dim"
                table.add_row(row["attribute"], f"{row['probability']:.3f}", style=style)
        Console().print(table)


if __name__ == "__main__":
    main(app)
