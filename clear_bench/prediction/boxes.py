"""Where the persons are in pictures and frames: a table of boxes, as a detector gives it."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clear_bench.data.images import Box
from clear_bench.utils.errors import UserError

SIDES = ("x", "y", "width", "height")
COLUMNS = ("image", *SIDES)


@dataclass
class Boxes:
    """Boxes by picture and frame.

    Args:
        file: The table.
        by_image: Name of a picture to frame (None of a picture that is no video) to its boxes.
        asked: Names that were asked for.
    """

    file: Path
    by_image: dict[str, dict[int | None, list[Box]]]
    asked: set[str] = field(default_factory=set)

    def of(self, name: str) -> Mapping[int | None, list[Box]]:
        """Return the boxes of a picture, named as in the table or by its last part there."""
        known = name if name in self.by_image else Path(name).name
        self.asked.add(known)
        return self.by_image.get(known, {})

    @property
    def unused(self) -> list[str]:
        """Names in the table that nobody asked for."""
        return [name for name in self.by_image if name not in self.asked]


def read_boxes(file: Path) -> Boxes:
    """Read boxes from CSV with the columns of `COLUMNS`, in pixels, and for videos ``frame``.

    Raises:
        UserError: If the file is missing or not such a table.
    """
    boxes = Boxes(file, {})
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if lacking:
                raise UserError(
                    f"{file}: has no column {', '.join(lacking)}; a table of boxes has "
                    f"{', '.join(COLUMNS)} and for videos frame"
                )
            for row in reader:
                frame, box = _box(row, f"{file} line {reader.line_num}")
                boxes.by_image.setdefault(row["image"], {}).setdefault(frame, []).append(box)
    except FileNotFoundError:
        raise UserError(f"{file}: no such table of boxes") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file}: is no CSV in UTF-8 ({error})") from None
    return boxes


def _box(row: Mapping[str, str | None], where: str) -> tuple[int | None, Box]:
    """Return frame and box of a row."""
    try:
        left, top, width, height = (float(row[name] or "") for name in SIDES)
        frame = int(row["frame"]) if row.get("frame") else None  # type: ignore[arg-type]
    except ValueError:
        raise UserError(
            f"{where}: x, y, width, height must be numbers, frame a whole one"
        ) from None
    if not all(map(math.isfinite, (left, top, width, height))) or width <= 0 or height <= 0:
        raise UserError(f"{where}: width and height must be greater than 0")
    return frame, (left, top, width, height)
