"""What RAP's two releases share: names in English, the rule for unsure labels, names of pictures.

RAP labels are 0, 1 or 2, where 2 says that the annotator was unsure.  What becomes of a 2 is part
of the label set: under ``51`` and ``54`` it counts as 0, as in the field's code; under
``51-unsure1`` and ``54-unsure1`` it counts as 1; under ``51-unsure-masked`` and
``54-unsure-masked`` it is unknown, see `clear_bench.data.unknown_labels`.

Pictures are called ``CAM01_2014-02-15_20140215161032-20140215162620_tarid0_frame218_line1.png``:
camera, day, clip, number of the person in the clip, frame.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.reading.field_pickles import FILE, FieldPickle, read_field_pickle
from clear_bench.data.reading.picture_files import find_pictures
from clear_bench.data.reading.release_files import Tree, pick
from clear_bench.data.schema import Attribute, Schema, Slot
from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.utils.errors import UserError

ANNOTATION = "RAP_annotation.mat"
PICTURE = re.compile(r"(CAM\d+)_.*?_?(\d+-\d+)_tarid(\d+)_.*", re.IGNORECASE)
UNSURE = {"": 0, "-unsure1": 1, "-unsure-masked": UNKNOWN}
"""What a label set's name ends with to what an unsure 2 becomes under it."""

WORDS: dict[str, tuple[Slot, str]] = {
    "AgeLess16": ("age", "very young"),
    "Age17-30": ("age", "young"),
    "Age31-45": ("age", "adult"),
    "Age46-60": ("age", "middle-aged"),
    "BodyFat": ("with", "a stout body"),
    "BodyNormal": ("with", "a normal build"),
    "BodyThin": ("with", "a thin body"),
    "Customer": ("doing", "shopping as a customer"),
    "Clerk": ("doing", "working as a clerk"),
    "Employee": ("doing", "working as an employee"),
    "hs-BaldHead": ("with", "a bald head"),
    "hs-LongHair": ("with", "long hair"),
    "hs-BlackHair": ("with", "black hair"),
    "hs-Hat": ("wearing", "a hat"),
    "hs-Glasses": ("wearing", "glasses"),
    "hs-Muffler": ("wearing", "a muffler"),
    "ub-Shirt": ("wearing", "a shirt"),
    "ub-Sweater": ("wearing", "a sweater"),
    "ub-Vest": ("wearing", "a vest"),
    "ub-TShirt": ("wearing", "a t-shirt"),
    "ub-Cotton": ("wearing", "a padded cotton coat"),
    "ub-Jacket": ("wearing", "a jacket"),
    "ub-SuitUp": ("wearing", "a suit jacket"),
    "ub-Tight": ("wearing", "a tight top"),
    "ub-ShortSleeve": ("wearing", "short sleeves"),
    "ub-Others": ("wearing", "an unusual top"),
    "lb-LongTrousers": ("wearing", "long trousers"),
    "lb-Skirt": ("wearing", "a skirt"),
    "lb-ShortSkirt": ("wearing", "a short skirt"),
    "lb-Dress": ("wearing", "a dress"),
    "lb-Jeans": ("wearing", "jeans"),
    "lb-TightTrousers": ("wearing", "tight trousers"),
    "shoes-Leather": ("wearing", "leather shoes"),
    "shoes-Sport": ("wearing", "sports shoes"),
    "shoes-Sports": ("wearing", "sports shoes"),
    "shoes-Boots": ("wearing", "boots"),
    "shoes-Cloth": ("wearing", "cloth shoes"),
    "shoes-Casual": ("wearing", "casual shoes"),
    "shoes-Other": ("wearing", "unusual shoes"),
    "Backpack": ("carrying", "a backpack"),
    "SingleShoulderBag": ("carrying", "a shoulder bag"),
    "ShoulderBag": ("carrying", "a shoulder bag"),
    "HandBag": ("carrying", "a handbag"),
    "Box": ("carrying", "a box"),
    "PlasticBag": ("carrying", "a plastic bag"),
    "PaperBag": ("carrying", "a paper bag"),
    "HandTrunk": ("carrying", "a hand trunk"),
    "Other": ("carrying", "an unusual item"),
    "action-Calling": ("doing", "making a phone call"),
    "action-Talking": ("doing", "talking"),
    "action-Gathering": ("doing", "standing in a group"),
    "action-Holding": ("doing", "holding something"),
    "action-Pusing": ("doing", "pushing something"),
    "action-Pushing": ("doing", "pushing something"),
    "action-Pulling": ("doing", "pulling something"),
    "action-CarrybyArm": ("doing", "carrying something by the arm"),
    "action-CarryingByArm": ("doing", "carrying something by the arm"),
    "action-CarrybyHand": ("doing", "carrying something by hand"),
    "action-CarryingByHand": ("doing", "carrying something by hand"),
    "action-Other": ("doing", "something unusual"),
}
"""Label to slot and English; what is carried is called ``attach-`` or ``attachment-`` before it."""


