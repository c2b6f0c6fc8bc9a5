"""RAP version 2: 84,928 images from 25 cameras of a shopping mall; 54 of 152 labels are evaluated.

Files, as in the official release: ``RAP_annotation/RAP_annotation.mat`` and ``RAP_dataset/``, both
wherever they lie; ``dataset_all.pkl`` of the field's code stands in for the first, but for persons.

- *Label sets*: ``54`` are those that the file selects; ``53`` is without ``Age46-60``, as RAP-zs is
  evaluated; ``-unsure1`` or ``-unsure-masked`` after either changes what an unsure label counts
  as, see `clear_bench.data.sets.rap_shared`.
- *Splits*: ``random0`` to ``random4`` are the file's partitions, random over images.  ``zs`` is
  RAP-zs (Jia et al.), from its file, see `clear_bench.data.reading.zero_shot_splits`.
- *Persons* are the file's identities; a picture without one counts under its track (one person in
  one clip, from the picture's name).
"""

from functools import partial as with_
from pathlib import Path

import numpy as np

from clear_bench.data.dataset import COLUMNS, Dataset, Source
from clear_bench.data.reading.matfile import (
    check_labels,
    load_struct,
    member,
    only_struct,
    texts,
    whole_numbers,
)
from clear_bench.data.reading.release_files import look_through
from clear_bench.data.reading.split_rules import from_rows
from clear_bench.data.reading.zero_shot_splits import zero_shot_split
from clear_bench.data.sets import rap_shared as rap
from clear_bench.utils.errors import UserError, unknown

IMAGES, ATTRIBUTES = 84928, 152
RANDOM = tuple(f"random{k}" for k in range(5))
SPLITS = (*RANDOM, "zs")
AGAIN = (
    "get the official release of RAP version 2 again (some links that say version 2 hold the "
    "labels of version 1)"
)
_SELECTED = (
    "Female AgeLess16 Age17-30 Age31-45 Age46-60 BodyFat BodyNormal BodyThin Customer Employee "
    "hs-BaldHead hs-LongHair hs-BlackHair hs-Hat hs-Glasses ub-Shirt ub-Sweater ub-Vest ub-TShirt "
    "ub-Cotton ub-Jacket ub-SuitUp ub-Tight ub-ShortSleeve ub-Others lb-LongTrousers lb-Skirt "
    "lb-ShortSkirt lb-Dress lb-Jeans lb-TightTrousers shoes-Leather shoes-Sports shoes-Boots "
    "shoes-Cloth shoes-Casual shoes-Other attachment-Backpack attachment-ShoulderBag "
    "attachment-HandBag attachment-Box attachment-PlasticBag attachment-PaperBag "
    "attachment-HandTrunk attachment-Other action-Calling action-Talking action-Gathering "
    "action-Holding action-Pushing action-Pulling action-CarryingByArm action-CarryingByHand "
    "action-Other"
)
SELECTED = _SELECTED.split()
"""The labels that the file selects, in its order and spelling."""

CHOSEN = {"54": SELECTED, "53": [name for name in SELECTED if name != "Age46-60"]}
LABEL_SETS = rap.label_sets("54", "53")


def read_rapv2(
    root: Path, split_name: str, label_set: str, *, images: bool = True, partial: bool = False
) -> Dataset:
    """Read a folder in the official layout.

    Args:
        root: The folder.
        split_name: One of `SPLITS`.
        label_set: One of `LABEL_SETS`.
        images: Whether the pictures are there; without, the annotation alone is read.
        partial: Whether some may be missing, from the annotation too.

    Raises:
        UserError: If a name is unknown, or a file is missing, broken or of another release.
    """
    import pandas as pd

    if split_name not in SPLITS:
        raise unknown("split", split_name, SPLITS)
    if label_set not in LABEL_SETS:
        raise unknown("label set", label_set, LABEL_SETS)
    tree, count = look_through(root), None if partial else IMAGES
    found = rap.find_annotation(
        tree, with_(_from_mat, count=count), SELECTED, ("train", "val", "test"), count, AGAIN
    )
    names = found.names
    persons, cameras = _persons(found)
    head = pd.DataFrame({"person": persons, "camera": cameras})
    head["path"] = rap.find_images(tree, names, AGAIN, partial=partial) if images else names
    if split_name == "zs":
        head["split"] = zero_shot_split(tree, [Path(name).stem for name in names])
    else:
        where = f"{found.path}: partition {split_name[-1]}"
        head["split"] = from_rows(found.partition(int(split_name[-1])), len(names), where)
    chosen = CHOSEN[label_set.partition("-")[0]]
    columns = pd.DataFrame(rap.decided(found.labels, label_set), columns=SELECTED)[chosen]
    manifest = pd.concat([head[list(COLUMNS)], columns], axis=1)
    return Dataset.of(
        "rapv2", split_name, label_set, root, rap.schema_of(chosen),
        manifest[manifest["split"] != ""],
    )  # fmt: skip


