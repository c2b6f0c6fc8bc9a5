"""The one way from what a user calls a run to its folder."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from clear_bench.config.method import TASKS
from clear_bench.runs.facts import changes_of, in_words, of_studies
from clear_bench.runs.files import MANIFEST, RECORD, folders_of_runs
from clear_bench.runs.record import Record
from clear_bench.runs.stale import is_stale
from clear_bench.utils.errors import UserError

SHOWN = 4  # candidates in a message
LIST = "python -m clear_bench.runs list"
Found = tuple[Path, Record]


def find_run(root: Path, name: str, task: str = "") -> Path:
    """Return a run directory by what a user calls it.

    That is its path, or that of an exported model; its id; a method, ``clear``, or a method on a
    data set, ``clear@peta``, for the newest run of the method's own recipe that has finished, whose
    numbers count and that no study made; or the beginning of one id.

    Args:
        root: Folder of all runs.
        name: The words.
        task: Of a method both of whose tasks have runs the one that is meant; "" takes the newest.

    Raises:
        UserError: If none fits, or several do, with what differs between them.
    """
    if (Path(name) / RECORD).is_file() or (Path(name) / MANIFEST).is_file():
        return Path(name)
    folders = list(folders_of_runs(root))
    exact = [folder for folder in folders if folder.name == name]
    if len(exact) == 1:
        return exact[0]
    method, at, dataset = name.partition("@")
    of_method = [f for f in folders if f.name.startswith(tuple(f"{method}-{t}-" for t in TASKS))]
    if at or of_method:
        return _newest(root, of_method, name, dataset, task)
    fits = exact or [folder for folder in folders if folder.name.startswith(name)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise UserError(_ambiguous(root, name, fits))
    raise UserError(_nothing(root, name, folders))


def _newest(root: Path, folders: Sequence[Path], name: str, dataset: str, task: str) -> Path:
    """Return the newest run of a method's own recipe, see `find_run`."""
    found = [(folder, Record.load(folder)) for folder in folders]
    found = [(f, r) for f, r in found if r.dataset == (dataset or r.dataset)]
    found = [(f, r) for f, r in found if r.task == task] or found
    if not found:
        raise UserError(f"{name}: no such finished run below {root}; see: {LIST}")
    known = _known(root, found)
    counting = _counting(root, found, known)
    if not counting:
        raise UserError(
            f"{name}: no run of its recipe, outside studies, that has finished and whose numbers "
            f"count; name one of these by its id: {_listed(found, known)}; see: {LIST} {name}"
        )
    return max(counting, key=_age)[0]


def newest_of_recipes(root: Path) -> list[Found]:
    """Return the run that ``METHOD@DATASET`` names, of each method, data set and task.

    Args:
        root: Folder of all runs.
    """
    found = [(folder, Record.load(folder)) for folder in folders_of_runs(root)]
    known = {record.run_id: record for _, record in found}
    newest: dict[tuple[str, str, str], Found] = {}
    for each in sorted(_counting(root, found, known), key=_age):
        newest[each[1].dataset, each[1].task, each[1].method] = each
    return [newest[key] for key in sorted(newest)]


def _counting(root: Path, found: Sequence[Found], known: Mapping[str, Record]) -> list[Found]:
    """Return the finished runs of recipes, outside studies, whose numbers count."""
    return [
        (folder, record)
        for folder, record in found
        if record.status == "finished"
        and not is_stale(record)
        and not of_studies(folder, root)
        and changes_of(record, known) == {}
    ]


def _age(found: Found) -> tuple[str, str]:
    """Return what sorts runs by the time when they had finished."""
    return found[1].finished_at, found[0].name


def _ambiguous(root: Path, name: str, folders: Sequence[Path]) -> str:
    """Return what to say of a beginning that fits several runs."""
    found = [(folder, Record.load(folder)) for folder in folders]
    known = _known(root, found)
    recipes = [(f, r) for f, r in found if changes_of(r, known) == {} and not of_studies(f, root)]
    advice = ""
    if recipes and len(recipes) < len(found):
        newest = max(recipes, key=_age)[1]
        short = f"{newest.method}@{newest.dataset}"
        advice = f"the recipe's is {newest.run_id}, for short {short}; "
    listed = _listed([each for each in found if each not in recipes] + recipes, known)
    return f"{name}: {len(found)} runs fit; {advice}{listed}; see: {LIST} {name}"


def _listed(found: Sequence[Found], known: Mapping[str, Record]) -> str:
    """Return some runs, each with what tells it from the others, and how many more there are."""
    shown = [f"{record.run_id} ({in_words(record, known)})" for _, record in found[:SHOWN]]
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return ", ".join([*shown, *more])


def _known(root: Path, found: Sequence[Found]) -> dict[str, Record]:
    """Return run id to record of some runs and their ancestors."""
    known = {record.run_id: record for _, record in found}
    wanted = {record.parent for record in known.values()} - {"", *known}
    while wanted:
        above = [f for f in folders_of_runs(root) if f.name in wanted]
        fresh = {record.run_id: record for record in map(Record.load, above)}
        known |= fresh
        wanted = {record.parent for record in fresh.values()} - {"", *known}
    return known


def _nothing(root: Path, name: str, folders: Sequence[Path]) -> str:
    """Return what to say of words that no run fits."""
    if not folders:
        return f"{name}: no such finished run below {root}, where there is none; train one first"
    ids = [folder.name for folder in folders]
    methods = {i.partition(f"-{task}-")[0] for i in ids for task in TASKS if f"-{task}-" in i}
    near = difflib.get_close_matches(name, sorted({*ids, *methods}), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"see: {LIST}"
    return f"{name}: no such finished run below {root}; {hint}"
