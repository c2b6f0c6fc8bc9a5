"""Probabilities as they are wanted: for the eye, a spreadsheet, a program, or UPAR's challenge.

Everything is written as it comes, so that no more than a batch is ever held.
"""

import csv
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from clear_bench.prediction.predictor import place_of, rows_of
from clear_bench.prediction.sources import Crop
from clear_bench.utils.csv_text import csv_text
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import written_whole

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Wanted:
    """What is to be written.

    Args:
        names: Of the attributes.
        threshold: ``(A,)`` an attribute is present where its probability is greater.
        absent: Whether absent attributes are written too, where each has a row.
        places: Names of what tells a crop: ``image``, and ``frame``, ``time``, ``x`` and so on
            where some input has them.
    """

    names: list[str]
    threshold: Floats
    absent: bool
    places: tuple[str, ...]


class Writer(ABC):
    """Writes probabilities, batch after batch.

    Args:
        stream: Where to; of `Parquet` the path.
        wanted: What.
    """

    def __init__(self, stream: Any, wanted: Wanted) -> None:
        self.stream, self.wanted = stream, wanted

    @abstractmethod
    def add(self, crops: Sequence[Crop], probabilities: Floats) -> None:
        """Write ``(N, A)`` probabilities of some crops."""

    def close(self) -> None:
        """Write what comes last, if a form has such a thing."""
        return

    def rows(self, crops: Sequence[Crop], probabilities: Floats) -> Iterator[dict[str, Any]]:
        """Yield the rows of each attribute that is shown."""
        for crop, each in zip(crops, probabilities, strict=True):
            for row in rows_of(crop, each, self.wanted.names, self.wanted.threshold):
                if self.wanted.absent or row["present"]:
                    yield row


def _harmless(value: Any) -> Any:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    return csv_text(value) if isinstance(value, str) else value


class Csv(Writer):
    """One row an attribute of a crop."""

    def __init__(self, stream: TextIO, wanted: Wanted) -> None:
        super().__init__(stream, wanted)
        columns = [*wanted.places, "attribute", "probability", "present"]
        self.table = csv.DictWriter(stream, columns, restval="")
        self.table.writeheader()

    def add(self, crops: Sequence[Crop], probabilities: Floats) -> None:
        """Write rows."""
        for row in self.rows(crops, probabilities):
            self.table.writerow({k: _harmless(v) for k, v in row.items()})


class Wide(Writer):
    """One row a crop, one column an attribute."""

    def __init__(self, stream: TextIO, wanted: Wanted) -> None:
        super().__init__(stream, wanted)
        self.table = csv.writer(stream)
        self.head()

    def head(self) -> None:
        """Write the names of the columns."""
        self.table.writerow([*self.wanted.places, *map(_harmless, self.wanted.names)])

    def add(self, crops: Sequence[Crop], probabilities: Floats) -> None:
        """Write rows."""
        for crop, each in zip(crops, probabilities, strict=True):
            place = place_of(crop)
            known = [_harmless(place.get(name, "")) for name in self.wanted.places]
            self.table.writerow([*known, *(f"{value:.4f}" for value in each)])


class Upar(Wide):
    """``predictions.csv`` of UPAR's challenge, task 1: its 40 labels in the official order.

    Header and values, which are probabilities, are as released code of the challenge writes them
    (C2T-Net's ``infer_upar_test_phase.py``).
    """

    def __init__(self, stream: TextIO, wanted: Wanted) -> None:
        from clear_bench.data.sets.upar_labels import SCHEMA

        if wanted.names != SCHEMA.names:
            raise UserError("--format upar: the run knows other attributes than UPAR's 40 labels")
        if wanted.places != ("image",):
            raise UserError("--format upar: has a row a picture; leave out videos and --boxes")
        super().__init__(stream, wanted)

    def head(self) -> None:
        """Write the official names of the columns."""
        self.table.writerow(["# Image", *self.wanted.names])


class Json(Writer):
    """One list of rows as `Csv` has them."""

    started = False

    def add(self, crops: Sequence[Crop], probabilities: Floats) -> None:
        """Write rows."""
        for row in self.rows(crops, probabilities):
            self.stream.write(f"{',' if self.started else '['}\n {json.dumps(row)}")
            self.started = True

    def close(self) -> None:
        """End the list."""
        self.stream.write("\n]\n" if self.started else "[]\n")


class JsonLines(Writer):
    """One object a crop and line: ``probabilities`` by attribute, and which are ``present``."""

    def add(self, crops: Sequence[Crop], probabilities: Floats) -> None:
        """Write lines."""
        names = self.wanted.names
        for crop, each in zip(crops, probabilities, strict=True):
            present = np.flatnonzero(each > self.wanted.threshold)
            found = {name: round(float(v), 4) for name, v in zip(names, each, strict=True)}
            line = {
                **place_of(crop),
                "present": [names[k] for k in present],
                "probabilities": found,
            }
            self.stream.write(json.dumps(line) + "\n")


class Tables(Writer):
    """A table a crop, for the eye."""

    def add(self, crops: Sequence[Crop], probabilities: Floats) -> None:
        """Print tables."""
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        console = Console(file=self.stream)
        for crop, each in zip(crops, probabilities, strict=True):
            place = place_of(crop)
            words = ", ".join(f"{k} {v:g}" for k, v in place.items() if k != "image")
            title = escape(crop.name + (f", {words}" if words else ""))
            table = Table("attribute", "probability", title=title, title_justify="left")
            for row in self.rows([crop], each[None]):
                style = "bold" if row["present"] else "dim"
                name = escape(row["attribute"])
                table.add_row(name, f"{row['probability']:.3f}", style=style)
            console.print(table)


class Parquet(Writer):
    """One row a crop, one column an attribute, float32."""

    writer: Any = None

    def add(self, crops: Sequence[Crop], probabilities: Floats) -> None:
        """Write a group of rows."""
        import pyarrow as pa
        from pyarrow import parquet

        kinds = {"image": pa.string(), "frame": pa.int64()}
        fields = [(name, kinds.get(name, pa.float64())) for name in self.wanted.places]
        schema = pa.schema([*fields, *((name, pa.float32()) for name in self.wanted.names)])
        places = [place_of(crop) for crop in crops]
        columns = [pa.array([p.get(n) for p in places], kind) for n, kind in fields]
        columns += [pa.array(column, pa.float32()) for column in np.asarray(probabilities).T]
        if self.writer is None:
            self.writer = parquet.ParquetWriter(self.stream, schema)
        self.writer.write_table(pa.table(columns, schema=schema))

    def close(self) -> None:
        """Finish the file; without a crop there is none but its columns."""
        if self.writer is None:
            self.add([], np.zeros((0, len(self.wanted.names)), np.float32))
        self.writer.close()


WRITERS: dict[str, type[Writer]] = {
    "table": Tables,
    "csv": Csv,
    "wide": Wide,
    "json": Json,
    "jsonl": JsonLines,
    "parquet": Parquet,
    "upar": Upar,
}


@contextmanager
def writing(form: str, out: Path | None, wanted: Wanted) -> Iterator[Writer]:
    """Yield a writer to a file, which is there once it is whole, or to standard output."""
    if out is None:
        writer = WRITERS[form](sys.stdout, wanted)
        yield writer
        writer.close()
        return
    with written_whole(out) as unfinished:
        if form == "parquet":
            writer = WRITERS[form](unfinished, wanted)
            yield writer
            writer.close()
            return
        with unfinished.open("w", encoding="utf-8", newline="") as stream:
            writer = WRITERS[form](stream, wanted)
            yield writer
            writer.close()
