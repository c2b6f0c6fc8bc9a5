"""Time the whole pipeline in a fresh clone, and put what it took into docs/performance.md.

``python tests/benchmarks/pipeline.py FOLDER``: clones the last commit into FOLDER, sets it up, and
times the default tests, `make repro` from nothing, `dvc repro` with nothing to do, and a report of
all its records with nothing kept, then with nothing changed.  Half an hour on two cores; the clone
stays.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tables import MEASURED, write

ROOT = Path(__file__).parents[2]


def seconds(clone: Path, *words: str) -> float:
    """Return the seconds of a command that runs in a clone, with nothing of this environment."""
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "LANG") if k in os.environ}
    path = os.pathsep.join(p for p in kept["PATH"].split(os.pathsep) if ".venv" not in p)
    started = time.perf_counter()
    subprocess.run(words, cwd=clone, env=kept | {"PATH": path}, check=True)
    return time.perf_counter() - started


clone = Path(sys.argv[1]).absolute()
subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
seconds(clone, "make", "setup")
tests = seconds(clone, "make", "test")
whole = seconds(clone, "make", "repro")
took = {"default tests, `make test`": (tests, 240.0)}
took |= {"`make repro`, cold, with all methods and the default studies": (whole, 1800.0)}
took["`dvc repro` with nothing to do"] = (seconds(clone, ".venv/bin/dvc", "repro"), 5.0)
records = len(list((clone / "runs").rglob("record.json")))
report = (".venv/bin/python", "-m", "clear_bench.report")
shutil.rmtree(clone / ".cache/figures", ignore_errors=True)
(clone / ".cache/report.json").unlink(missing_ok=True)
took[f"`report`, the pipeline's {records} records"] = (seconds(clone, *report), 4.0)
took["`report` with nothing changed"] = (seconds(clone, *report), 2.0)
commit = subprocess.run(["git", "-C", str(clone), "rev-parse", "HEAD"], check=True,
                        capture_output=True, text=True).stdout[:12]  # fmt: skip
results = json.loads(MEASURED.read_text(encoding="utf-8"))
for title, (found, below) in took.items():
    work = {"command": title, "seconds": found, "below": below, "commit": commit}
    key = "report, unchanged" if "nothing changed" in title else title.split("`")[1]
    results["works"][f"pipeline.py::{key}"] = work
MEASURED.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
write(results)
