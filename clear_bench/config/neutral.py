"""The mark of an option that is younger than the numbers."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Neutral:
    """Marks an option that is younger than the numbers: at this value they are as before it.

    ``accumulate: Annotated[Positive, Neutral(1)] = 1`` adds an option that makes no run stale.
    """

    value: Any
