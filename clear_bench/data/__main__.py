"""Data sets: ``python -m clear_bench.data list | prepare | verify | sheet | new``."""

from pathlib import Path
from typing import Annotated

import typer

from clear_bench.config.plugins_option import Plugins
from clear_bench.utils.command_line import main

app = typer.Typer(add_completion=False, help="List, prepare, verify and look at data sets.")
Name = Annotated[
    str, typer.Argument(metavar="DATASET", help="see: python -m clear_bench.data list")
]
Root = Annotated[
    Path | None, typer.Option(help="folder of the official release; none for an embedded one")
]
Split = Annotated[str, typer.Option(help="name of the partition; the first is the default")]
LabelSet = Annotated[str, typer.Option(help="name of the label set; the first is the default")]


@app.command("list")
def list_sources(plugins: Plugins = None) -> None:
    """List the data sets: splits, label sets, and where each comes from."""
    from rich.console import Console
    from rich.table import Table

    from clear_bench.config.plugins import available
    from clear_bench.data.load import find_source

    table = Table("data set", "splits", "label sets", "how to obtain it, terms")
    for name in available("data set"):
        source = find_source(name)
        table.add_row(name, " ".join(source.splits), " ".join(source.label_sets), source.obtain)
    Console().print(table)


@app.command()
def prepare(
    name: Name,
    data_root: Root = None,
    split: Split = "",
    label_set: LabelSet = "",
    out: Annotated[Path, typer.Option(help="folder of manifests")] = Path("data/manifests"),
    plugins: Plugins = None,
) -> None:
    """Make an embedded data set if it is not there; write schema and manifest of any."""
    from clear_bench.config.dataset_name import in_files
    from clear_bench.data.load import load_dataset

    dataset = load_dataset(name, data_root, split, label_set)
    folder = out / in_files(name) / f"{dataset.split_name}-{dataset.label_set}"
    dataset.save(folder)
    counts = {part: len(dataset.rows(part)) for part in ("train", "val", "test")}
    print(f"{folder}: {counts}, {len(dataset.schema)} attributes, checksum {dataset.checksum[:12]}")


@app.command()
def verify(
    name: Name,
    data_root: Root = None,
    split: Split = "",
    label_set: LabelSet = "",
    annotation_only: Annotated[
        bool, typer.Option("--annotation-only", help="the labels are there, the pictures are not")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="a part of the release: say what is missing")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="every line, all counts, all pairs of attributes")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(help="picture to write: ten images of each attribute")
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Compare a copy with the official release; status 2 and a list if something is wrong."""
    from clear_bench.data.load import find_source, load_dataset
    from clear_bench.data.verify_report import answer
    from clear_bench.utils.errors import UserError

    if sheet is not None and annotation_only:
        raise UserError("--sheet shows pictures; leave out --annotation-only")
    dataset = load_dataset(
        name, data_root, split, label_set, images=not annotation_only, partial=partial
    )
    if sheet is not None:
        from clear_bench.data.contact_sheet import attribute_sheet

        attribute_sheet(dataset, sheet)
        print(f"{sheet}: pictures of each attribute")
    answer(
        dataset,
        find_source(name),
        images=not annotation_only,
        partial=partial,
        long=everything,
    )


@app.command()
def new(
    root: Annotated[Path, typer.Argument(metavar="DIR", help="folder of your pictures")],
    origin: Annotated[
        str, typer.Option("--from", help="annotation to take over: a table's file, or a data set")
    ] = "",
    attributes: Annotated[str, typer.Option(help="columns to fill in: hat,backpack,...")] = "",
    split: Annotated[str, typer.Option(help="with --from of a data set: its partition")] = "",
    plugins: Plugins = None,
) -> None:
    """Begin a data set of your own: write labels.csv and attributes.yaml, ready to fill in.

    The rows are the pictures below DIR; a table (--from) may be separated by commas, semicolons,
    tabs or bars, and call its columns otherwise.  Nothing that is there is overwritten.
    """
    from clear_bench.data.new import begin

    names = [name.strip() for name in attributes.split(",") if name.strip()]
    pictures, columns, said = begin(root, origin, names, split)
    print("".join(f"{line}\n" for line in said), end="")
    print(
        f"{root / 'labels.csv'}: {pictures} pictures, {columns} attributes; {root}/attributes.yaml"
    )
    print(f"fill them in, then: python -m clear_bench.data verify csv --data-root {root}")


@app.command()
def sheet(
    name: Name,
    out: Annotated[Path, typer.Option(help="picture to write")],
    data_root: Root = None,
    part: Annotated[str, typer.Option(help="train, val or test")] = "train",
    count: Annotated[int, typer.Option(min=1, max=10_000, help="images on it")] = 96,
    plugins: Plugins = None,
) -> None:
    """Write a contact sheet: images spread evenly over a split, in manifest order."""
    from clear_bench.data.contact_sheet import contact_sheet
    from clear_bench.data.load import load_dataset

    contact_sheet(load_dataset(name, data_root), part, count, out)
    print(out)


if __name__ == "__main__":
    main(app)
