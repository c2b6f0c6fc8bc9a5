"""Begin a data set of one's own: ``labels.csv`` and ``attributes.yaml``, ready to be filled in."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clear_bench.data.dataset import COLUMNS, UNKNOWN, Dataset
from clear_bench.data.foreign_table import Annotation, read_foreign
from clear_bench.data.load import load_dataset
from clear_bench.data.reading.csv_table import CONTROL
from clear_bench.data.reading.picture_files import SUFFIXES, is_picture
from clear_bench.data.reading.release_files import look_through
from clear_bench.data.schema import Attribute, Schema
from clear_bench.data.sets.csv import ALONE, FILE, check_name, inside, missing_pictures
from clear_bench.data.sets.csv_attributes import FILE as PHRASES
from clear_bench.data.sets.csv_attributes import attribute_of
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import write_text

USUAL = {
    "female": {"slot": "person", "present": "woman", "absent": "man", "opposite": "true"},
    "long_hair": {"present": "long hair", "absent": "short hair", "opposite": "true"},
    "hat": {"slot": "wearing", "present": "a hat"},
    "backpack": {"slot": "carrying", "present": "a backpack"},
    "bag": {"slot": "carrying", "present": "a bag"},
}
"""Attributes to begin with, where nobody says any; and what the same names mean elsewhere."""

HEAD = """\
# What the columns of labels.csv mean.  All but the names may be left out.
#   slot: where the words stand in a sentence: age (young), person (woman), with (long hair),
#         wearing (a hat), carrying (a bag) or doing (making a phone call)
#   present, absent: English for 1 and for 0, read after the slot's own word
#   opposite: true where 0 is a value of its own, as "man" or "short hair"
#   group: attributes of one group exclude each other
"""


def begin(
    root: Path, origin: str = "", attributes: Sequence[str] = (), split: str = ""
) -> tuple[int, int, list[str]]:
    """Write both files into a folder of pictures.

    Args:
        root: The folder.
        origin: An annotation to take over: a table's file, or the name of a data set whose release
            lies in ``root``; "" for none, so that all is still to be said.
        attributes: Names of the columns to fill in, beside those of ``origin``.
        split: Of the data set ``origin``.

    Returns:
        How many pictures and attributes there are, and a line for each decision.

    Raises:
        UserError: If a file is there already, there are no pictures, or a name cannot be one.
    """
    for name in (FILE, PHRASES):
        if (root / name).exists():
            raise UserError(f"{root / name}: is there already, nothing was written; move it away")
    if origin and not Path(origin).is_file():
        dataset = load_dataset(origin, root, split)
        found, known = _of_dataset(dataset), dataset.schema.attributes
    else:
        pictures = _pictures(root)
        found = read_foreign(Path(origin), pictures) if origin else Annotation(pictures)
        known = ()
    for name in attributes or ([] if origin else USUAL):
        if name in found.labels:
            raise UserError(f"attribute '{name}' is there already; leave it out of --attributes")
        found.labels[name] = [""] * len(found.paths)
    for name in found.labels:
        check_name(name, root / FILE)
    if not found.labels:
        raise UserError(f"{origin}: no column is an attribute; name some with --attributes")
    schema = _schema(found, {attribute.name: attribute for attribute in known})
    missing_pictures(root, found.paths, range(2, len(found.paths) + 2))
    write_text(root / PHRASES, HEAD + _yaml(schema))
    write_text(root / FILE, _csv(found))
    return len(found.paths), len(found.labels), found.said


def _pictures(root: Path) -> list[str]:
    """Return the pictures below a folder, in order of path."""
    paths = sorted(
        f"{folder}/{name}".removeprefix("/")
        for folder, names in look_through(root).folders.items()
        for name in names
        if is_picture(name)
    )
    if not paths:
        raise UserError(f"{root}: no pictures in it ({', '.join(SUFFIXES)}); put them there first")
    for path in paths:
        # A name that begins like a formula would be one in a spreadsheet.
        if not inside(path) or CONTROL.search(path) or path.strip() != path or path[0] in "=@":
            raise UserError(f"{root}: {path!a}: a name that cannot stand in a table; rename it")
        if not path.isprintable():
            raise UserError(f"{root}: {path!a}: a name that cannot be printed; rename it")
    return paths


def _of_dataset(dataset: Dataset) -> Annotation:
    """Return the annotation of a data set that a reader knows."""
    table = dataset.manifest
    facts = {column: table[column].astype(str).tolist() for column in COLUMNS[1:]}
    facts["person"] = ["" if p.startswith(ALONE) else p for p in facts["person"]]
    words = {0: "0", 1: "1", UNKNOWN: ""}
    labels = {
        name: [words[int(value)] for value in dataset.labels[:, column]]
        for column, name in enumerate(dataset.schema.names)
    }
    return Annotation(table["path"].tolist(), facts, labels)


def _schema(found: Annotation, known: Mapping[str, Attribute]) -> Schema:
    """Return what the columns mean, as far as that is known or usual."""
    attributes = []
    for name in found.labels:
        said = dict(USUAL.get(name, {}))
        if name in found.group_of:
            said = {"group": found.group_of[name], "present": found.phrase_of[name]}
        attributes.append(known.get(name) or attribute_of(name, said))
    return Schema(tuple(attributes))


def _yaml(schema: Schema) -> str:
    """Return a schema as `csv_attributes` reads it."""
    import yaml

    content: dict[str, dict[str, Any]] = {}
    for attribute in schema.attributes:
        said = asdict(attribute)
        name = said.pop("name")
        content[name] = {k: v for k, v in said.items() if v not in ("", False)}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _csv(found: Annotation) -> str:
    """Return an annotation as `csv` reads it; spreadsheets know by the mark that it is UTF-8."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*COLUMNS, *found.labels])
    nothing = [""] * len(found.paths)
    facts = [found.facts.get(column, nothing) for column in COLUMNS[1:]]
    writer.writerows(zip(found.paths, *facts, *found.labels.values(), strict=True))
    text = stream.getvalue()
    return text if text.isascii() else f"\ufeff{text}"
