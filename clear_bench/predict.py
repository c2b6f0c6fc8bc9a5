"""Attributes of one's own images: ``python -m clear_bench.predict --run clear photo.jpg ...``.

See docs/predict.md.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from clear_bench.config.plugins_option import Plugins
from clear_bench.utils.command_line import main

app = typer.Typer(add_completion=False)
SHOWN = 3  # causes in the last line


@app.command()
def predict(
    images: Annotated[
        list[str],
        typer.Argument(
            help="crops of one person each: files, folders, patterns, @LIST of them, - for a list "
            "from standard input; or videos"
        ),
    ],
    run: Annotated[str, typer.Option(help="run: METHOD, METHOD@DATASET, id or folder")],
    form: Annotated[
        str, typer.Option("--format", help="table, csv, wide, json, jsonl, parquet or upar")
    ] = "table",
    everything: Annotated[bool, typer.Option("--all", help="absent attributes too")] = False,
    out: Annotated[Path | None, typer.Option(help="write there instead of printing")] = None,
    boxes: Annotated[
        Path | None, typer.Option(help="CSV: image, x, y, width, height (pixels), frame of videos")
    ] = None,
    every: Annotated[
        str, typer.Option(help="frames of a video: 1s (if not given), 250ms, 10f is each tenth")
    ] = "",
    why: Annotated[
        bool, typer.Option("--why", help="write a picture of where the network looked, too")
    ] = False,
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    plugins: Plugins = None,
) -> None:
    """Say the attributes of images with their probabilities under a trained run.

    What cannot be read is one line and the others are predicted; the status is 2 then.
    """
    from clear_bench.prediction.boxes import read_boxes
    from clear_bench.prediction.forms import FORMS
    from clear_bench.prediction.sources import crops_of, files_of
    from clear_bench.prediction.video import is_video, parse_sampling
    from clear_bench.runs.naming import find_run
    from clear_bench.utils.errors import UserError, unknown

    if form not in FORMS:
        raise unknown("format", form, FORMS)
    if form == "parquet" and out is None:
        raise UserError("--format parquet: is no text; say where to by --out FILE")
    rule = parse_sampling(every) if every else None
    table = read_boxes(boxes) if boxes else None
    folder = find_run(runs_root, run, "recognition")
    files, bad = files_of(images)
    for each in bad:
        print(each.cause, file=sys.stderr)
    if files:
        videos = any(map(is_video, files))
        if videos and not table:
            print("videos without --boxes: whole frames are predicted", file=sys.stderr)
        places = ["image", *(["frame", "time"] if videos else [])]
        places += ["x", "y", "width", "height"] if table else []
        from clear_bench.prediction.answer import Answer

        answer = Answer(form, out, everything, why, tuple(places))
        bad += answer.give(folder, runs_root, crops_of(files, rule, table))
    if table and table.unused:
        first = ", ".join(table.unused[:SHOWN])
        print(f"{boxes}: {len(table.unused)} of its images were not asked for: {first}",
              file=sys.stderr)  # fmt: skip
    if bad:
        more = "; ..." if len(bad) > SHOWN else ""
        causes = "; ".join(each.cause for each in bad[:SHOWN])
        raise UserError(f"{len(bad)} could not be predicted, all others were: {causes}{more}")


if __name__ == "__main__":
    main(app)
