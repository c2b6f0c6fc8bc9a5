"""Is this copy the official release?  Counts, files, labels, persons and duplicates, as tables."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clear_bench.data.dataset import SPLITS, Dataset, categories
from clear_bench.data.images import read_image
from clear_bench.data.near_duplicates import HASHED, near_pairs, small_grey
from clear_bench.data.unknown_labels import fully_known, undecided
from clear_bench.utils.errors import UserError
from clear_bench.utils.foreign import read_bytes
from clear_bench.utils.progress import track

PARTS = {"train": ("train",), "val": ("val",), "test": ("test",), "train+val": ("train", "val")}
"""Name of a part to the splits that it joins."""

BLOCK = 256


@dataclass(frozen=True)
class Findings:
    """What `verify` found.

    Args:
        facts: Counts by name, see `facts`.
        attributes: One row an attribute: positives in train, val and test; and ``unknown``, how
            many labels of it nobody knows, if any are of some attribute.
        wrong: One line for each thing that is not as it must be; empty if all is well.
        notes: One line for each thing that a reader of the numbers should know: what two splits
            have in common (some official releases have such), and attributes that a split has
            nobody or everybody of.
    """

    facts: dict[str, int]
    attributes: pd.DataFrame
    wrong: list[str]
    notes: list[str]


def facts(dataset: Dataset) -> dict[str, int]:
    """Return the counts of a data set: of ``images``, ``persons`` and ``categories`` by part.

    ``images test, person in train+val`` counts test images whose person is known from training;
    ``categories test, not in train+val`` the queries never seen in training, not even perhaps.
    Images with an unknown label are of no category; where there are some, they and ``unknown
    labels`` are counted.
    """
    split = dataset.manifest["split"]
    person = dataset.manifest["person"]
    vectors, category = categories(dataset.labels)
    counts = {"images": len(split), "persons": person.nunique()}
    counts["categories"] = _distinct(category)
    for name, splits in PARTS.items():
        rows = split.isin(splits).to_numpy()
        counts[f"images {name}"] = int(rows.sum())
        counts[f"persons {name}"] = person[rows].nunique()
        counts[f"categories {name}"] = _distinct(category[rows])
    test, trained = (split == "test").to_numpy(), (split != "test").to_numpy()
    shared = person[test].isin(person[trained])
    counts["images test, person in train+val"] = int(shared.sum())
    unseen = np.setdiff1d(category[test], category[trained])
    unseen = unseen[unseen >= 0]
    perhaps, _ = undecided(vectors[unseen], dataset.labels[trained])
    counts["categories test, not in train+val"] = len(unseen) - len(np.unique(perhaps))
    if dataset.has_unknown:
        counts["unknown labels"] = int(dataset.unknown.sum())
        counts["images with unknown labels"] = int((category < 0).sum())
    return counts


def _distinct(category: NDArray[np.integer]) -> int:
    """Return how many categories there are, without -1, which is none."""
    return len(np.unique(category[category >= 0]))


def verify(
    dataset: Dataset, official: dict[str, int], *, images: bool = True, partial: bool = False
) -> Findings:
    """Return what a copy holds and what is wrong with it.

    Args:
        dataset: The copy, as its reader gives it (which checks labels and their ranges).
        official: Facts of the official release.
        images: Whether to read and decode every image file; without, counts of images are not
            compared either.
        partial: Whether it is meant to be a part: other counts are notes then.
    """
    counts = facts(dataset)
    compared = {n: c for n, c in official.items() if images or not n.startswith("images")}
    differing = [
        f"{name}: {counts[name]}, the official release has {count}"
        for name, count in compared.items()
        if counts[name] != count
    ]
    wrong = [] if partial else differing
    positives = _by_split(dataset, dataset.labels == 1)
    notes = [
        *_unknown(dataset, counts),
        *_part_of(dataset, differing if partial else []),
        *_overlaps(dataset, counts),
        *_constant(dataset, positives),
    ]
    if images:
        digests, grey, unreadable = _digests(dataset)
        wrong += unreadable
        same = _duplicates(dataset, digests)
        notes += [*same.values(), *_alike(dataset, digests, grey, same)]
    if dataset.has_unknown:
        positives = positives.assign(unknown=dataset.unknown.sum(axis=0))
    return Findings(counts, positives, wrong, notes)


def _by_split(dataset: Dataset, cells: NDArray[np.bool_]) -> pd.DataFrame:
    """Return how many cells ``(N, A)`` are true: a row an attribute, a column a split."""
    table = pd.DataFrame(cells.astype(int), columns=dataset.schema.names)
    return table.groupby(dataset.manifest["split"]).sum().reindex(SPLITS, fill_value=0).T


def _unknown(dataset: Dataset, counts: dict[str, int]) -> list[str]:
    """Return a line on labels that nobody knows, and one on attributes that train knows none of."""
    if not dataset.has_unknown:
        return []
    each = dataset.unknown.sum(axis=0)
    worst = [f"{dataset.schema.names[k]} {each[k]}" for k in np.argsort(-each)[:3] if each[k]]
    cells, images = counts["unknown labels"], counts["images with unknown labels"]
    share = 100 * cells / dataset.labels.size
    whole = {split: fully_known(dataset.labels[dataset.rows(split)]) for split in SPLITS}
    lines = [
        f"{cells} labels ({share:.2g} %) of {images} images are unknown, most of them "
        f"{', '.join(worst)}; no loss and no metric sees them",
        "retrieval learns from and asks for images of which all is known: "
        + ", ".join(f"{int(w.sum())} of {w.size} in {s}" for s, w in whole.items()),
    ]
    for split in SPLITS:
        rows = dataset.rows(split)
        nobody = dataset.unknown[rows].all(axis=0) if len(rows) else np.zeros(0, bool)
        if nobody.any():
            names = [dataset.schema.names[k] for k in np.flatnonzero(nobody)]
            lines.append(f"{split}: no label of {', '.join(names)} is known")
    return lines


def _part_of(dataset: Dataset, differing: list[str]) -> list[str]:
    """Return what a part of a release lacks, and pictures that are listed more than once."""
    lines = [f"a part of the release: {line}" for line in differing]
    lines += [
        f"{split}: {count} pictures that the annotation names are missing"
        for split, count in dataset.missing.items()
    ]
    return lines + [f"{path} is listed more than once" for path in dataset.doubles]


def _overlaps(dataset: Dataset, counts: dict[str, int]) -> list[str]:
    """Return a line for each two splits that share persons."""
    persons = dataset.manifest.groupby("split")["person"].agg(set)
    lines = []
    for one, other in combinations([s for s in SPLITS if s in persons.index], 2):
        shared = len(persons[one] & persons[other])
        if shared:
            lines.append(f"{shared} persons are in both {one} and {other}")
    repeated, test = counts["images test, person in train+val"], counts["images test"]
    if repeated:
        share = 100 * repeated / test
        lines.append(f"{share:.1f} % of the test images show a person who is in train+val")
    return lines


def _constant(dataset: Dataset, positives: pd.DataFrame) -> list[str]:
    """Return a line for each split with attributes that tell nothing there."""
    lines = []
    known = _by_split(dataset, ~dataset.unknown)
    for split in SPLITS:
        some = known[split] > 0
        for what, names in (
            ("nobody has", positives.index[some & (positives[split] == 0)]),
            ("everybody has", positives.index[some & (positives[split] == known[split])]),
        ):
            if len(names):
                lines.append(f"{split}: {what} {', '.join(names)}; their mA is undefined there")
    return lines


def _digests(dataset: Dataset) -> tuple[pd.Series, NDArray[np.uint8], list[str]]:
    """Return sha256 and small grey picture of each image, and a line for each that is broken."""
    paths: list[Path] = [dataset.root / path for path in dataset.manifest["path"]]

    grey = np.zeros((len(paths), *HASHED), np.uint8)

    def one(row: int) -> tuple[str, str]:
        try:
            grey[row] = small_grey(read_image(paths[row], HASHED))
            return hashlib.sha256(read_bytes(paths[row], "get it again")).hexdigest(), ""
        except UserError as error:
            return "", str(error)

    starts = range(0, len(paths), BLOCK)
    outcomes: list[tuple[str, str]] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding and hashing leave Python's lock
        for start in track(starts, f"read {dataset.name}"):
            outcomes += pool.map(one, range(start, min(start + BLOCK, len(paths))))
    digests = pd.Series([digest or None for digest, _ in outcomes], dtype=object)
    return digests, grey, [cause for _, cause in outcomes if cause]


def _duplicates(dataset: Dataset, digests: pd.Series) -> dict[str, str]:
    """Return a line for each image file that is in two splits, by its path where it is last."""
    manifest = dataset.manifest
    rows = list(zip(manifest["path"], manifest["split"], digests, strict=True))
    first: dict[str, dict[str, str]] = {split: {} for split in SPLITS}
    for path, split, digest in rows:
        if digest is not None and split in first:
            first[split].setdefault(digest, path)
    lines: dict[str, str] = {}
    for one, other in combinations(SPLITS, 2):
        for path, split, digest in rows:
            if split == other and digest in first[one]:
                twin = first[one][digest]
                lines[path] = f"{path} ({other}) is the same file as {twin} ({one})"
    return lines


def _alike(
    dataset: Dataset, digests: pd.Series, grey: NDArray[np.uint8], same: dict[str, str]
) -> list[str]:
    """Return a line for each picture that looks like one of another split; same files are left."""
    readable = digests.notna().to_numpy()
    split = np.where(readable, dataset.manifest["split"].to_numpy(str), "")
    path = dataset.manifest["path"].to_numpy()
    return [
        f"{path[row]} ({split[row]}) looks the same as {path[twin]} ({split[twin]})"
        for row, twin in near_pairs(grey, split, SPLITS)
        if path[row] not in same
    ]
