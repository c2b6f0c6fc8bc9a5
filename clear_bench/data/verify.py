"""Is this copy the official release?  Counts, files, labels, persons and duplicates, as tables."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from clear_bench.data.dataset import SPLITS, Dataset, categories
from clear_bench.data.images import read_image
from clear_bench.errors import UserError
from clear_bench.progress import track

PARTS = {"train": ("train",), "val": ("val",), "test": ("test",), "train+val": ("train", "val")}
"""Name of a part to the splits that it joins."""


@dataclass(frozen=True)
class Findings:
    """What `verify` found.

    Args:
        facts: Counts by name, see `facts`.
        attributes: One row an attribute: positives in train, val and test.
        wrong: One line for each thing that is not as it must be; empty if all is well.
        notes: One line for each thing that a reader of the numbers should know: images of the
            test split that are in another split as well (some official releases have such).
    """

    facts: dict[str, int]
    attributes: pd.DataFrame
    wrong: list[str]
    notes: list[str]


def facts(dataset: Dataset) -> dict[str, int]:
    """Return the counts of a data set: of ``images``, ``persons`` and ``categories`` by part.

    ``images test, person in train+val`` counts test images whose person is known from training;
    ``categories test, not in train+val`` the queries never seen in training.
    """
    split = dataset.manifest["split"]
    person = dataset.manifest["person"]
    _, category = categories(dataset.labels)
    found = {"images": len(split), "persons": person.nunique()}
    found["categories"] = len(np.unique(category))
    for name, splits in PARTS.items():
        rows = split.isin(splits).to_numpy()
        found[f"images {name}"] = int(rows.sum())
        found[f"persons {name}"] = person[rows].nunique()
        found[f"categories {name}"] = len(np.unique(category[rows]))
    test, known = (split == "test").to_numpy(), (split != "test").to_numpy()
    shared = person[test].isin(person[known])
    found["images test, person in train+val"] = int(shared.sum())
    unseen = np.setdiff1d(category[test], category[known])
    found["categories test, not in train+val"] = len(unseen)
    return found


def verify(dataset: Dataset, official: dict[str, int]) -> Findings:
    """Return what a copy holds and what is wrong with it.

    Every image file is read and decoded.

    Args:
        dataset: The copy, as its reader gives it (which checks labels and their ranges).
        official: Facts of the official release.
    """
    found = facts(dataset)
    wrong = [
        f"{name}: {found[name]}, the official release has {count}"
        for name, count in official.items()
        if found[name] != count
    ]
    digests, unreadable = _digests(dataset)
    wrong += unreadable
    labels = pd.DataFrame(dataset.labels, columns=dataset.schema.names)
    positives = labels.groupby(dataset.manifest["split"]).sum().reindex(SPLITS, fill_value=0).T
    return Findings(found, positives, wrong, _duplicates(dataset, digests))


def _digests(dataset: Dataset) -> tuple[pd.Series, list[str]]:
    """Return the sha256 of each image file, and a line for each that cannot be decoded."""
    found: dict[int, str] = {}
    wrong = []
    rows: Sequence[int] = range(len(dataset.manifest))
    paths: list[Path] = [dataset.root / path for path in dataset.manifest["path"]]
    for row in track(rows, f"read {dataset.name}"):
        try:
            read_image(paths[row], (8, 4))
            found[row] = hashlib.sha256(paths[row].read_bytes()).hexdigest()
        except UserError as error:
            wrong.append(str(error))
    return pd.Series(found), wrong


def _duplicates(dataset: Dataset, digests: pd.Series) -> list[str]:
    """Return a line for each image file of the test split that is in another split as well."""
    files = dataset.manifest[["path", "split"]].assign(digest=digests).dropna()
    known = files[files["split"] != "test"].drop_duplicates("digest")
    test = files[files["split"] == "test"].merge(known, on="digest", suffixes=("", "_known"))
    pairs = zip(test["path"], test["path_known"], strict=True)
    return [f"{path} (test) is the same file as {other}" for path, other in pairs]
