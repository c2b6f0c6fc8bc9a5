"""By what a reader chooses a table: its data set, its task, its protocol, its profile."""

from collections.abc import Sequence

from clear_bench.config import plugins
from clear_bench.report.bibliography import dataset_title
from clear_bench.report.tables import model
from clear_bench.report.tables.build import KIND
from clear_bench.report.tables.main import ALL
from clear_bench.report.tables.methods import by_method
from clear_bench.report.tables.studies import by_variant

EVERY = "all data sets"
MAIN = "main"
"""The metrics of the paper's first tables; a heading need not say it."""


def facets_of(tables: Sequence[model.Table], profile: str) -> dict[str, dict[str, str]]:
    """Return the stem of each table -> name and value of what it is chosen by.

    Args:
        tables: Of one profile.
        profile: Its name.
    """
    protocols = _protocols([table for table in tables if _spec(table).build is by_method])
    facets = {}
    for table in tables:
        spec, dataset = _spec(table), title_of(table.dataset)
        if spec.build is by_method:
            own = {"task": spec.task, "data set": dataset, "metrics": _metrics(table.spec),
                   "protocol": protocols[table.stem]}  # fmt: skip
        elif spec.build is by_variant:
            own = {"data set": dataset, "study": _rest(table, f"{table.dataset}-{table.spec}-")}
        else:
            own = {"data set": dataset, "table": _rest(table, f"{table.dataset}-")}
        facets[table.stem] = {**own, "profile": profile}
    return facets


def heading(facets: dict[str, str]) -> str:
    """Return what stands above a table: its facets but for what goes without saying."""
    return ", ".join(v for name, v in facets.items() if name != "profile" and v != MAIN)


def title_of(dataset: str) -> str:
    """Return a data set's name in print; tables of several are of all."""
    return EVERY if dataset == ALL else dataset_title(dataset)


def _protocols(tables: Sequence[model.Table]) -> dict[str, str]:
    """Return the stem of each leaderboard -> its protocol's split, and what is special about it.

    Leaderboards of one data set and task are told apart by those parts that differ.
    """
    names = {}
    for table in tables:
        own = protocol_of(table).split("|")
        twins = [t for t in tables if (t.dataset, t.spec) == (table.dataset, table.spec)]
        shared = set.intersection(*(set(protocol_of(t).split("|")) for t in twins))
        names[table.stem] = " ".join([*own[1:2], *(p for p in own[2:] if p not in shared)])
    return names


def protocol_of(table: model.Table) -> str:
    """Return the protocol of a table's numbers."""
    return next((c.protocol for row in table.rows for c in row.cells if c.protocol), "")


def _spec(table: model.Table) -> model.TableSpec:
    """Return the spec of a table."""
    spec: model.TableSpec = plugins.load(KIND, table.spec).TABLE
    return spec


def _rest(table: model.Table, start: str) -> str:
    """Return what of a table's file name tells it from others, in words."""
    return table.stem.removeprefix(start).replace("-", " ").replace("_", " ")


def _metrics(spec: str) -> str:
    """Return what a spec of leaderboards shows: the main metrics, or what its name says."""
    return MAIN if spec.endswith(f"_{MAIN}") else spec.replace("_", " ")
