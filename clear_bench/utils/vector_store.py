"""Vectors by key in a SQLite file, which several processes may read and add to at the same time."""

import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clear_bench.utils.disk import no_space, room

Floats = NDArray[np.float32]
FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC)
"""What SQLite calls a disk without space."""

DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
VARIABLES = 500  # of one SQL statement; SQLite's own limit is far above


class VectorStore:
    """One table of an open file, see `open_store`.

    Args:
        base: The file, open.
        file: Its path.
        table: Name of the table.
        key: Name of its column of keys.
        columns: Names of its columns of vectors.
    """

    def __init__(
        self, base: sqlite3.Connection, file: Path, table: str, key: str, columns: Sequence[str]
    ) -> None:
        self.base, self.file = base, file
        self.table, self.key, self.columns = table, key, columns

    def stored(self, keys: Sequence[str]) -> set[str]:
        """Return those of some keys that are there."""
        return {row[0] for row in self._rows(self.key, keys)}

    def read(self, keys: Sequence[str]) -> dict[str, list[Floats]]:
        """Return key -> its vectors, a column each, of those of some keys that are there."""
        rows = self._rows(", ".join([self.key, *self.columns]), keys)
        return {key: [np.frombuffer(part, np.float32) for part in parts] for key, *parts in rows}

    def add(self, keys: Iterable[str], *columns: Iterable[Floats]) -> None:
        """Write a vector of each column for each key, all of them or none."""
        marks = ", ".join("?" * (1 + len(self.columns)))
        rows = [
            (key, *(vector.tobytes() for vector in vectors))
            for key, *vectors in zip(keys, *columns, strict=True)
        ]
        try:
            with self.base:
                self.base.executemany(
                    f"INSERT OR REPLACE INTO {self.table} VALUES ({marks})",  # noqa: S608
                    rows,
                )
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in FULL:
                raise
            wanted = sum(len(part) for row in rows for part in row)
            raise no_space(self.file.parent, wanted) from None

    def _rows(self, columns: str, keys: Sequence[str]) -> Iterator[tuple[str, *tuple[bytes, ...]]]:
        """Yield some columns of the rows of some keys."""
        for start in range(0, len(keys), VARIABLES):
            part = keys[start : start + VARIABLES]
            marks = ",".join("?" * len(part))
            query = f"SELECT {columns} FROM {self.table} WHERE {self.key} IN ({marks})"  # noqa: S608
            yield from self.base.execute(query, part)


@contextmanager
def open_store(file: Path, table: str, key: str, columns: Sequence[str]) -> Iterator[VectorStore]:
    """Open a file of vectors, made if it is not there; the arguments are as of `VectorStore`.

    One that is damaged is made again: what is in it can be.

    Raises:
        DiskFull: If there is no space for it.
    """
    with room(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
    blobs = ", ".join(f"{column} BLOB" for column in columns)
    create = f"CREATE TABLE IF NOT EXISTS {table} ({key} TEXT PRIMARY KEY, {blobs})"
    lengths = ", ".join(f"length({column})" for column in columns)
    if not _whole(file, create, f"SELECT DISTINCT {lengths} FROM {table} LIMIT 2"):  # noqa: S608
        print(f"{file}: damaged; it is made again", file=sys.stderr)
        file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file, timeout=600)) as base:
        base.execute(create)
        yield VectorStore(base, file, table, key, columns)


def _whole(file: Path, create: str, lengths: str) -> bool:
    """Return whether a file is, or can become, one of vectors, each column's of one length."""
    try:
        with closing(sqlite3.connect(file, timeout=600)) as base:
            base.execute(create)
            sound = base.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
            kinds = base.execute(lengths).fetchall()
        return sound and len(kinds) < 2 and not any(n is None or n % 4 for k in kinds for n in k)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode in DAMAGED:
            return False
        if error.sqlite_errorcode in (*FULL, sqlite3.SQLITE_CANTOPEN):
            raise no_space(file.parent) from None
        raise
