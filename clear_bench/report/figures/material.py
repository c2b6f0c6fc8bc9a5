"""What figures are made of: the runs that count, by method, where methods may be compared."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clear_bench.config.dataset_name import in_files
from clear_bench.config.plugins import title_of
from clear_bench.config.protocol import is_oracle
from clear_bench.report.figures.looks import OWN, Look, family_of, legend_of, look_of
from clear_bench.report.figures.widths import WIDTHS
from clear_bench.results.groups import MARK_OF_ORACLE, Group, Loaded
from clear_bench.results.load import Results
from clear_bench.utils.errors import unknown

if TYPE_CHECKING:
    from matplotlib.artist import Artist

LONG = 44  # letters of a name in a figure
MAIN = {"recognition": "mA", "retrieval": "mAP"}
"""Task to the metric that ranks methods."""


@dataclass(frozen=True)
class Leaderboard:
    """Methods on one data set and task, by one protocol: numbers that may stand side by side.

    Args:
        stem: Name of a file about it.
        dataset: Key of the data set.
        task: ``recognition`` or ``retrieval``.
        protocol: Its signature.
        methods: Label to the runs of a method; every one has runs that may be shown.
        others: How many settings other than the methods' own recipes the tables have beside.
    """

    stem: str
    dataset: str
    task: str
    protocol: str
    methods: Mapping[str, Group]
    others: int = 0

    def values(self, method: str, metric: str = "") -> NDArray[np.float64]:
        """Return a metric of a method's runs in per cent ``(seeds,)``; "" is the main one."""
        value_by_seed = self.methods[method].values(metric or MAIN[self.task])
        return 100 * np.array(list(value_by_seed.values()))

    def mean(self, method: str) -> float:
        """Return the mean of the main metric over seeds in per cent."""
        return float(self.values(method).mean())

    @cached_property
    def ranked(self) -> list[str]:
        """The methods, best mean of the main metric first."""
        return sorted(self.methods, key=lambda m: (-self.mean(m), m))

    def runs(self, method: str) -> tuple[Loaded, ...]:
        """Return the runs of a method, by seed."""
        return self.methods[method].runs

    def kind(self, method: str) -> str:
        """Return ``own`` (CLEAR and its parts), ``floor`` (learns nothing) or ``baseline``."""
        group = self.methods[method]
        if family_of(group.method) == OWN:
            return "own"
        learns = group.runs[0].record.config.get(self.task, {}).get("train", {}).get("epochs", 1)
        return "baseline" if learns else "floor"

    def look(self, method: str) -> Look:
        """Return a method's colour and marker, the same in every figure."""
        return look_of(self.methods[method].method)

    def first(self, methods: Sequence[str], count: int) -> list[str]:
        """Return what is CLEAR's and then the first others, ``count`` if there are not more own."""
        own = [m for m in methods if self.kind(m) == "own"]
        rest = [m for m in methods if m not in own]
        return (own + rest)[: max(count, len(own))]

    def legend(self, methods: Iterable[str]) -> "list[Artist]":
        """Return a legend's entries for what is CLEAR's and for the families of the others."""
        keys = {self.methods[method].method for method in methods}
        return legend_of({key: title_of(key) for key in sorted(keys)})

    def title(self, method: str) -> str:
        """Return a method's name in print, with what tells it from its other settings."""
        short = {label: textwrap.shorten(self._full(label), LONG, placeholder=" ...")
                 for label in self.methods}  # fmt: skip
        twin = list(short.values()).count(short[method]) > 1
        mark = f" {MARK_OF_ORACLE}" if is_oracle(self.protocol) else ""
        return (self._full(method) if twin else short[method]) + mark

    def _full(self, method: str) -> str:
        """Return a method's name in print with the last words of the settings' keys."""
        key = self.methods[method].method
        rest = method.removeprefix(key).removesuffix(f" {MARK_OF_ORACLE}")
        settings = [word.rsplit(".", 1)[-1] if "=" in word else word for word in rest.split(", ")]
        if rest:
            settings[0] = f" ({settings[0].removeprefix(' (')}"
        return title_of(key) + ", ".join(settings)

    @property
    def caption(self) -> str:
        """What, on which data, by which protocol."""
        counts = {len(group.runs) for group in self.methods.values()}
        seeds = f"{min(counts)} to {max(counts)} seeds" if len(counts) > 1 else seeds_of(*counts)
        more = f"; {self.others} further settings are in the tables" if self.others else ""
        return f"Attribute {self.task} on {self.dataset}, {seeds}{more}. Protocol: {self.protocol}"

    def run_ids(self, *methods: str) -> tuple[str, ...]:
        """Return the ids of the runs of some methods, or of all."""
        return tuple(i for m in methods or self.methods for i in self.methods[m].run_ids)