def attribute(name: str) -> Attribute:
    """Return the meaning of a selected label of either release."""
    if name == "Female":
        return Attribute(name, "person", "woman", "man", opposite=True)
    slot, present = WORDS[re.sub(r"^attach(ment)?-", "", name)]
    bare = present.removeprefix("a ").removeprefix("an ")
    absent = f"not {bare}" if slot in ("age", "doing") else f"no {bare}"
    return Attribute(name, slot, present, absent, group="age" if slot == "age" else "")


def schema_of(names: Sequence[str]) -> Schema:
    """Return the schema of selected labels."""
    return Schema(tuple(attribute(name) for name in names))


@dataclass(frozen=True)
class Annotation:
    """What one annotation of either release says.

    Args:
        path: Its file.
        names: ``N`` file names of pictures.
        labels: ``(N, A)`` of the selected labels: 0, 1 and 2.
        partition: Gives the rows of each part under one of the official partitions.
        persons: ``(N,)`` numbers of persons, below 1 where there is none; None if it has none.
    """

    path: Path
    names: list[str]
    labels: NDArray[np.integer]
    partition: Callable[[int], dict[str, NDArray[np.intp]]]
    persons: NDArray[np.intp] | None = None


def find_annotation(
    tree: Tree,
    from_mat: Callable[[Path], Annotation],
    selected: Sequence[str],
    parts: Sequence[str],
    count: int | None,
    again: str,
) -> Annotation:
    """Return the annotation of a copy: ``RAP_annotation.mat``, else the field's pickle.

    Args:
        tree: The copy; where it holds both releases, the file of the other one is left.
        from_mat: Reads the official file, or raises `UserError` if it is the other release's.
        selected: The evaluated labels.
        parts: What the pickle calls the parts of a partition.
        count: How many images there must be; None for any number.
        again: What to do if there is none.

    Raises:
        UserError: If there is none, or it is broken, of another size or another release's.
    """
    if tree.named(FILE) and not tree.named(ANNOTATION):
        return pick(
            tree,
            [FILE],
            lambda path: _from_pickle(read_field_pickle(path), selected, parts, count, again),
            again,
        )[1]
    return pick(tree, [ANNOTATION], from_mat, again)[1]


def _from_pickle(
    content: FieldPickle, selected: Sequence[str], parts: Sequence[str], count: int | None,
    again: str,
) -> Annotation:  # fmt: skip
    """Return what the field's pickle says; its ``trainval`` is called ``train`` here."""
    if count is not None and len(content.names) != count:
        raise UserError(f"{content.path}: {len(content.names)} images, must be {count}; {again}")
    labels = content.columns(selected, 2)

    def partition(number: int) -> dict[str, NDArray[np.intp]]:
        found = content.parts(parts, number)
        return {part.removesuffix("val") or part: rows for part, rows in found.items()}

    return Annotation(content.path, content.names, labels, partition)


def label_sets(*names: str) -> tuple[str, ...]:
    """Return the label sets of some choices of attributes, each by every rule for unsure labels."""
    return (*names, *(name + rule for rule in list(UNSURE)[1:] for name in names))


def decided(labels: NDArray[np.integer], label_set: str) -> NDArray[np.uint8]:
    """Return labels of 0, 1 and `UNKNOWN`: an unsure 2 becomes what the label set says."""
    _, dash, rule = label_set.partition("-")
    return np.where(labels == 2, UNSURE[dash + rule], labels).astype(np.uint8)


def check_names(given: Sequence[str], wanted: Sequence[str], path: Path, again: str) -> None:
    """Raise a `UserError` unless the selected labels are the official ones, in order."""
    wrong = [pair for pair in zip(given, wanted, strict=False) if pair[0] != pair[1]]
    if wrong or len(given) != len(wanted):
        said = f"'{wrong[0][0]}' for '{wrong[0][1]}'" if wrong else f"{len(given)} of them"
        raise UserError(
            f"{path}: selected attributes are not those of this release: {said}; {again}"
        )


def tracks(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return track and camera of each picture, from its name.

    A track is one person in one clip, the best identity that a name gives; a picture of another
    name is a track of its own.
    """
    ids, cameras = [], []
    for name in names:
        match = PICTURE.fullmatch(name)
        camera = match[1].upper() if match else ""
        ids.append(f"{camera}/{match[2]}/{match[3]}" if match else name)
        cameras.append(camera)
    return ids, cameras


def find_images(
    tree: Tree, names: Sequence[str], again: str, *, partial: bool = False
) -> list[str]:
    """Return the paths of pictures named in the annotation, relative to the release."""
    stems = [Path(name).stem for name in names]
    return find_pictures(tree, stems, again, usual=["RAP_dataset"], partial=partial)
