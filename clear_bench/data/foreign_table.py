"""Somebody's table of labels, with column names and separators of its own, as an annotation.

What a column is follows from its name and its texts; every decision is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clear_bench.data.dataset import SPLITS
from clear_bench.data.reading.csv_table import SEPARATORS, read_table
from clear_bench.utils.errors import UserError

ROLES = {
    "path": ("path", "image_path", "img_path", "file", "file_name", "filename", "image", "img",
             "picture", "name"),
    "split": ("split", "subset", "set", "partition", "phase"),
    "person": ("person", "person_id", "pid", "identity", "id"),
    "camera": ("camera", "camera_id", "cam", "camid", "cam_id"),
}  # fmt: skip
"""Role of a column to its usual names in small letters, the best first."""

TRUTH = {"1": "1", "1.0": "1", "true": "1", "yes": "1", "0": "0", "0.0": "0", "false": "0",
         "no": "0", "": ""}  # fmt: skip
SPLIT_OF = {**{name: name for name in SPLITS}, "training": "train", "validation": "val",
            "valid": "val", "testing": "test", "": ""}  # fmt: skip
MOST_VALUES = 20
"""Different texts that a column of kinds may have."""


@dataclass
class Annotation:
    """What ``labels.csv`` will hold.

    Args:
        paths: Of the pictures.
        facts: ``split``, ``person`` and ``camera`` of each picture, "" if not known.
        labels: Attribute to the label of each picture: "1", "0" or "".
        group_of: Attribute to its exclusive group.
        phrase_of: Attribute to its English, where its name is not that.
        said: A line for each decision.
    """

    paths: list[str]
    facts: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    group_of: dict[str, str] = field(default_factory=dict)
    phrase_of: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


def read_foreign(file: Path, pictures: Sequence[str]) -> Annotation:
    """Return what a table says of pictures.

    Args:
        file: The table; commas, semicolons, tabs or bars stand between its columns.
        pictures: Paths that there are; the table may name them by their last part alone.

    Raises:
        UserError: If it names no column of pictures, or a picture that is not there or is two.
    """
    header, rows = read_table(file, _separator(file))
    columns = {name: [cells[k] for _, cells in rows] for k, name in enumerate(header)}
    roles = _roles(header)
    if "path" not in roles:
        raise UserError(
            f"{file}: no column is called as pictures are ({', '.join(ROLES['path'][:6])}, ..); it "
            f"has {', '.join(header[:6])[:200]}; rename one to path"
        )
    lines = [line for line, _ in rows]
    found = Annotation(_found(columns[roles["path"]], pictures, lines, file))
    found.said = [f"column '{name}' is {role}" for role, name in roles.items() if name != role]
    for role in ("person", "camera"):
        if role in roles:
            found.facts[role] = columns[roles[role]]
    if "split" in roles:
        found.facts["split"] = _splits(columns[roles["split"]], lines, file)
    for name in header:
        if name not in roles.values():
            _take(found, name, columns[name])
    return found


def _separator(file: Path) -> str:
    """Return what stands between the columns of a table: what its first line has most of."""
    if not file.is_file():
        raise UserError(f"{file}: no such file")
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        first = stream.readline(1 << 20)
    return max([",", *SEPARATORS], key=first.count)


def _roles(header: Sequence[str]) -> dict[str, str]:
    """Return role -> the column that has it."""
    small = {name.lower(): name for name in reversed(header)}
    return {
        role: small[next(name for name in names if name in small)]
        for role, names in ROLES.items()
        if any(name in small for name in names)
    }


def _found(
    names: Sequence[str], pictures: Sequence[str], lines: Sequence[int], file: Path
) -> list[str]:
    """Return the path of each picture that a table names."""
    by_name: dict[str, list[str]] = {}
    for path in pictures:
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    there, paths = set(pictures), []
    for name, line in zip(names, lines, strict=True):
        fits = [name] if name in there else by_name.get(name.rpartition("/")[2], [])
        if len(fits) != 1:
            what = f"{len(fits)} pictures of that name" if fits else "no such picture"
            raise UserError(f"{file}: line {line}: {name[:120]}: {what} in the folder")
        paths += fits
    return paths


def _splits(texts: Sequence[str], lines: Sequence[int], file: Path) -> list[str]:
    """Return the splits of some rows as they are called here."""
    for text, line in zip(texts, lines, strict=True):
        if text.lower() not in SPLIT_OF:
            raise UserError(
                f"{file}: line {line}: split '{text[:60]}', must be {', '.join(SPLITS)} or empty"
            )
    return [SPLIT_OF[text.lower()] for text in texts]


def _take(found: Annotation, name: str, texts: Sequence[str]) -> None:
    """Take a column as an attribute, as a group of them, or leave it out and say so."""
    small = [text.lower() for text in texts]
    if set(small) <= set(TRUTH):
        found.labels[name] = [TRUTH[text] for text in small]
        return
    values = sorted({text for text in texts if text})
    numbers = all(value.replace(".", "", 1).lstrip("-").isdigit() for value in values)
    if len(values) > MOST_VALUES or numbers:
        what = "numbers" if numbers else f"{len(values)} different texts"
        found.said.append(f"column '{name}' is left out: {what}, neither yes or no nor a few kinds")
        return
    found.said.append(f"column '{name}' becomes {len(values)} attributes that exclude each other")
    for value in values:
        attribute = f"{name}_{value.replace(' ', '_')}"
        found.labels[attribute] = ["" if not text else str(int(text == value)) for text in texts]
        found.group_of[attribute] = name
        found.phrase_of[attribute] = f"{value} {name}".replace("_", " ")
