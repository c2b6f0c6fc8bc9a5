"""The one form of every data set: a schema and a manifest.  A reader makes it, all else uses it."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.schema import Schema
from clear_bench.data.unknown_labels import UNKNOWN, fully_known
from clear_bench.utils.errors import UserError, require_file

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "val", "test")
COLUMNS = ("path", "split", "person", "camera")


@dataclass(frozen=True)
class Dataset:
    """One data set under one split and one label set.

    Args:
        name: Key of the data set: the file name of its reader.
        split_name: Which partition, for example ``"random0"``.
        label_set: Which attributes, for example ``"35"``.
        root: Folder that the manifest's paths are relative to.
        schema: What the labels mean.
        manifest: One row an image: ``path`` (posix, relative to ``root``), ``split`` (train, val
            or test), ``person`` (identity, as text), ``camera`` (as text, "" if unknown), then one
            uint8 column an attribute, in schema order, of 0, 1 and `UNKNOWN`.
        query_folder: Folder of the release's own query images, which are part of the test split;
            "" if the release has none.
        missing: Split to the number of its pictures that the annotation names and the copy lacks;
            only a copy that is read in part has such.
        partial: Whether this is a part of the release, so that its numbers meet no full one's.
        signed: Parts of the protocol's signature that tell it from others of its name.
    """

    name: str
    split_name: str
    label_set: str
    root: Path
    schema: Schema
    manifest: "pd.DataFrame"
    query_folder: str = ""
    missing: dict[str, int] = field(default_factory=dict)
    partial: bool = False
    signed: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        split_name: str,
        label_set: str,
        root: Path,
        schema: Schema,
        manifest: "pd.DataFrame",
        **more: Any,
    ) -> "Dataset":
        """Return the data set of the rows that have a path; the others are `missing`."""
        there = manifest["path"] != ""
        counts = manifest["split"][~there].value_counts()
        missing = {str(split): int(count) for split, count in counts.items()}
        kept = manifest[there].reset_index(drop=True)
        return cls(name, split_name, label_set, root, schema, kept, missing=missing, **more)

    def __post_init__(self) -> None:
        wanted = [*COLUMNS, *self.schema.names]
        if list(self.manifest.columns) != wanted:
            raise UserError(f"{self.name}: manifest columns are not {wanted}")
        strange = set(self.manifest["split"].unique()) - set(SPLITS)
        if strange:
            raise UserError(f"{self.name}: unknown split {sorted(strange)}; known: {SPLITS}")
        labels = self.labels
        bad = np.argwhere((labels > 1) & (labels != UNKNOWN))
        if len(bad):
            row, column = bad[0]
            raise UserError(
                f"{self.name}: {self.manifest['path'].iloc[row]}: attribute "
                f"{self.schema.names[column]} is {labels[row, column]}, must be 0, 1 or "
                f"{UNKNOWN} (unknown)"
            )

        files = self.manifest[["path", "split"]].drop_duplicates()
        shared = files["path"][files["path"].duplicated()]
        if len(shared):
            path = shared.iloc[0]
            splits = " and ".join(sorted(files["split"][files["path"] == path]))
            raise UserError(
                f"{self.name}: {path} is in {splits}, and so are {len(shared) - 1} others: a test "
                "picture must not train; get the annotation again"
            )

    @cached_property
    def doubles(self) -> list[str]:
        """Paths that have several rows; all of them are of one split."""
        paths = self.manifest["path"]
        return sorted(set(paths[paths.duplicated()]))

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """``(N, A)`` labels of all rows, in manifest order."""
        return np.ascontiguousarray(self.manifest[self.schema.names].to_numpy(np.uint8))

    @cached_property
    def unknown(self) -> NDArray[np.bool_]:
        """``(N, A)`` which labels are unknown."""
        return self.labels == UNKNOWN

    @cached_property
    def has_unknown(self) -> bool:
        """Whether any label is."""
        return bool(self.unknown.any())

    def rows(self, split: str) -> NDArray[np.intp]:
        """Return the manifest row numbers of a split, in manifest order."""
        return np.flatnonzero((self.manifest["split"] == split).to_numpy())

    def queries(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which rows are query images ``(R,)``; all, if the release names none of them."""
        if not self.query_folder:
            return np.ones(len(rows), bool)
        folder = f"{self.query_folder}/"
        is_query = self.manifest["path"].iloc[rows].str.startswith(folder).to_numpy(dtype=bool)
        return is_query if is_query.any() else np.ones(len(rows), bool)

    @cached_property
    def checksum(self) -> str:
        """Sha256 over schema, paths, splits, identities and labels: what the numbers depend on."""
        digest = hashlib.sha256(self.schema.to_json().encode())
        for column in COLUMNS:
            # as objects: Arrow's texts are slow one by one; of a disk, they may be in no encoding
            names = "\n".join(self.manifest[column].to_numpy(object))
            digest.update(names.encode("utf-8", "surrogateescape") + b"\0")
        digest.update(self.labels.tobytes())
        return digest.hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """Sha256 over `checksum` and the size in bytes of every image file.

        It tells two encodings of one release apart, without reading 100,000 images.

        Raises:
            UserError: If images are missing.
        """
        sizes, missing = [], []
        for path in self.manifest["path"].to_numpy(object):
            try:
                sizes.append(os.stat(f"{self.root}/{path}").st_size)  # noqa: PTH116 - called often
            except OSError:
                missing.append(path)
        if missing:
            raise UserError(
                f"{self.root}: {len(missing)} images of {self.name} are missing, for example "
                f"{', '.join(missing[:3])}; unpack the official release again"
            )
        return hashlib.sha256(f"{self.checksum} {sizes}".encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Write ``schema.json`` and ``manifest.parquet`` into ``folder`` (the on-disk form)."""
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / "manifest.parquet.tmp"
        self.manifest.to_parquet(temporary, index=False)
        (folder / "schema.json").write_text(self.schema.to_json(), encoding="utf-8")
        temporary.replace(folder / "manifest.parquet")

    @classmethod
    def load(
        cls, folder: Path, root: Path, name: str, split_name: str, label_set: str
    ) -> "Dataset":
        """Read what `save` wrote."""
        import pandas as pd

        advice = f"run: python -m clear_bench.data prepare {name}"
        schema = Schema.load(folder / "schema.json", advice)
        file = require_file(folder / "manifest.parquet", advice)
        try:
            table = pd.read_parquet(file)
        except (ValueError, OSError, KeyError, NotImplementedError, MemoryError) as error:
            cause = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            raise UserError(f"{file}: not a manifest ({cause}); {advice}") from None
        return cls(name, split_name, label_set, root, schema, table)


@dataclass(frozen=True)
class Source:
    """What one data-set file exposes as ``SOURCE``; its file name is the data set's key.

    Args:
        title: Name in print.
        read: ``(root, split_name, label_set) -> Dataset``; parses official files only, fails
            with `UserError` naming file and cause.
        splits: Names of the partitions it knows; the first is the default.
        label_sets: Names of the label sets it knows; the first is the default.
        obtain: One line: where the official release comes from and under which terms.
        cite: One line: the paper to cite.
        papers: What `clear_bench.config.citation.Citation` holds of each paper, the data set's own
            first; written out as plain values.
        annotation: Like ``read``, of a copy that has the annotation but no pictures; None if that
            is not to be had.
        partial: Like ``read``, of a copy that has a part of the pictures, or an official-style
            annotation of a part; None if that is not to be had.
        official: Facts that an official copy must show, by ``"split/label set"``, then as named
            by `clear_bench.data.verify.facts`.
        files: Name of an official annotation file to its sha256, where a copy was at hand.
        digests: ``"split/label set"`` to `clear_bench.data.known_files.label_digest` of that copy.
        publish_images: Whether the terms allow its pictures in a report.
        own: Whether everybody's is another: it may have a name (``csv:shop``), and signatures tell
            its content.
        generate: For an embedded data set: ``(root, seed) -> None`` writes the official layout.
        numbers: Its numbers version; raised when the reader gives other labels, splits or
            pictures, and written out, see `clear_bench.config.numbers`.
    """

    title: str
    read: Callable[[Path, str, str], Dataset]
    splits: tuple[str, ...]
    label_sets: tuple[str, ...]
    obtain: str
    cite: str
    papers: Sequence[Mapping[str, Any]] = ()
    annotation: Callable[[Path, str, str], Dataset] | None = None
    partial: Callable[[Path, str, str], Dataset] | None = None
    official: dict[str, dict[str, int]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    publish_images: bool = False
    own: bool = False
    generate: Callable[[Path, int], None] | None = None
    numbers: int = 1


def categories(labels: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.intp]]:
    """Return the distinct attribute vectors and the category of each row.

    A row with an unknown label is of no category, and makes none.

    Args:
        labels: ``(N, A)``.

    Returns:
        ``(C, A)`` vectors in lexicographic order and ``(N,)`` indices into them, -1 for none.
    """
    whole = fully_known(labels)
    vectors, inverse = np.unique(labels[whole], axis=0, return_inverse=True)
    category = np.full(len(labels), -1)
    category[whole] = inverse.reshape(-1)
    return vectors, category
