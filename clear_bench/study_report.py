"""tmp"""

from pathlib import Path

from clear_bench.study import StudyResult


def write(result: StudyResult, root: Path, out: Path) -> None:
    """Tmp."""
    for v in result.variants:
        print(v.label, v.status, v.reason, v.runs)
