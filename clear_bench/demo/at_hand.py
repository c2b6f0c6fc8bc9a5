"""Which runs a page shows."""

from dataclasses import dataclass
from pathlib import Path

from clear_bench.config.method import TASKS
from clear_bench.config.plugins import title_of
from clear_bench.runs.naming import Found, find_run, newest_of_recipes
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
    def can_answer(self) -> bool:
        """Whether it ranks, or keeps a network that recognises: what learns nothing keeps none."""
        task = self.record.task
        return task == "retrieval" or bool(self.record.config[task]["train"]["epochs"])


def runs_at_hand(root: Path, names: list[str]) -> dict[str, Shown]:
    """Return run id to the runs that are to be shown.

    Args:
        root: Folder of all runs.
        names: What to show, see `find_run`: of a method both of its tasks, of a retrieval run also
            its parent.  Without any: see `newest_of_recipes`.

    Raises:
        UserError: If there is none, or a name fits none; the message says how to make one.
    """
    found = _named(root, names) if names else newest_of_recipes(root)
    shown = {record.run_id: Shown(folder, record) for folder, record in found}
    shown = {run_id: each for run_id, each in shown.items() if each.can_answer}
    if not shown:
        raise UserError(
            f"{root}: no finished run of a recipe whose numbers count; make some in a few minutes: "
            f"{MAKE}; or name others by --run, see: clear-bench runs list"
        )
    return shown


def _named(root: Path, names: list[str]) -> list[Found]:
    """Return the runs of some names."""
    folders = [find_run(root, name, task) for name in names for task in TASKS]
    found = [(folder, Record.load(folder)) for folder in dict.fromkeys(folders)]
    unfinished = [record for _, record in found if record.status != "finished"]
    if unfinished:
        first = unfinished[0]
        raise UserError(f"{first.run_id}: has {first.status}; train it again")
    parents = {record.parent: find_run(root, record.parent) for _, record in found if record.parent}
    return [*found, *((folder, Record.load(folder)) for folder in parents.values())]
