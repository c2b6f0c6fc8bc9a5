"""Rank one's own images: ``python -m clear_bench.search --run RUN --gallery DIR --attributes ...``.

See docs/search.md.
"""

from pathlib import Path
from typing import Annotated

import typer

from clear_bench.config.plugins_option import Plugins
from clear_bench.utils.command_line import main

app = typer.Typer(add_completion=False)


@app.command()
def search(
    run: Annotated[str, typer.Option(help="retrieval run: METHOD, METHOD@DATASET, id or folder")],
    gallery: Annotated[Path, typer.Option(help="folder of images, each a crop of one person")],
    attributes: Annotated[
        str, typer.Option(help='"gender=female, upper_color=red, backpack, hat=no"')
    ] = "",
    text: Annotated[str, typer.Option(help="a sentence instead of attributes")] = "",
    unspecified: Annotated[
        str, typer.Option(help="attributes not said: average (over training categories) or absent")
    ] = "average",
    top: Annotated[int, typer.Option(min=1, max=200, help="images on the contact sheet")] = 20,
    out: Annotated[Path, typer.Option(help="folder of what is written")] = Path("search"),
    form: Annotated[str, typer.Option("--format", help="of the sheet: png or jpg")] = "png",
    skip_unreadable: Annotated[
        bool, typer.Option(help="leave out files that cannot be read")
    ] = False,
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    cache: Annotated[Path, typer.Option(help="folder of derived files")] = Path(".cache"),
    plugins: Plugins = None,
) -> None:
    """Rank a folder of images by attributes or a sentence under a trained retrieval run.

    Writes OUT/ranking.csv and a contact sheet of the best.  The first query on a folder encodes
    its images; the next ones find them in the cache.
    """
    from clear_bench.search.images import scan
    from clear_bench.search.output import FORMATS, printable, write_ranking, write_sheet
    from clear_bench.search.question import question_of, require_one
    from clear_bench.search.ranking import ranking
    from clear_bench.search.search_engine import open_engine
    from clear_bench.utils.errors import UserError, unknown
    from clear_bench.utils.files import sweep

    require_one(attributes, text, "--attributes or --text")
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    if out.resolve().is_relative_to(gallery.resolve()):
        raise UserError(f"--out {out}: lies in the gallery, where the sheet would be an image too")
    sweep(cache)
    engine = open_engine(run, runs_root, cache)
    question = question_of(engine, attributes, text, unspecified)
    print(question.reading)
    scanned = scan(gallery)
    if scanned.others:
        print(f"{scanned.others} files of {gallery} are no pictures by name and are left out")
    index = engine.index(scanned, skip_unreadable=skip_unreadable)
    say_unreadable(index)
    hits = ranking(engine, index, scanned.names, question)
    title = f"{text or attributes}  ({engine.record.run_id}, {len(hits)} images)"
    sheet, table = out / f"sheet.{form}", out / "ranking.csv"
    write_sheet(hits[:top], gallery, title, sheet)
    write_ranking(hits, table)
    for hit in hits[:5]:
        print(f"{hit.rank:3}  {hit.score:8.4f}  {printable(hit.file)}")
    print(f"{sheet} shows the best {min(top, len(hits))}, {table} all {len(hits)} images")


def say_unreadable(index: Path) -> None:
    """Print one line a file that was left out."""
    import json
    import sys

    for cause in json.loads((index / "unreadable.json").read_text(encoding="utf-8")):
        print(f"left out: {cause}", file=sys.stderr)


if __name__ == "__main__":
    main(app)
