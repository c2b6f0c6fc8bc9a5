"""PETA's labels, persons and partitions, from whichever annotation a copy has.

``PETA.mat`` is the official one.  Without it, ``dataset_all.pkl`` of the field's code gives labels
and partitions, and the two lists of ALM's code (``PETA_train_list.txt``, ``PETA_test_list.txt``)
the 35 evaluated labels, persons and a partition of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.reading.field_pickles import FILE, read_field_pickle
from clear_bench.data.reading.matfile import (
    check_labels,
    load_struct,
    member,
    only_struct,
    person_numbers,
    texts,
    whole_numbers,
)
from clear_bench.data.reading.release_files import Tree, pick
from clear_bench.data.reading.text_lists import read_list
from clear_bench.data.sets import peta_folders
from clear_bench.data.sets.peta_labels import EVALUATED, NAMES
from clear_bench.utils.errors import UserError

ATTRIBUTES = len(NAMES)
PARTITIONS = 5
AGAIN = "get the official release again"
LISTS = {"train": ("PETA_train_list.txt", "train.txt"), "test": ("PETA_test_list.txt", "test.txt")}

Rows = dict[str, NDArray[np.intp]]


@dataclass(frozen=True)
class Annotation:
    """What one annotation says of the numbered images.

    Args:
        path: Its file.
        labels: ``(N, 105)`` in the order of `NAMES`; only the first ``known`` columns are real.
        persons: ``N`` persons as text; None if it has none.
        evaluated: Gives the columns of the evaluated attributes, in the file's order.
        partition: Gives the rows of train, val and test under one of the official partitions.
        known: How many columns of ``labels`` it has.
    """

    path: Path
    labels: NDArray[np.uint8]
    persons: list[str] | None
    evaluated: Callable[[], NDArray[np.intp]]
    partition: Callable[[int], Rows]
    known: int = ATTRIBUTES


def find_annotation(tree: Tree, count: int | None) -> Annotation:
    """Return the annotation of a copy: ``PETA.mat``, else the field's pickle, else ALM's lists.

    Args:
        tree: The copy.
        count: How many images it must have; None for any number.

    Raises:
        UserError: If there is none, or it is broken or of another size.
    """
    if not tree.named("PETA.mat"):
        if tree.named(FILE):
            return pick(tree, [FILE], partial(_from_pickle, count=count), AGAIN)[1]
        if all(tree.named(*names) for names in LISTS.values()):
            return _from_lists(tree, count)
    return pick(tree, ["PETA.mat"], partial(_from_mat, count=count), AGAIN)[1]


def persons_of(path: Path) -> list[str]:
    """Return the person of each image of a ``PETA.mat``."""
    data = member(load_struct(path, "peta"), "data", path)
    return person_numbers(data[:, 1], str(path))


def alm_partition(tree: Tree) -> NDArray[np.str_]:
    """Return ``train`` or ``test`` of each image, in number order, under ALM's lists.

    The two lists name every picture of the ten folders, so that their order gives the numbers.

    Raises:
        UserError: If a list is missing or broken, or a picture is in it twice.
    """
    return _listed(tree)[2]


def _from_mat(path: Path, count: int | None) -> Annotation:
    """Return what ``PETA.mat`` says, its columns checked by name."""
    content = load_struct(path, "peta")
    data = member(content, "data", path)
    names = texts(member(content, "attribute", path), f"{path}: attribute")
    shape = (len(data) if count is None else count, 4 + ATTRIBUTES)
    if data.shape != shape or len(names) != ATTRIBUTES:
        raise UserError(
            f"{path}: data is {data.shape} with {len(names)} attribute names, must be "
            f"{shape} with {ATTRIBUTES}; {AGAIN}"
        )
    moved = [(a, b) for a, b in zip(names, NAMES, strict=True) if a != b]
    if moved:
        raise UserError(
            f"{path}: attribute '{moved[0][0]}' stands where the official release has "
            f"'{moved[0][1]}'; {AGAIN}"
        )
    check_labels(data[:, 4:], names, 1, str(path))

    def evaluated() -> NDArray[np.intp]:
        cells = member(content, "selected_attribute", path)
        chosen = whole_numbers(cells.reshape(-1), f"{path}: selected_attribute") - 5
        if sorted(chosen) != list(range(len(EVALUATED))):
            raise UserError(
                f"{path}: selected_attribute must name the {len(EVALUATED)} evaluated attributes, "
                f"columns 5 to {4 + len(EVALUATED)}; {AGAIN}"
            )
        return chosen

    def partition(number: int) -> Rows:
        cells = member(content, "partion_attribute", path).reshape(-1)  # spelt so in the file
        if len(cells) != PARTITIONS:
            raise UserError(f"{path}: {len(cells)} partitions, must be {PARTITIONS}; {AGAIN}")
        where = f"{path}: partition {number}"
        parts = only_struct(cells[number], where)
        return {
            p: whole_numbers(member(parts, p, path), where) - 1 for p in ("train", "val", "test")
        }

    persons = person_numbers(data[:, 1], str(path))
    return Annotation(path, data[:, 4:].astype(np.uint8), persons, evaluated, partition)


def _from_pickle(path: Path, count: int | None) -> Annotation:
    """Return what the field's pickle says."""
    content = read_field_pickle(path)
    labels = content.columns(NAMES, 1).astype(np.uint8)
    numbers = [f"{k + 1:05d}" for k in range(len(labels) if count is None else count)]
    if [PurePosixPath(name).stem for name in content.names] != numbers:
        raise UserError(f"{path}: does not list images 00001 to {len(numbers):05d}; {AGAIN}")
    return Annotation(
        path,
        labels,
        None,
        lambda: np.arange(len(EVALUATED)),
        partial(content.parts, ("train", "val", "test")),
    )


def _from_lists(tree: Tree, count: int | None) -> Annotation:
    """Return what ALM's lists say."""
    pictures, evaluated, _, path = _listed(tree)
    if count is not None and len(pictures) != count:
        raise UserError(f"{path}: {len(pictures)} images with the other list, must be {count}")
    labels = np.zeros((len(pictures), ATTRIBUTES), np.uint8)
    labels[:, : len(EVALUATED)] = evaluated
    persons = peta_folders.person_numbers(pictures)

    def partition(_: int) -> Rows:
        raise UserError(
            f"{path}: ALM's lists have no official partition, PETA.mat does; put it there or use "
            "split alm or ids0"
        )

    every = np.arange(len(EVALUATED))
    return Annotation(path, labels, persons, lambda: every, partition, known=len(EVALUATED))


Listed = tuple[list[peta_folders.Picture], NDArray[np.uint8], NDArray[np.str_], Path]


def _listed(tree: Tree) -> Listed:
    """Return pictures, labels ``(N, 35)`` and part of ALM's two lists, in number order."""
    pictures: list[peta_folders.Picture] = []
    labels, parts = [], []
    for part, names in LISTS.items():
        path, (listed, values) = pick(
            tree, names, partial(read_list, names=EVALUATED), "get the lists of ALM's code"
        )
        pictures += [peta_folders.picture_of(name, path) for name in listed]
        labels.append(values)
        parts += [part] * len(listed)
    order = sorted(range(len(pictures)), key=lambda k: peta_folders.place_of(pictures[k]))
    places = [peta_folders.place_of(pictures[k]) for k in order]
    for k, one, other in zip(order[1:], places[:-1], places[1:], strict=True):
        if one == other:
            raise UserError(f"{path}: {pictures[k].path} is in the two lists twice")
    table = np.concatenate(labels)[order]
    return [pictures[k] for k in order], table, np.array(parts)[order], path
