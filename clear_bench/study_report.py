"""tmp"""

from clear_bench.study import StudyResult
from pathlib import Path


def write(result: StudyResult, root: Path, out: Path) -> None:
    """tmp."""
    for v in result.variants:
        print(v.label, v.status, v.reason, v.runs)
