"""What RAP's two releases share: names in English, the rule for unsure labels, names of pictures.

RAP labels are 0, 1 or 2, where 2 says that the annotator was unsure.  What becomes of a 2 is part
of the label set: under ``51`` and ``54`` it counts as 0, as in the field's code; under
``51-unsure1`` and ``54-unsure1`` it counts as 1.

Pictures are called ``CAM01_2014-02-15_20140215161032-20140215162620_tarid0_frame218_line1.png``:
camera, day, clip, number of the person in the clip, frame.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.reading.picture_files import find_pictures, first_folder
from clear_bench.data.schema import Attribute, Schema, Slot
from clear_bench.utils.errors import UserError

ANNOTATION = ("RAP_annotation/RAP_annotation.mat", "RAP_annotation.mat")
PICTURE = re.compile(r"(CAM\d+)_.*?_?(\d+-\d+)_tarid(\d+)_.*", re.IGNORECASE)
UNSURE = "-unsure1"

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


def find_annotation(root: Path) -> Path:
    """Return ``RAP_annotation.mat``, where it is or should be."""
    return next((root / p for p in ANNOTATION if (root / p).is_file()), root / ANNOTATION[0])


def decided(labels: NDArray[np.integer], label_set: str) -> NDArray[np.uint8]:
    """Return labels of 0 and 1: an unsure 2 becomes what the label set says."""
    return np.where(labels == 2, int(label_set.endswith(UNSURE)), labels).astype(np.uint8)


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


def find_images(root: Path, names: Sequence[str], again: str) -> list[str]:
    """Return the paths of pictures named in the annotation, relative to the release."""
    folder = first_folder(root, ("RAP_dataset",), again)
    return find_pictures(root, folder, [Path(name).stem for name in names], again)
