"""Which runs a page shows."""

from dataclasses import dataclass
from pathlib import Path

from clear_bench.config.plugins import title_of
from clear_bench.runs.naming import find_run, newest_of_recipes
from clear_bench.runs.record import Record
from clear_bench.utils.errors import UserError

MAKE = "clear-bench train --method clear --method asmr --dataset synthped --profile smoke"


@dataclass(frozen=True)
class Shown:
    """A run that can be chosen.

    Args:
        folder: Run directory.
        record: Its record.
    """

    folder: Path
    record: Record

    @property
    def title(self) -> str:
        """What it is called in a list."""
        record = self.record
        return f"{title_of(record.method)} ({record.profile}, seed {record.seed})"

    @property
    def learns(self) -> bool:
        """Whether the method learns anything; one that does not keeps no weights."""
        return bool(self.record.config[self.record.task]["train"]["epochs"])


def runs_at_hand(root: Path, names: list[str]) -> dict[str, Shown]:
    """Return run id to the runs that are to be shown.

    Args:
        root: Folder of all runs.
        names: What to show, see `find_run`; of a name that means no task its recognition run is
            taken too, if that is another.  Without any: see `newest_of_recipes`.

    Raises:
        UserError: If there is none, or a name fits none; the message says how to make one.
    """
    found = newest_of_recipes(root)
    if names:
        folders = [
            find_run(root, name, task) for name in names for task in ("retrieval", "recognition")
        ]
        found = [(folder, Record.load(folder)) for folder in dict.fromkeys(folders)]
    shown = {record.run_id: Shown(folder, record) for folder, record in found}
    shown = {
        run: each for run, each in shown.items() if each.record.task == "retrieval" or each.learns
    }
    if not shown:
        raise UserError(
            f"{root}: no finished run of a recipe whose numbers count; make some in a few minutes: "
            f"{MAKE}; or name others by --run, see: clear-bench runs list"
        )
    return shown
