"""Training from Python: what ``clear-bench train`` does, its records as a table."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clear_bench.results.frame import results
from clear_bench.utils.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def train(
    method: str = "clear",
    dataset: str = "synthped",
    *,
    profile: str = "default",
    seeds: Iterable[int] = (0,),
    overrides: Mapping[str, Any] | None = None,
    data_root: str | Path | None = None,
    runs: str | Path = "runs",
    cache: str | Path = ".cache",
) -> "pd.DataFrame":
    """Train, evaluate and record a method; what has finished is not run again.

    It runs here, one run after the other, and sets this process's random seeds and number of
    threads, as training does; nothing is mirrored to MLflow.

    Args:
        method: File name of a method.
        dataset: Name of a data set.
        profile: ``smoke``, ``default``, ``base`` or ``paper``.
        seeds: Of everything random; each is one run of each task, a parent's own among them.
        overrides: Dotted keys to values, see `clear_bench.compose`.
        data_root: Folder of the official release; None for an embedded data set.
        runs: Folder of runs.
        cache: Folder of derived files.

    Returns:
        The rows of `clear_bench.results` of these runs.

    Raises:
        UserError: For any name, key or file that is wrong; if a loss diverged.
    """
    from clear_bench.training.cache import Cache
    from clear_bench.training.execute import execute
    from clear_bench.training.plan import plan

    root, place = Path(runs), Path(data_root) if data_root is not None else None
    planned = [
        run
        for seed in seeds
        for run in plan(method, dataset, profile, seed, overrides or {}, root=root, data_root=place)
    ]
    if not planned:
        raise UserError("seeds: none was given")
    ids = [record.run_id for record in execute(planned, Cache(Path(cache)))]
    table = results(root)
    return table[table["run_id"].isin(ids)].reset_index(drop=True)
