"""From the name of a data set to its data: find the folder, make the embedded one, read it."""

from dataclasses import replace
from pathlib import Path

from clear_bench.config.dataset_name import source_of
from clear_bench.data.dataset import Dataset, Source
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import made_once

HOME = Path("data")
SEED = 0  # of embedded data sets: there is one of each, like there is one PETA


def find_source(name: str) -> Source:
    """Return the source of that name.

    Raises:
        UserError: If there is none; the nearest names are said.
    """
    source: Source = source_of(name)
    return source


def usual_place(name: str, home: Path = HOME) -> Path:
    """Return where a data set is looked for: ``data/peta``, ``data/csv/shop``."""
    return home.joinpath(*name.split(":"))


def find_root(name: str, data_root: Path | None) -> Path:
    """Return the folder of a data set, after making it if it is an embedded one.

    Args:
        name: Key of the data set.
        data_root: Where the user has it; None looks at its `usual_place`.

    Raises:
        UserError: If it is not there; the message says how to obtain it.
    """
    source = find_source(name)
    root = data_root or usual_place(name)
    generate = source.generate
    if generate is not None and data_root is None:
        return made_once(root, lambda folder: generate(folder, SEED), derived=False)
    if not root.is_dir():
        raise UserError(
            f"{root}: no such folder; give {source.title} by --data-root DIR. To obtain it: "
            f"{source.obtain}"
        )
    return root


def load_dataset(
    name: str,
    data_root: Path | None = None,
    split: str = "",
    label_set: str = "",
    *,
    images: bool = True,
    partial: bool = False,
) -> Dataset:
    """Return a data set, read from its official files.

    Args:
        name: Key of the data set.
        data_root: See `find_root`.
        split: Name of the partition; "" is the data set's default.
        label_set: Name of the label set; "" is the data set's default.
        images: Whether the pictures are there; without, the annotation alone is read.
        partial: Whether some of them may be missing.

    Raises:
        UserError: For any name or file that is wrong.
    """
    source = find_source(name)
    root = find_root(name, data_root)
    read = source.read if images else source.annotation
    if read is None:
        raise UserError(f"{name}: has no annotation that could be read without its pictures")
    if partial and images:
        read = source.partial
        if read is None:
            raise UserError(f"{name}: is not read in part; leave out data.partial=true")
    dataset = read(root, split or source.splits[0], label_set or source.label_sets[0])
    official = source.official.get(f"{dataset.split_name}/{dataset.label_set}", {})
    if source.own:
        signed = (*dataset.signed, f"data:{dataset.checksum[:8]}")
        dataset = replace(dataset, name=name, signed=signed)
    count = len(dataset.manifest)
    if partial or (images and official.get("images", count) != count):
        return replace(dataset, partial=True)
    return dataset
