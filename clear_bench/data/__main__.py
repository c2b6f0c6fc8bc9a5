"""Data sets: ``python -m clear_bench.data list | prepare | verify | sheet``."""

from pathlib import Path
from typing import Annotated

import typer

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
def list_sources() -> None:
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
) -> None:
    """Make an embedded data set if it is not there; write schema and manifest of any."""
    from clear_bench.data.load import load_dataset

    dataset = load_dataset(name, data_root, split, label_set)
    folder = out / name / f"{dataset.split_name}-{dataset.label_set}"
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
) -> None:
    """Compare a copy with the official release; status 2 and a list if something is wrong."""
    from rich.console import Console
    from rich.table import Table

    from clear_bench.data.load import find_source, load_dataset
    from clear_bench.data.verify import verify as check
    from clear_bench.utils.errors import UserError

    dataset = load_dataset(name, data_root, split, label_set, images=not annotation_only)
    official = find_source(name).official.get(f"{dataset.split_name}/{dataset.label_set}", {})
    findings = check(dataset, official, images=not annotation_only)
    title = f"{name}, split {dataset.split_name}, label set {dataset.label_set}"
    table = Table("fact", "here", "official", title=title)
    for fact, count in findings.facts.items():
        table.add_row(fact, str(count), str(official.get(fact, "")))
    positives = Table("attribute", "train", "val", "test", title="positive images")
    for row in findings.attributes.itertuples():
        positives.add_row(*(str(value) for value in row))
    console = Console()
    console.print(table, positives)
    for line in [*findings.notes, *findings.wrong]:
        console.print(line, highlight=False, soft_wrap=True)
    if findings.wrong:
        raise UserError(f"{dataset.root}: {len(findings.wrong)} things are wrong, see above")
    print(f"{dataset.root}: nothing is wrong; {len(findings.notes)} things to know")


@app.command()
def sheet(
    name: Name,
    out: Annotated[Path, typer.Option(help="picture to write")],
    data_root: Root = None,
    part: Annotated[str, typer.Option(help="train, val or test")] = "train",
    count: Annotated[int, typer.Option(min=1, help="images on it")] = 96,
) -> None:
    """Write a contact sheet: images spread evenly over a split, in manifest order."""
    from clear_bench.data.contact_sheet import contact_sheet
    from clear_bench.data.load import load_dataset

    contact_sheet(load_dataset(name, data_root), part, count, out)
    print(out)


if __name__ == "__main__":
    main(app)