def _from_mat(path: Path, count: int | None) -> rap.Annotation:
    """Return what ``RAP_annotation.mat`` says."""
    content = load_struct(path, "RAP_annotation")
    names = texts(member(content, "name", path), f"{path}: name")
    attributes = texts(member(content, "attribute", path), f"{path}: attribute")
    data = member(content, "data", path)
    shape = (len(names) if count is None else count, ATTRIBUTES)
    if data.shape != (len(names), len(attributes)) or data.shape != shape:
        raise UserError(
            f"{path}: data is {data.shape} for {len(names)} images and {len(attributes)} names, "
            f"must be {shape}; {AGAIN}"
        )
    cells = member(content, "selected_attribute", path).reshape(-1)
    columns = whole_numbers(cells, f"{path}: selected_attribute") - 1
    if not np.isin(columns, np.arange(ATTRIBUTES)).all():
        raise UserError(f"{path}: selected_attribute names a column that is not there; {AGAIN}")
    rap.check_names([attributes[k] for k in columns], SELECTED, path, AGAIN)
    check_labels(data[:, columns], SELECTED, 2, str(path))
    numbers = member(content, "person_identity", path).reshape(-1)
    persons = whole_numbers(numbers, f"{path}: person_identity")
    if len(persons) != len(names):
        raise UserError(f"{path}: {len(persons)} identities for {len(names)} images; {AGAIN}")
    return rap.Annotation(
        path, names, data[:, columns], lambda number: _partition(content, number, path), persons
    )


def _persons(found: rap.Annotation) -> tuple[list[str], list[str]]:
    """Return identity and camera of each picture."""
    tracks, cameras = rap.tracks(found.names)
    if found.persons is None:
        return tracks, cameras
    pairs = zip(found.persons, tracks, strict=True)
    return [str(n) if n > 0 else track for n, track in pairs], cameras


def _partition(content: np.void, number: int, path: Path) -> dict[str, np.ndarray]:
    """Return the rows of each part under one of the five partitions."""
    cells = member(content, "partition_attribute", path).reshape(-1)
    if len(cells) != len(RANDOM):
        raise UserError(f"{path}: {len(cells)} partitions, must be {len(RANDOM)}; {AGAIN}")
    where = f"{path}: partition {number}"
    parts = only_struct(cells[number], where)
    return {
        part: whole_numbers(member(parts, f"{part}_index", path), where) - 1
        for part in ("train", "val", "test")
    }


PARTS = {"images": IMAGES, "images train": 50957, "images val": 16986, "images test": 16985}
ZS = {"images train": 17062, "images val": 4628, "images test": 4928}

SOURCE = Source(
    title="RAPv2",
    read=read_rapv2,
    annotation=with_(read_rapv2, images=False),
    partial=with_(read_rapv2, partial=True),
    splits=SPLITS,
    label_sets=LABEL_SETS,
    obtain=(
        "by a signed agreement with the authors, CASIA (rap.idealtest.org or rapdataset.com), for "
        "academic research only"
    ),
    cite=(
        "Li et al., A Richly Annotated Pedestrian Dataset for Person Retrieval in Real "
        "Surveillance Scenarios, IEEE TIP 2019"
    ),
    papers=[
        {
            "authors": "Li, Dangwei and Zhang, Zhang and Chen, Xiaotang and Huang, Kaiqi",
            "title": "A Richly Annotated Pedestrian Dataset for Person Retrieval in Real "
            "Surveillance Scenarios",
            "venue": "TIP",
            "year": 2019,
            "volume": "28",
            "pages": "1575-1590",
            "url": "https://ieeexplore.ieee.org/document/8510891",
            "read": "README of dangweili/RAP; BibTeX in a repository of RAPv2 tools",
        },
    ],
    official={
        **{f"{split}/{labels}": PARTS for split in RANDOM for labels in LABEL_SETS},
        **{f"zs/{labels}": ZS for labels in LABEL_SETS},
    },
)