@dataclass(frozen=True)
class Material:
    """The runs and studies that figures are drawn from.

    Args:
        results: Of one profile, or more of them: figures do not tell profiles apart.
        data: Folder in which each data set lies under its own name.
        publish: Whether pictures of data sets whose terms forbid it are shown.
        attention: Folder of what `clear_bench.attention` wrote, a folder a profile.
        width: ``column`` or ``text``: how wide every picture is; "" leaves each its own.
    """

    results: Results
    data: Path = Path("data")
    publish: bool = False
    attention: Path = Path("reports/attention")
    width: str = ""

    def __post_init__(self) -> None:
        """Refuse an unknown width.

        Raises:
            UserError: If there is none of that name.
        """
        if self.width and self.width not in WIDTHS:
            raise unknown("width", self.width, WIDTHS)

    def inches(self, own: float) -> float:
        """Return how wide a picture is whose own width is that."""
        return WIDTHS[self.width] if self.width else own

    @cached_property
    def left_out(self) -> list[str]:
        """One line a run that no figure shows, and why."""
        return [
            f"{run.record.run_id}: "
            + ("made by other code" if run.stale else f"failed ({run.record.reason})")
            + "; not drawn, train it again"
            for run in self.results.runs
            if not run.usable
        ]

    @cached_property
    def leaderboards(self) -> list[Leaderboard]:
        """All of them; of one data set and task, the protocol of most methods comes first."""
        by_task: dict[tuple[str, str], dict[str, dict[str, Group]]] = {}
        for group in self.results.groups():
            if group.values(MAIN[group.task]):
                place = by_task.setdefault((group.dataset, group.task), {})
                place.setdefault(group.protocol, {})[group.label] = group
        leaderboards = []
        for (dataset, task), protocols in sorted(by_task.items()):
            order = sorted(protocols, key=lambda p: (is_oracle(p), -len(protocols[p]), p))
            for number, protocol in enumerate(order):
                stem = f"{in_files(dataset)}-{task}" + (f"-{number + 1}" if number else "")
                shown = _own_recipes(protocols[protocol])
                others = len(protocols[protocol]) - len(shown)
                leaderboards.append(Leaderboard(stem, dataset, task, protocol, shown, others))
        return leaderboards

    @property
    def comparable(self) -> list[Leaderboard]:
        """The leaderboards of at least two methods."""
        return [board for board in self.leaderboards if len(board.methods) > 1]

    def usable(self, run_id: str) -> Loaded | None:
        """Return the run of that id if its numbers may be shown."""
        run = self.results.by_id.get(run_id)
        return run if run and run.usable else None


def _own_recipes(groups: Mapping[str, Group]) -> dict[str, Group]:
    """Return one group a method, that of its own recipe; all of a method without one."""
    plain = {group.method for group in groups.values() if group.is_recipe}
    return {
        label: group
        for label, group in groups.items()
        if group.is_recipe or group.method not in plain
    }


def seeds_of(count: int) -> str:
    """Return a number of seeds in words."""
    return "1 seed" if count == 1 else f"{count} seeds"
