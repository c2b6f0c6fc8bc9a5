"""Somebody's own pictures: a folder with ``labels.csv`` and ``attributes.yaml``."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clear_bench.data.load import load_dataset
from clear_bench.utils.errors import UserError

Table = list[list[str]]

COLUMNS = ["hat", "long_hair", "backpack", "bag", "female", "red_top", "blue_top", "young"]
YAML = """\
hat: {slot: wearing, present: a hat}
long_hair: {present: long hair, absent: short hair, opposite: true}
backpack: {slot: carrying, present: a backpack}
bag: {slot: carrying, present: a bag}
female: {slot: person, present: woman, absent: man, opposite: true}
red_top: {slot: wearing, present: a red top, group: top}
blue_top: {slot: wearing, present: a blue top, group: top}
young: {slot: age, present: young, absent: not young}
"""


def write_pictures(root: Path, count: int = 80) -> list[str]:
    """Write small pictures into two folders and return their paths."""
    rng = np.random.default_rng(3)
    paths = [f"images/{'left' if k % 2 else 'right'}/{k:04d}.png" for k in range(count)]
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (16, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / path)
    return paths


def labels_of(persons: int) -> np.ndarray:
    """Return labels ``(persons, A)`` of 0 and 1, at most one top of each."""
    labels = np.random.default_rng(4).integers(0, 2, (persons, len(COLUMNS)))
    labels[:, 6] *= 1 - labels[:, 5]
    return labels


def write_csv(root: Path, count: int = 80, views: int = 2) -> None:
    """Write a folder of ``count`` pictures, ``views`` of each person, without splits."""
    labels = labels_of(-(-count // views))
    lines = [",".join(["path", "person", "camera", *COLUMNS])]
    for k, path in enumerate(write_pictures(root, count)):
        person, view = divmod(k, views)
        lines.append(",".join([path, f"p{person}", str(view), *map(str, labels[person])]))
    (root / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "attributes.yaml").write_text(YAML, encoding="utf-8")


def rows(root: Path) -> Table:
    """Return the lines of a folder's table, cell by cell."""
    return [line.split(",") for line in (root / "labels.csv").read_text("utf-8").splitlines()]


def write(root: Path, table: Table) -> None:
    """Write such lines."""
    (root / "labels.csv").write_text("".join(",".join(row) + "\n" for row in table), "utf-8")


def edit(row: int, column: str, value: str) -> Callable[[Table], None]:
    """Return what puts a value into one cell."""

    def change(table: Table) -> None:
        table[row][table[0].index(column)] = value

    return change


def insert(column: str, values: Sequence[str]) -> Callable[[Table], None]:
    """Return what adds a column, of some values over and over."""

    def change(table: Table) -> None:
        for k, row in enumerate(table):
            row.append(column if not k else values[k % len(values)])

    return change


def complaint(root: Path, **options: Any) -> str:
    """Return the one line that reading ends with, which names a file of the folder."""
    with pytest.raises(UserError) as caught:
        load_dataset("csv", root, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert str(root) in line
    return line
