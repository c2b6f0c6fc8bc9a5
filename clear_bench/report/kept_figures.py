"""Figures that were drawn before: one file each, under the key of everything that it shows."""

import json
import os
import sys
import zipfile
import zlib
from dataclasses import asdict, dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

from pydantic import RootModel

from clear_bench.report.figure_list import Drawn, Listed
from clear_bench.report.figures.material import Material
from clear_bench.report.what_is_shown import everything
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import write_bytes
from clear_bench.utils.foreign import read_bytes

ROWS = "drawn.json"
MOST = 256 << 20
"""Bytes of the folder; a report of the pipeline's runs takes some 4 million."""

DAMAGED = (UserError, zipfile.BadZipFile, zlib.error, KeyError, ValueError, RuntimeError, EOFError)


class _Rows(RootModel[list[Listed]]):
    """What was said of a figure's pictures."""


@dataclass(frozen=True)
class KeptFigures:
    """The folder of figures that were drawn, as seen by one report.

    Args:
        folder: Where they are kept.
        material: What the report's figures are drawn from.
    """

    folder: Path
    material: Material

    @cached_property
    def shown(self) -> str:
        """Sha256 of all that the figures come from."""
        return everything(self.material)

    def file(self, name: str) -> Path:
        """Return where a figure of this material is kept."""
        return self.folder / f"{name}-{self.shown}.zip"

    def find(self, name: str, out: Path) -> list[Drawn] | None:
        """Write the pictures of a figure as they were drawn, and return what was said of them.

        None if they are not kept; what is damaged is said and forgotten.
        """
        file = self.file(name)
        if not file.is_file():
            return None
        try:
            rows, pictures = _unpacked(file)
        except DAMAGED as error:
            print(f"{file}: damaged ({error}); it is drawn again", file=sys.stderr)
            file.unlink(missing_ok=True)
            return None
        os.utime(file)  # it is of use
        for picture, content in pictures.items():
            place = out / picture
            if not place.is_file() or place.read_bytes() != content:
                write_bytes(place, content)
        return rows

    def keep(self, name: str, rows: list[Drawn], out: Path) -> None:
        """Keep the pictures of a figure that were just drawn, and what could not be."""
        files = [file for row in rows for file in row.files]
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:  # what is in it is compressed, mostly
            archive.writestr(ROWS, json.dumps([asdict(row) for row in rows]))
            for file in files:
                archive.writestr(file, (out / file).read_bytes())
        write_bytes(self.file(name), packed.getbuffer())

    def shrink(self) -> None:
        """Remove what has been of no use for longest, until the rest is no more than `MOST`."""
        total = 0
        kept = [(status.st_mtime_ns, status.st_size, file)
                for file in self.folder.glob("*.zip") for status in [file.stat()]]  # fmt: skip
        for _, size, file in sorted(kept, reverse=True):
            total += size
            if total > MOST:
                file.unlink(missing_ok=True)


def _unpacked(file: Path) -> tuple[list[Drawn], dict[str, bytes]]:
    """Return what was said of a figure's pictures, and their files; raises one of `DAMAGED`."""
    content = read_bytes(file, "", largest=MOST)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > MOST:
            raise ValueError("too large")
        listed = _Rows.model_validate_json(archive.read(ROWS)).root
        files = {name: archive.read(name) for row in listed for name in row.files}
    said = [row.model_dump() for row in listed]
    return [
        Drawn(**{**row, **{k: tuple(row[k]) for k in ("runs", "files")}}) for row in said
    ], files
