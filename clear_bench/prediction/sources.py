"""From the words of a command to crops: files, folders, patterns, lists, videos, boxes."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from clear_bench.data.images import Box
from clear_bench.data.reading.folders import SUFFIXES, pictures_below
from clear_bench.prediction.boxes import Boxes
from clear_bench.prediction.video import Sampling, is_video, sampled
from clear_bench.utils.errors import UserError


@dataclass(frozen=True)
class Crop:
    """One person's picture that is to be read.

    Args:
        name: The file, as it was named.
        picture: Its path, or a picture of Pillow in RGB.
        box: Part of it; None is all of it.
        frame: Number of the frame in a video, from 0.
        seconds: Its time in the video.
    """

    name: str
    picture: Any
    box: Box | None = None
    frame: int | None = None
    seconds: float | None = None

    @property
    def words(self) -> str:
        """What to call it in a message."""
        return self.name if self.frame is None else f"{self.name} frame {self.frame}"


@dataclass(frozen=True)
class Bad:
    """What cannot be predicted.

    Args:
        cause: One line that names it.
    """

    cause: str


def files_of(words: Iterable[str]) -> tuple[list[str], list[Bad]]:
    """Return the files that words mean, in order, and what is not there.

    A word is a file; a folder, for all pictures below it; a pattern (``crops/**/*.jpg``);
    ``@LIST``, a file with one of these a line; or ``-``, the same from standard input.

    Raises:
        UserError: If a list cannot be read, or a folder holds no picture.
    """
    files: list[str] = []
    bad: list[Bad] = []
    for word in words:
        if word == "-" or (word.startswith("@") and not Path(word).exists()):
            inside, missing = files_of(_lines(word))
            files += inside
            bad += missing
            continue
        found = files_named(word)
        files += found
        bad += [] if found else [Bad(f"{word}: no such image")]
    return files, bad


def crops_of(
    files: Sequence[str], sampling: Sampling | None, boxes: Boxes | None
) -> Iterator[Crop | Bad]:
    """Yield each crop of some files, one after the other.

    Args:
        files: Pictures and videos.
        sampling: Which frames of a video; None takes one a second, or with boxes all that have one.
        boxes: Which parts; None takes pictures and frames as they are.
    """
    for name in files:
        if is_video(name):
            yield from _frames(name, sampling, boxes)
        elif boxes is None:
            yield Crop(name, Path(name))
        else:
            yield from _parts(name, Path(name), boxes.of(name), boxes)


def _frames(name: str, sampling: Sampling | None, boxes: Boxes | None) -> Iterator[Crop | Bad]:
    """Yield the crops of a video; what cannot be read of it is said once."""
    by_frame = boxes.of(name) if boxes else {}
    if boxes and not by_frame:
        yield Bad(f"{name}: no box of it in {boxes.file}")
        return
    wanted = None if boxes is None else {f for f in by_frame if f is not None}
    rule = sampling or (Sampling(frames=1) if boxes else Sampling(seconds=1.0))
    try:
        for frame, seconds, picture in sampled(Path(name), rule, wanted):
            parts: Sequence[Box | None] = by_frame[frame] if boxes else [None]
            for box in parts:
                yield Crop(name, picture, box, frame, seconds)
    except UserError as error:
        yield Bad(str(error))


def _parts(
    name: str, path: Path, by_frame: Mapping[int | None, Sequence[Box]], boxes: Boxes
) -> Iterator[Crop | Bad]:
    """Yield the crops of one picture."""
    if not by_frame.get(None):
        yield Bad(f"{name}: no box of it in {boxes.file}")
    for box in by_frame.get(None, ()):
        yield Crop(name, path, box)


def files_named(word: str) -> list[str]:
    """Return the files that a word means: a file, folder or pattern; none if it is not there.

    Raises:
        UserError: If a folder holds no picture.
    """
    path = Path(word)
    if path.is_dir():
        names, _ = pictures_below(path)
        if not names:
            raise UserError(f"{word}: no pictures in it; known are {', '.join(SUFFIXES)}")
        return [str(path / name) for name in names]
    if path.exists():
        return [word]
    if has_magic(word):
        found = glob(word, recursive=True)  # noqa: PTH207 - names as they were typed
        return sorted(f for f in found if Path(f).is_file())
    return []


def _lines(word: str) -> list[str]:
    """Return the lines of a list that are not empty.

    Raises:
        UserError: If it cannot be read, is no text, or names a list itself.
    """
    name = "standard input" if word == "-" else word[1:]
    try:
        text = sys.stdin.read() if word == "-" else Path(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{name}: no such list of images") from None
    except UnicodeDecodeError:
        raise UserError(f"{name}: is no list of images, which is text with one a line") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    inner = next((line for line in lines if line == "-" or line.startswith("@")), None)
    if inner:
        raise UserError(f"{name}: names another list, {inner}; a list has files alone")
    return lines
