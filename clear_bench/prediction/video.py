"""Frames of a video file, sampled evenly, where opencv can read it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clear_bench.utils.errors import UserError

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
FORM = re.compile(r"(\d+(?:\.\d+)?)(ms|s|f)")


@dataclass(frozen=True)
class Sampling:
    """Which frames are taken; one of the two is given.

    Args:
        seconds: The first at or after each multiple of it.
        frames: Each so many-th.
    """

    seconds: float = 0.0
    frames: int = 0


def is_video(name: str) -> bool:
    """Return whether a file is a video by its suffix."""
    return name.lower().endswith(SUFFIXES)


def parse_sampling(text: str) -> Sampling:
    """Return what ``1s``, ``250ms`` or ``10f`` (each tenth frame) says.

    Raises:
        UserError: If it has another form.
    """
    form = FORM.fullmatch(text)
    value = float(form[1]) if form else 0.0
    if not form or value <= 0 or (form[2] == "f" and value != int(value)):
        raise UserError(f"--every {text}: must be as 1s, 250ms or 10f (each tenth frame)")
    if form[2] == "f":
        return Sampling(frames=int(value))
    return Sampling(seconds=value / (1000 if form[2] == "ms" else 1))


def sampled(
    path: Path, rule: Sampling, wanted: set[int] | None
) -> Iterator[tuple[int, float, Any]]:
    """Yield number, time in seconds and picture (of Pillow, RGB) of each sampled frame.

    Only frames that are taken are decoded to pictures; the others are passed over.

    Args:
        path: The video.
        rule: Which frames.
        wanted: Numbers of frames to take of those; None takes all.

    Raises:
        UserError: If it cannot be read, or has no frame.
    """
    import cv2
    from PIL import Image

    cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_SILENT
    )  # its own lines say nothing that ours do not
    video = cv2.VideoCapture(str(path))
    try:
        number, due = 0, 0.0
        while video.grab():
            seconds = max(0.0, video.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            takes = number % rule.frames == 0 if rule.frames else seconds >= due - 1e-6
            if takes and rule.seconds:
                due = (seconds // rule.seconds + 1) * rule.seconds
            if takes and (wanted is None or number in wanted):
                read, picture = video.retrieve()
                if not read:
                    raise UserError(f"{path}: frame {number} cannot be decoded")
                yield number, seconds, Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            number += 1
    finally:
        video.release()
    if not number:
        raise UserError(f"{path}: not a video that opencv can read")
