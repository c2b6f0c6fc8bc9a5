"""What is known of a run before it has a record: its attempts, and the epochs that have ended."""

import json
import time
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    RootModel,
    StringConstraints,
    ValidationError,
)

from clear_bench.runs.fields import Name, Number
from clear_bench.runs.files import ATTEMPTS, HISTORY
from clear_bench.utils.files import write_text
from clear_bench.utils.progress import say

MAKING = "making"
"""Key of a record's provenance: which making of a run it is of, see `Attempts`."""


class Attempts(BaseModel):
    """What is noted of the attempts at a run; times are seconds since 1970.

    Args:
        before: Seconds that the attempts before this one took.
        began: When this one began.
        making: Names these attempts together: a run that is made anew has another name.
        first: When the first of them began.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    before: NonNegativeFloat
    began: NonNegativeFloat
    making: Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")] = Field(
        default_factory=lambda: uuid4().hex
    )
    first: NonNegativeFloat = 0.0


class _History(RootModel[list[dict[Name, Number | None]]]):
    """The epochs of a run, as in a record."""


def begin_attempt(folder: Path) -> Attempts:
    """Note that another attempt at a run begins, and return what is known of all of them.

    An attempt that was killed cannot say when: it counts up to the last file that it wrote.

    Args:
        folder: Run directory; keeps the note in `ATTEMPTS` until the run has finished.
    """
    now = time.time()
    known = read_attempts(folder)
    note = Attempts(before=0, began=now, first=now)
    if known:
        written = [f.stat().st_mtime for f in folder.rglob("[!.]*") if f.is_file()]
        before = known.before + max(0.0, max(written, default=0.0) - known.began)
        first = known.first or known.began
        note = Attempts(before=before, began=now, making=known.making, first=first)
    write_text(folder / ATTEMPTS, json.dumps(note.model_dump()))
    return note


def read_attempts(folder: Path) -> Attempts | None:
    """Return the note; None if there is none, or nothing is known since it is damaged."""
    try:
        return Attempts.model_validate_json((folder / ATTEMPTS).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        say(f"{folder / ATTEMPTS}: damaged; the time that earlier attempts took is not counted")
        return None


def forget_attempts(folder: Path) -> None:
    """Remove what a record makes needless."""
    for name in (ATTEMPTS, HISTORY):
        (folder / name).unlink(missing_ok=True)


def read_history(folder: Path) -> list[dict[str, float]]:
    """Return the epochs that have ended, as in a record; none if none has, or it is damaged."""
    try:
        rows = _History.model_validate_json((folder / HISTORY).read_bytes()).root
    except FileNotFoundError:
        return []
    except ValidationError:
        say(f"{folder / HISTORY}: damaged; what it says is left out")
        return []
    return [{k: v for k, v in row.items() if v is not None} for row in rows]
