"""How a process that computes treats memory: it keeps what it frees, and seldom collects."""

import subprocess
import sys

FAULTS = """
import gc, resource, sys
import numpy as np
from clear_bench.utils.memory import ALLOCATIONS, collect_rarely, keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
    keep_freed_memory()
    assert gc.get_threshold()[0] == ALLOCATIONS
    assert gc.get_freeze_count() > 0
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    arrays = [np.ones(1 << 18, np.float64) for _ in range(20)]  # 2 MB each
    return sum(float(a[0]) for a in arrays)
work()
before = faults()
for _ in range(5):
    assert work() == 20.0
print(faults() - before)
"""


def faults(how: str) -> int:
    run = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(run, check=True, capture_output=True, text=True).stdout)


def test_memory_is_mapped_once():
    pages = 20 * (2 << 20) // 4096
    assert faults("keep") < pages / 2  # five rounds; without it each maps its pages anew
