"""Is an annotation file the official one, byte for byte?  If not, are its labels still?"""

import hashlib

import pandas as pd

from clear_bench.data.dataset import Dataset, Source
from clear_bench.data.reading.release_files import look_through


def label_digest(dataset: Dataset) -> str:
    """Return a sha256 (16 digits) of which persons of which split have which labels.

    It is the same whether the pictures are there or not, and whatever their files are called.
    """
    rows = dataset.manifest[["split", "person"]].copy()
    rows["labels"] = [row.tobytes().hex() for row in dataset.labels]
    lines = sorted(" ".join(row) for row in rows.drop_duplicates().itertuples(index=False))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def check_files(
    dataset: Dataset, source: Source, *, partial: bool = False
) -> tuple[list[str], list[str]]:
    """Return what is wrong with the annotation files that are known, and what is to be known.

    Args:
        dataset: The copy.
        source: Says what the official files' sha256 are, and the digests of their labels.
        partial: Whether the copy is meant to be a part, whose labels are not compared.
    """
    wrong, notes = [], []
    tree = look_through(dataset.root)
    for name, known in source.files.items():
        paths = tree.named(name)
        if not paths:
            continue
        found = {hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
        if known in found:
            notes.append(f"{name} is the official file (sha256 {known[:12]}..)")
            continue
        what = f"{name} is not the official file known here (sha256 {known[:12]}..)"
        digest = source.digests.get(f"{dataset.split_name}/{dataset.label_set}", "")
        if partial or not digest:
            notes.append(f"{what}; its labels could not be compared")
        elif label_digest(dataset) == digest:
            notes.append(f"{what}, but every person, label and split is: it was saved again")
        else:
            wrong.append(f"{what}, nor are its persons, labels and splits: get it again")
    return wrong, notes


def never_meet(dataset: Dataset) -> pd.DataFrame:
    """Return the pairs of attributes that no image has both of, though some have either.

    Pairs of one exclusive group are left out: they are not to meet.

    Returns:
        Columns ``one``, ``other`` and ``expected``: on how many images they would meet if they
        were independent; the most surprising pair comes first.
    """
    labels = (dataset.labels == 1).astype("int64")
    together, count = labels.T @ labels, labels.sum(axis=0)
    names = dataset.schema.names
    group_of = {k: g for g, members in enumerate(dataset.schema.groups) for k in members}
    rows = [
        (names[a], names[b], count[a] * count[b] / max(len(labels), 1))
        for a in range(len(names))
        for b in range(a + 1, len(names))
        if count[a] and count[b] and not together[a, b] and group_of[a] != group_of[b]
    ]
    table = pd.DataFrame(rows, columns=["one", "other", "expected"])
    return table.sort_values("expected", ascending=False, kind="stable").reset_index(drop=True)
