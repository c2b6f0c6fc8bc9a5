"""PETA: 19,000 images of 8,699 persons from ten sources; 35 of 105 binary labels are evaluated.

Files: ``PETA.mat`` and ``images/00001.png`` to ``images/19000.png`` (``.jpg`` reads as well), the
renumbered release that the field uses.

- *Label sets*: ``35`` are those that the file itself selects, in its order; ``105`` are all.
- *Splits*: ``random0`` to ``random4`` are the file's partitions.  They are random over images, so
  most test persons are in training too.
- *Persons* are the file's second column.  Cameras are not recorded.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clear_bench.data.dataset import COLUMNS, Dataset, Source
from clear_bench.data.matfile import load_struct, member, only_struct
from clear_bench.data.schema import Attribute, Schema, Slot
from clear_bench.errors import UserError, unknown

IMAGES, ATTRIBUTES, EVALUATED = 19000, 105, 35
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
SPLITS = tuple(f"random{k}" for k in range(5))
COLORS = ("Black", "Blue", "Brown", "Green", "Grey", "Orange", "Pink", "Purple", "Red", "White",
          "Yellow")  # fmt: skip
COLORED = {"upperBody": "upper clothing", "lowerBody": "lower clothing", "hair": "hair",
           "footwear": "footwear"}  # fmt: skip

AGES = {
    "personalLess15": "very young",
    "personalLess30": "young",
    "personalLess45": "adult",
    "personalLess60": "middle-aged",
    "personalLarger60": "elderly",
}

PHRASES: dict[str, tuple[Slot, str]] = {
    "carryingBackpack": ("carrying", "a backpack"),
    "carryingOther": ("carrying", "an unusual item"),
    "lowerBodyCasual": ("wearing", "casual lower clothing"),
    "upperBodyCasual": ("wearing", "casual upper clothing"),
    "lowerBodyFormal": ("wearing", "formal lower clothing"),
    "upperBodyFormal": ("wearing", "formal upper clothing"),
    "accessoryHat": ("wearing", "a hat"),
    "upperBodyJacket": ("wearing", "a jacket"),
    "lowerBodyJeans": ("wearing", "jeans"),
    "footwearLeatherShoes": ("wearing", "leather shoes"),
    "upperBodyLogo": ("wearing", "a top with a logo"),
    "carryingMessengerBag": ("carrying", "a messenger bag"),
    "accessoryMuffler": ("wearing", "a muffler"),
    "upperBodyPlaid": ("wearing", "a plaid top"),
    "carryingPlasticBags": ("carrying", "plastic bags"),
    "footwearSandals": ("wearing", "sandals"),
    "footwearShoes": ("wearing", "ordinary shoes"),
    "lowerBodyShorts": ("wearing", "shorts"),
    "upperBodyShortSleeve": ("wearing", "short sleeves"),
    "lowerBodyShortSkirt": ("wearing", "a short skirt"),
    "footwearSneaker": ("wearing", "sneakers"),
    "upperBodyThinStripes": ("wearing", "a thinly striped top"),
    "accessorySunglasses": ("wearing", "sunglasses"),
    "lowerBodyTrousers": ("wearing", "trousers"),
    "upperBodyTshirt": ("wearing", "a t-shirt"),
    "upperBodyOther": ("wearing", "an unusual top"),
    "upperBodyVNeck": ("wearing", "a v-neck"),
    "accessoryHeadphone": ("wearing", "headphones"),
    "carryingBabyBuggy": ("doing", "pushing a baby buggy"),
    "hairBald": ("with", "a bald head"),
    "footwearBoots": ("wearing", "boots"),
    "lowerBodyCapri": ("wearing", "capri trousers"),
    "carryingShoppingTro": ("doing", "pulling a shopping trolley"),
    "carryingUmbrella": ("carrying", "an umbrella"),
    "carryingFolder": ("carrying", "a folder"),
    "accessoryHairBand": ("wearing", "a hair band"),
    "lowerBodyHotPants": ("wearing", "hot pants"),
    "accessoryKerchief": ("wearing", "a kerchief"),
    "lowerBodyLongSkirt": ("wearing", "a long skirt"),
    "upperBodyLongSleeve": ("wearing", "long sleeves"),
    "lowerBodyPlaid": ("wearing", "plaid lower clothing"),
    "lowerBodyThinStripes": ("wearing", "thinly striped lower clothing"),
    "carryingLuggageCase": ("carrying", "a luggage case"),
    "upperBodyNoSleeve": ("wearing", "a sleeveless top"),
    "hairShort": ("with", "short hair"),
    "footwearStocking": ("wearing", "stockings"),
    "upperBodySuit": ("wearing", "a suit jacket"),
    "carryingSuitcase": ("carrying", "a suitcase"),
    "lowerBodySuits": ("wearing", "suit trousers"),
    "upperBodySweater": ("wearing", "a sweater"),
    "upperBodyThickStripes": ("wearing", "a thickly striped top"),
}
"""Slot and English of the plain binaries; what is missing here has a rule in `attribute`."""


def attribute(name: str, label_set: str) -> Attribute:
    """Return the meaning of a label of ``PETA.mat``."""
    if name in AGES:
        return Attribute(name, "age", AGES[name], f"not {AGES[name]}", group="age")
    if name == "personalMale":  # among all 105, "female" is a label of its own
        opposite = label_set == "35"
        return Attribute(name, "person", "man", "woman" if opposite else "not a man", opposite)
    if name == "personalFemale":
        return Attribute(name, "person", "woman", "not a woman")
    if name == "hairLong":
        return Attribute(name, "with", "long hair", "no long hair")
    if name == "accessoryNothing":
        return Attribute(name, "wearing", "no accessories", "accessories")
    if name == "carryingNothing":
        return Attribute(name, "carrying", "nothing", "something")
    if name in PHRASES:
        slot, present = PHRASES[name]
    else:
        slot, present = _colored(name)
    bare = present.removeprefix("a ").removeprefix("an ")
    return Attribute(name, slot, present, f"not {bare}" if slot == "doing" else f"no {bare}")


def _colored(name: str) -> tuple[Slot, str]:
    """Return slot and English of a colour label such as ``upperBodyBlack``."""
    for part, noun in COLORED.items():
        color = name.removeprefix(part)
        if color != name and color in COLORS:
            return "with" if part == "hair" else "wearing", f"{color.lower()} {noun}"
    raise UserError(f"PETA.mat: attribute '{name}' is none of PETA's 105; get the release again")


def read_peta(root: Path, split_name: str, label_set: str) -> Dataset:
    """Read a folder with ``PETA.mat`` and ``images/``.

    Args:
        root: The folder.
        split_name: One of `SPLITS`.
        label_set: ``"35"`` or ``"105"``.

    Raises:
        UserError: If a name is unknown, or a file is missing, broken or of another size.
    """
    if split_name not in SPLITS:
        raise unknown("split", split_name, SPLITS)
    if label_set not in ("35", "105"):
        raise unknown("label set", label_set, ["35", "105"])
    path = root / "PETA.mat"
    content = load_struct(path, "peta")
    data, names = _labels(content, path)
    chosen = _evaluated(content, path) if label_set == "35" else np.arange(ATTRIBUTES)
    schema = Schema(tuple(attribute(names[k], label_set) for k in chosen))
    labels = pd.DataFrame(data[:, 4:][:, chosen].astype(np.uint8), columns=schema.names)
    head = pd.DataFrame(
        {
            "path": _image_files(root / "images"),
            "split": _partition(content, SPLITS.index(split_name), path),
            "person": [str(p) for p in data[:, 1]],
            "camera": "",
        }
    )
    manifest = pd.concat([head[list(COLUMNS)], labels], axis=1)
    return Dataset("peta", split_name, label_set, root, schema, manifest)


def _labels(content: np.void, path: Path) -> tuple[NDArray[np.integer], list[str]]:
    """Return ``data`` ``(19000, 4 + 105)`` and the names of its label columns."""
    data = member(content, "data", path)
    cells = member(content, "attribute", path)
    if data.shape != (IMAGES, 4 + ATTRIBUTES) or cells.size != ATTRIBUTES:
        raise UserError(
            f"{path}: data is {data.shape} with {cells.size} attribute names, must be "
            f"{(IMAGES, 4 + ATTRIBUTES)} with {ATTRIBUTES}; get the official release again"
        )
    bad = np.argwhere(data[:, 4:] > 1)
    names = [str(cell.item()) for cell in cells.reshape(-1)]
    if len(bad):
        row, column = bad[0]
        raise UserError(
            f"{path}: image {row + 1:05d}: {names[column]} is {data[row, 4 + column]}, must be 0 "
            "or 1; get the official release again"
        )
    return data, names


def _evaluated(content: np.void, path: Path) -> NDArray[np.integer]:
    """Return the columns (from 0) of the evaluated attributes, in the file's order."""
    chosen = member(content, "selected_attribute", path).reshape(-1).astype(int) - 5
    if len(chosen) != EVALUATED or not np.isin(chosen, np.arange(ATTRIBUTES)).all():
        raise UserError(
            f"{path}: selected_attribute names {len(chosen)} columns, must be {EVALUATED} of the "
            f"label columns 5 to {4 + ATTRIBUTES}; get the official release again"
        )
    return chosen


