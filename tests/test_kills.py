"""Kills at random moments: every chain finishes, with the same bits, and leaves nothing behind.

``KILLS=20`` makes fewer of them than 100, ``FIRST=40`` begins with another one.
"""

import os
from collections import Counter

import pytest
from kills import Chain

pytestmark = pytest.mark.slow


@pytest.mark.timeout(4 * 3600)
def test_killed_at_any_moment_every_chain_finishes(market, tmp_path):
    chain = Chain(tmp_path, market)
    first, count = (int(os.environ.get(k, d)) for k, d in (("FIRST", 0), ("KILLS", 100)))
    counts = Counter(chain.killed(number) for number in range(first, first + count))
    print("\n".join(f"{name:8} {what:8} {n}" for (name, what), n in sorted(counts.items())))
    assert counts.total() == count
