"""What a search leaves: a contact sheet of the best images and a CSV of the whole ranking."""

import csv
import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from clear_bench.data.pictures import opened, upright
from clear_bench.utils.csv_text import csv_text
from clear_bench.utils.files import written_whole

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG"}
TILE = (96, 192)  # width, height of a thumbnail in pixels
GAP, FRAME, LINE, MARGIN = 14, 3, 15, 20
INK, GREY, BLUE = (30, 30, 30), (110, 110, 110), (0, 90, 160)


@dataclass(frozen=True)
class Hit:
    """One image of a ranking.

    Args:
        rank: From 1.
        file: Path below the gallery.
        score: Higher is better.
        attributes: Names of what its recognition run calls present.
    """

    rank: int
    file: str
    score: float
    attributes: list[str]


def write_ranking(hits: Sequence[Hit], out: Path) -> None:
    """Write ``rank, file, score, attributes`` (joined by ";") as CSV, whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", "file", "score", "attributes"])
    writer.writerows(
        [h.rank, csv_text(h.file), f"{h.score:.6g}", csv_text(";".join(h.attributes))] for h in hits
    )
    content = text.getvalue().encode("utf-8", "surrogateescape")  # names as the disk has them
    _replace(out, lambda stream: stream.write(content))


def write_sheet(hits: Sequence[Hit], gallery: Path, title: str, out: Path) -> None:
    """Write framed thumbnails with rank, score and file name as a picture, whole or not at all.

    Args:
        hits: What to show, best first.
        gallery: Folder of the files.
        title: What was asked, above the thumbnails.
        out: The picture; its suffix is a key of `FORMATS`.

    Raises:
        UserError: If an image can no longer be read.
    """
    from PIL import Image, ImageDraw, ImageFont

    across = min(len(hits), 10)
    width = max(2 * MARGIN + across * (TILE[0] + GAP) - GAP, 420)
    lines = textwrap.wrap(title, (width - 2 * MARGIN) // 7)
    top = MARGIN + (LINE + 3) * len(lines) + 8
    step = TILE[1] + 2 * LINE + GAP + 6
    page = Image.new("RGB", (width, top + step * -(-len(hits) // across) + MARGIN // 2), "white")
    draw = ImageDraw.Draw(page)
    large, small = ImageFont.load_default(13), ImageFont.load_default(11)
    for place, line in enumerate(lines):
        draw.text((MARGIN, MARGIN // 2 + (LINE + 3) * place), printable(line), INK, large)
    for place, hit in enumerate(hits):
        down, right = divmod(place, across)
        x, y = MARGIN + right * (TILE[0] + GAP), top + down * step
        tile = _thumbnail(gallery / hit.file)
        page.paste(tile, (x + (TILE[0] - tile.width) // 2, y + (TILE[1] - tile.height) // 2))
        box = (x - FRAME, y - FRAME, x + TILE[0] + FRAME - 1, y + TILE[1] + FRAME - 1)
        draw.rectangle(box, outline=BLUE, width=FRAME)
        below = y + TILE[1] + FRAME + 2
        draw.text((x, below), f"{hit.rank}", INK, large)
        draw.text((x + TILE[0], below), f"{hit.score:.3f}", INK, large, anchor="ra")
        name = printable(Path(hit.file).name)
        while draw.textlength(name, small) > TILE[0]:  # the end tells files apart
            name = "…" + name[2:] if name[0] == "…" else "…" + name[1:]
        draw.text((x, below + LINE), name, GREY, small)
    _replace(out, lambda stream: page.save(stream, FORMATS[out.suffix[1:]], quality=92))


def printable(text: str) -> str:
    """Return a text on one line, of characters alone; a file name may be otherwise."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())


def _thumbnail(path: Path) -> "Image":
    """Return an image of at most `TILE`, with its own proportions; small ones are enlarged."""
    from PIL import Image, ImageOps

    with opened(path, draft=TILE) as image:
        shown = upright(image, path).convert("RGB")
    return ImageOps.contain(shown, TILE, Image.Resampling.BICUBIC)


def _replace(out: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file under a temporary name, then rename it; nothing half-written stays."""
    with written_whole(out) as unfinished, unfinished.open("wb") as stream:
        write(stream)
