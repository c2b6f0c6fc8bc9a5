"""tmp."""

from pathlib import Path

from clear_bench.study import StudyResult
from clear_bench.track import mirror_study


def write(result: StudyResult, root: Path, out: Path) -> None:
    """Temporary."""
    mirror_study(result, root)
    for v in result.variants:
        print(v.label, v.status, v.reason, v.runs)
