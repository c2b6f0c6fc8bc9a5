"""Rank one's own images: ``python -m clear_bench.search --run RUN --gallery DIR --attributes ...``.

See docs/search.md.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clear_bench.config.plugins_option import Plugins
from clear_bench.utils.command_line import main

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from clear_bench.search.output import Hit
    from clear_bench.search.query import Completions
    from clear_bench.search.search_engine import Engine

app = typer.Typer(add_completion=False)


@app.command()
def search(
    run: Annotated[str, typer.Option(help="retrieval run: directory, id, or beginning of one")],
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
    from clear_bench.search.search_engine import open_engine
    from clear_bench.utils.errors import UserError, unknown
    from clear_bench.utils.files import sweep

    if bool(attributes) == bool(text):
        raise UserError("give either --attributes or --text")
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    if out.resolve().is_relative_to(gallery.resolve()):
        raise UserError(f"--out {out}: lies in the gallery, where the sheet would be an image too")
    sweep(cache)
    engine = open_engine(run, runs_root, cache)
    asked, embedded = understand(engine, attributes, text, unspecified)
    scanned = scan(gallery)
    if scanned.others:
        print(f"{scanned.others} files of {gallery} are no pictures by name and are left out")
    index = engine.index(scanned, skip_unreadable=skip_unreadable)
    say_unreadable(index)
    hits = ranking(engine, index, scanned.names, engine.score(index, asked, embedded))
    title = f"{text or attributes}  ({engine.record.run_id}, {len(hits)} images)"
    sheet, table = out / f"sheet.{form}", out / "ranking.csv"
    write_sheet(hits[:top], gallery, title, sheet)
    write_ranking(hits, table)
    for hit in hits[:5]:
        print(f"{hit.rank:3}  {hit.score:8.4f}  {printable(hit.file)}")
    print(f"{sheet} shows the best {min(top, len(hits))}, {table} all {len(hits)} images")


def understand(
    engine: "Engine", attributes: str, text: str, unspecified: str
) -> "tuple[Completions, NDArray[np.float32]]":
    """Return what a query stands for, and a text embedding of each; print how it is read.

    Raises:
        UserError: If the method cannot read the query.
    """
    from clear_bench.search.query import complete, parse, recognise, spell
    from clear_bench.utils.errors import UserError

    schema, table = engine.schema, engine.table
    said = recognise(schema, text) if text else parse(schema, attributes)
    asked = complete(said, table["vectors"], table["counts"], table["groups"], unspecified)
    reads_code = engine.record.config["retrieval"]["model"].get("embedding") != "soft"
    if not text:
        print(f"query: {spell(schema, said)}; {asked.reading}")
    elif not engine.encoder and not said:
        raise UserError(
            f"--text: {engine.record.method} reads no text, and no attribute of its schema was "
            f"recognised in '{text}'; use --attributes, with {', '.join(schema.names)}"
        )
    else:
        soft = "the sentence as it is" if engine.encoder else "none, the method reads no text"
        hard = f"recognised in the words: {spell(schema, said) or 'nothing'}; {asked.reading}"
        print(f"soft part: {soft}; hard part: {hard if reads_code else 'none'}")
    return asked, embeddings(engine, asked, text)


def embeddings(engine: "Engine", asked: "Completions", text: str) -> "NDArray[np.float32]":
    """Return ``(K, T)``: the sentence's embedding K times, or that of each description."""
    import numpy as np

    from clear_bench.search.search_engine import text_of
    from clear_bench.text.descriptions import describe_all

    if not engine.encoder:
        return np.zeros((len(asked.vectors), 0), np.float32)
    if text:
        return np.repeat(text_of(engine, [text]), len(asked.vectors), axis=0)
    if len(asked.rows):
        return engine.table["text"][asked.rows]
    template = engine.record.config["retrieval"]["text"]["template"]
    phrasings = describe_all(engine.schema, asked.vectors, template)
    embedded = text_of(engine, [sentence for sentences in phrasings for sentence in sentences])
    ends = np.cumsum([len(sentences) for sentences in phrasings])
    return np.stack([part.mean(axis=0) for part in np.split(embedded, ends[:-1])])


def ranking(
    engine: "Engine", index: Path, names: list[str], scores: "NDArray[np.float32]"
) -> "list[Hit]":
    """Return the readable images, best first; equal scores by name."""
    import numpy as np

    from clear_bench.search.output import Hit

    rows = np.load(index / "rows.npy")
    threshold = engine.run.recogniser.record.threshold
    present = np.load(index / "probabilities.npy", mmap_mode="r") > threshold
    attributes = np.array(engine.schema.names)
    return [
        Hit(rank, names[rows[k]], float(scores[k]), attributes[present[k]].tolist())
        for rank, k in enumerate(np.argsort(-scores, kind="stable"), 1)
    ]


def say_unreadable(index: Path) -> None:
    """Print one line a file that was left out."""
    import json
    import sys

    for cause in json.loads((index / "unreadable.json").read_text(encoding="utf-8")):
        print(f"left out: {cause}", file=sys.stderr)


if __name__ == "__main__":
    main(app)
