"""What all benchmarks share: one thread, alternating rounds, and where results go."""

import gc
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
import torch

pytest.importorskip("pytest_benchmark", reason="install the comparators: make bench")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def versus(benchmark):
    """Return the function that times several ways of doing one work, in turn.

    In turn, so that a slower minute of the machine slows all of them; medians are compared.
    """

    def run(
        work: str,
        ways: dict[str, Callable[[], Any]],
        targets: dict[str, tuple[str, float]],
        *,
        rounds: int = 5,
        share: dict[str, float] | None = None,
        warm: bool = True,
    ) -> dict[str, float]:
        """Time ``ways`` and keep what was found in the JSON of pytest-benchmark.

        Args:
            work: What is done.
            ways: Name to function; the first is the project's own.  A function that returns a
                float has taken its time by itself.
            targets: Name of a peer to ``("at least", 2.0)``: peer's seconds over ours; or to
                ``("at most", 1.05)``: ours over the peer's.
            rounds: Of each way.
            share: Of the work that a way did, where all of it would take minutes.
            warm: Whether a first round does not count.
        """
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        gc.collect()
        gc.freeze()  # what peers hold is not looked through on anybody's time
        for number in range(rounds + warm):
            for name, way in ways.items():
                started = time.perf_counter()
                own = way()
                took = own if isinstance(own, float) else time.perf_counter() - started
                if number >= warm:
                    seconds[name].append(took / (share or {}).get(name, 1.0))
        found = {name: median(each) for name, each in seconds.items()}
        benchmark.extra_info.update(work=work, seconds=found, targets=targets,
                                    share=share or {}, rounds=rounds)  # fmt: skip
        benchmark.pedantic(lambda: None, rounds=1)
        return found

    return run


@pytest.fixture
def keep(benchmark):
    """Return the function that puts plain values into the JSON of pytest-benchmark."""

    def put(**values: Any) -> None:
        benchmark.extra_info.update(values)
        benchmark.pedantic(lambda: None, rounds=1)

    return put


@pytest.fixture
def growth(keep):
    """Return the function that times one work at growing sizes."""

    def run(axis: str, work: Callable[[int], Any], sizes: list[int], rounds: int = 3) -> None:
        points = []
        work(sizes[0])
        for size in sizes:
            took = []
            for _ in range(rounds):
                started = time.perf_counter()
                own = work(size)
                took.append(own if isinstance(own, float) else time.perf_counter() - started)
            points.append([size, median(took)])
        keep(axis=axis, points=points)

    return run
