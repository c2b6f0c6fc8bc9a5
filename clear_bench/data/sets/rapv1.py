"""RAP (version 1): 41,585 images from 26 cameras of a shopping mall; 51 of 92 labels are evaluated.

Files, as in the official release: ``RAP_annotation/RAP_annotation.mat`` and ``RAP_dataset/``, both
wherever they lie; ``dataset_all.pkl`` of the field's code stands in for the first.

- *Label sets*: ``51``, ``51-unsure1`` and ``51-unsure-masked`` differ in what an unsure label
  counts as, see `clear_bench.data.sets.rap_shared`.
- *Splits*: ``random0`` to ``random4``, the file's partitions into train and test, random over
  images.  ``alm`` is that of ALM's lists, which are its annotation too.  They have no val part;
  here it is a tenth of the tracks of the train part.
- *Persons* are not published; a track (one person in one clip, from the picture's name) stands in.
"""

from dataclasses import replace
from functools import partial as with_
from pathlib import Path

import numpy as np

from clear_bench.data.dataset import COLUMNS, Dataset, Source
from clear_bench.data.reading.field_pickles import FILE
from clear_bench.data.reading.matfile import (
    check_labels,
    first_member,
    load_struct,
    member,
    only_struct,
    texts,
    whole_numbers,
)
from clear_bench.data.reading.release_files import Tree, look_through, pick
from clear_bench.data.reading.split_rules import from_rows, hold_out
from clear_bench.data.reading.text_lists import read_list
from clear_bench.data.sets import rap_shared as rap
from clear_bench.utils.errors import UserError, unknown

IMAGES, ATTRIBUTES = 41585, 92
RANDOM = tuple(f"random{k}" for k in range(5))
SPLITS = (*RANDOM, "alm")
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

LABEL_SETS = rap.label_sets("51")


def read_rapv1(
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
    found, split = _chosen(tree, split_name, count)
    persons, cameras = rap.tracks(found.names)
    head = pd.DataFrame({"person": persons, "camera": cameras})
    head["split"] = hold_out(split, np.array(persons), 10)
    paths = found.names
    if images:
        paths = rap.find_images(tree, found.names, AGAIN, partial=partial)
    head["path"] = paths
    columns = pd.DataFrame(rap.decided(found.labels, label_set), columns=SELECTED)
    manifest = pd.concat([head[list(COLUMNS)], columns], axis=1)
    return Dataset.of("rapv1", split_name, label_set, root, rap.schema_of(SELECTED), manifest)


def _chosen(tree: Tree, split_name: str, count: int | None) -> tuple[rap.Annotation, np.ndarray]:
    """Return the annotation that a split needs, and train or test of each of its pictures."""
    listed, part_of = _listed(tree) if split_name == "alm" else (None, {})
    if listed and not (tree.named(rap.ANNOTATION) or tree.named(FILE)):
        if len(listed.names) != (count or len(listed.names)):
            raise UserError(
                f"{listed.path}: {len(listed.names)} pictures in both lists, must be {count}; "
                f"{AGAIN}"
            )
        found = listed
    else:
        found = rap.find_annotation(
            tree, with_(_from_mat, count=count), SELECTED, ("trainval", "test"), count, AGAIN
        )
    if listed is None:
        number = RANDOM.index(split_name)
        where = f"{found.path}: partition {number}"
        return found, from_rows(found.partition(number), len(found.names), where)
    found = _by_name(found)
    unknown_names = [name for name in found.names if name not in part_of]
    if unknown_names:
        raise UserError(f"{listed.path}: neither list names {unknown_names[0]}; get them again")
    return found, np.array([part_of[name] for name in found.names])


def _from_mat(path: Path, count: int | None) -> rap.Annotation:
    """Return what ``RAP_annotation.mat`` says."""
    content = load_struct(path, "RAP_annotation")
    names = texts(member(content, "imagesname", path), f"{path}: imagesname")
    attributes = texts(member(content, "attribute_eng", path), f"{path}: attribute_eng")
    labels = member(content, "label", path)
    shape = (len(names) if count is None else count, ATTRIBUTES)
    if labels.shape != (len(names), len(attributes)) or labels.shape != shape:
        raise UserError(
            f"{path}: labels are {labels.shape} for {len(names)} images and {len(attributes)} "
            f"names, must be {shape}; {AGAIN}"
        )
    rap.check_names(attributes[: len(SELECTED)], SELECTED, path, AGAIN)
    selected = labels[:, : len(SELECTED)]
    check_labels(selected, SELECTED, 2, str(path))
    return rap.Annotation(path, names, selected, lambda number: _partition(content, number, path))


def _partition(content: np.void, number: int, path: Path) -> dict[str, np.ndarray]:
    """Return the rows of train and test under one of the five partitions."""
    cells = member(content, "partion", path).reshape(-1)  # spelt so in the file
    if len(cells) != len(RANDOM):
        raise UserError(f"{path}: {len(cells)} partitions, must be {len(RANDOM)}; {AGAIN}")
    where = f"{path}: partition {number}"
    parts = only_struct(cells[number], where)
    return {
        part: whole_numbers(first_member(parts, (f"{part}_index", part), path), where) - 1
        for part in ("train", "test")
    }


def _listed(tree: Tree) -> tuple[rap.Annotation, dict[str, str]]:
    """Return what ALM's lists ``train.txt`` and ``test.txt`` say, and picture -> part."""
    part_of: dict[str, str] = {}
    labels = []
    for part in ("train", "test"):
        path, (listed, values) = pick(
            tree,
            [f"{part}.txt"],
            with_(read_list, names=SELECTED, highest=2),
            "get the lists of ALM's code",
        )
        for name in listed:
            if name in part_of:
                raise UserError(f"{path}: {name} is in the two lists twice; get them again")
            part_of[name] = part
        labels.append(values)
    return rap.Annotation(path, list(part_of), np.concatenate(labels), lambda _: {}), part_of


def _by_name(found: rap.Annotation) -> rap.Annotation:
    """Return an annotation in the order of its names: lists and official file have others."""
    order = sorted(range(len(found.names)), key=found.names.__getitem__)
    return replace(found, names=[found.names[k] for k in order], labels=found.labels[order])


SOURCE = Source(
    title="RAPv1",
    read=read_rapv1,
    annotation=with_(read_rapv1, images=False),
    partial=with_(read_rapv1, partial=True),
    splits=SPLITS,
    label_sets=LABEL_SETS,
    obtain=(
        "by a signed agreement with the authors, CASIA (rap.idealtest.org or "
        "rapdataset.com), for academic research only"
    ),
    cite="Li et al., A Richly Annotated Dataset for Pedestrian Attribute Recognition, 2016",
    papers=[
        {
            "authors": "Li, Dangwei and Zhang, Zhang and Chen, Xiaotang and Ling, Haibin and "
            "Huang, Kaiqi",
            "title": "A Richly Annotated Dataset for Pedestrian Attribute Recognition",
            "venue": "arXiv",
            "year": 2016,
            "arxiv": "1603.07054",
            "read": "reference lists that name arXiv 1603.07054",
        },
    ],
    official={
        f"{split}/{labels}": {
            "images": IMAGES,
            "images train+val": 33268,
            "images test": 8317,
        }
        for split in RANDOM
        for labels in LABEL_SETS
    },
)
