"""RAP (version 1): 41,585 images from 26 cameras of a shopping mall; 51 of 92 labels are evaluated.

Files, as in the official release: ``RAP_annotation/RAP_annotation.mat`` and ``RAP_dataset/``.

- *Label sets*: ``51`` and ``51-unsure1`` differ in what an unsure label counts as, see
  `clear_bench.data.sets.rap_shared`.
- *Splits*: ``random0`` to ``random4``, the file's partitions into train and test, random over
  images.  It has no val part; here it is a tenth of the tracks of the train part.
- *Persons* are not published; a track (one person in one clip, from the picture's name) stands in.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from clear_bench.data.dataset import COLUMNS, Dataset, Source
from clear_bench.data.reading.matfile import (
    check_labels,
    first_member,
    load_struct,
    member,
    only_struct,
    texts,
    whole_numbers,
)
from clear_bench.data.reading.split_rules import from_rows, hold_out
from clear_bench.data.sets import rap_shared as rap
from clear_bench.utils.errors import UserError, unknown

IMAGES, ATTRIBUTES = 41585, 92
SPLITS = tuple(f"random{k}" for k in range(5))
AGAIN = "get the official release of RAP version 1 again"
_SELECTED = (
    "Female AgeLess16 Age17-30 Age31-45 BodyFat BodyNormal BodyThin Customer Clerk hs-BaldHead "
    "hs-LongHair hs-BlackHair hs-Hat hs-Glasses hs-Muffler ub-Shirt ub-Sweater ub-Vest ub-TShirt "
    "ub-Cotton ub-Jacket ub-SuitUp ub-Tight ub-ShortSleeve lb-LongTrousers lb-Skirt lb-ShortSkirt "
    "lb-Dress lb-Jeans lb-TightTrousers shoes-Leather shoes-Sport shoes-Boots shoes-Cloth "
    "shoes-Casual attach-Backpack attach-SingleShoulderBag attach-HandBag attach-Box "
    "attach-PlasticBag attach-PaperBag attach-HandTrunk attach-Other action-Calling action-Talking "
    "action-Gathering action-Holding action-Pusing action-Pulling action-CarrybyArm "
    "action-CarrybyHand"
)
SELECTED = _SELECTED.split()
"""The evaluated labels: the first 51 of the file, in its order and spelling."""

LABEL_SETS = ("51", "51" + rap.UNSURE)


def read_rapv1(root: Path, split_name: str, label_set: str, *, images: bool = True) -> Dataset:
    """Read a folder in the official layout.

    Args:
        root: The folder.
        split_name: One of `SPLITS`.
        label_set: One of `LABEL_SETS`.
        images: Whether the pictures are there; without, the annotation alone is read.

    Raises:
        UserError: If a name is unknown, or a file is missing, broken or of another release.
    """
    if split_name not in SPLITS:
        raise unknown("split", split_name, SPLITS)
    if label_set not in LABEL_SETS:
        raise unknown("label set", label_set, LABEL_SETS)
    path = rap.find_annotation(root)
    content = load_struct(path, "RAP_annotation")
    names = texts(member(content, "imagesname", path), f"{path}: imagesname")
    attributes = texts(member(content, "attribute_eng", path), f"{path}: attribute_eng")
    labels = member(content, "label", path)
    if labels.shape != (len(names), len(attributes)) or labels.shape != (IMAGES, ATTRIBUTES):
        raise UserError(
            f"{path}: labels are {labels.shape} for {len(names)} images and {len(attributes)} "
            f"names, must be {(IMAGES, ATTRIBUTES)}; {AGAIN}"
        )
    rap.check_names(attributes[: len(SELECTED)], SELECTED, path, AGAIN)
    selected = labels[:, : len(SELECTED)]
    check_labels(selected, SELECTED, 2, str(path))
    persons, cameras = rap.tracks(names)
    split = _partition(content, SPLITS.index(split_name), path)
    head = pd.DataFrame({"person": persons, "camera": cameras})
    head["split"] = hold_out(split, np.array(persons), 10)
    head["path"] = rap.find_images(root, names, AGAIN) if images else names
    columns = pd.DataFrame(rap.decided(selected, label_set), columns=SELECTED)
    manifest = pd.concat([head[list(COLUMNS)], columns], axis=1)
    return Dataset("rapv1", split_name, label_set, root, rap.schema_of(SELECTED), manifest)


def _partition(content: np.void, number: int, path: Path) -> np.ndarray:
    """Return train or test of each image under one of the five partitions."""
    cells = member(content, "partion", path).reshape(-1)  # spelt so in the file
    if len(cells) != len(SPLITS):
        raise UserError(f"{path}: {len(cells)} partitions, must be {len(SPLITS)}; {AGAIN}")
    where = f"{path}: partition {number}"
    parts = only_struct(cells[number], where)
    rows = {
        part: whole_numbers(first_member(parts, (f"{part}_index", part), path), where) - 1
        for part in ("train", "test")
    }
    return from_rows(rows, IMAGES, where)


SOURCE = Source(
    title="RAPv1",
    read=read_rapv1,
    annotation=partial(read_rapv1, images=False),
    splits=SPLITS,
    label_sets=LABEL_SETS,
    obtain=(
        "by a signed agreement with the authors, CASIA (rap.idealtest.org or "
        "rapdataset.com), for academic research only"
    ),
    cite="Li et al., A Richly Annotated Dataset for Pedestrian Attribute Recognition, 2016",
    official={
        f"{split}/{labels}": {
            "images": IMAGES,
            "images train+val": 33268,
            "images test": 8317,
        }
        for split in SPLITS
        for labels in LABEL_SETS
    },
)