def _partition(content: np.void, number: int, path: Path) -> NDArray[np.str_]:
    """Return the split of each image under one of the five partitions."""
    cells = member(content, "partion_attribute", path).reshape(-1)
    if len(cells) != len(SPLITS):
        raise UserError(f"{path}: {len(cells)} partitions, must be {len(SPLITS)}")
    parts = only_struct(cells[number], f"{path}: partition {number}")
    split = np.full(IMAGES, "", dtype="<U5")
    for part in ("train", "val", "test"):
        rows = member(parts, part, path).reshape(-1).astype(int) - 1
        if rows.min() < 0 or rows.max() >= IMAGES or (split[rows] != "").any():
            raise UserError(f"{path}: partition {number}: {part} has an image twice or unknown")
        split[rows] = part
    if (split == "").any():
        raise UserError(f"{path}: partition {number}: {(split == '').sum()} images in no part")
    return split


def _image_files(folder: Path) -> list[str]:
    """Return the path of each numbered image, relative to the release."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; unpack the numbered PETA images there")
    found: dict[str, str] = {}
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - ten times faster than iterdir
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        if suffix.lower() not in SUFFIXES or stem.startswith("."):
            continue
        if stem in found:
            raise UserError(f"{folder}: {found[stem]} and {name} are one image; remove either")
        found[stem] = name
    wanted = [f"{number + 1:05d}" for number in range(IMAGES)]
    missing = [stem for stem in wanted if stem not in found]
    if missing:
        raise UserError(
            f"{folder}: {len(missing)} of {IMAGES} images missing, the first is {missing[0]}; "
            "unpack the numbered PETA images again"
        )
    return [f"{folder.name}/{found[stem]}" for stem in wanted]


SOURCE = Source(
    title="PETA",
    read=read_peta,
    splits=SPLITS,
    label_sets=("35", "105"),
    obtain=(
        "from the PETA project page of Deng et al. (mmlab.ie.cuhk.edu.hk/projects/PETA.html), "
        "research use only; PETA.mat and numbered images as used by the field's code"
    ),
    cite="Deng et al., Pedestrian Attribute Recognition At Far Distance, ACM Multimedia 2014",
    official={
        f"{split}/35": {
            "images": IMAGES,
            "images train": 9500,
            "images val": 1900,
            "images test": 7600,
            "persons": 8699,
            "categories train+val": train,
            "categories test": test,
        }
        for split, train, test in zip(
            SPLITS, (2847, 2827, 2828, 2827, 2860), (2242, 2245, 2232, 2249, 2226), strict=True
        )
    },
)
