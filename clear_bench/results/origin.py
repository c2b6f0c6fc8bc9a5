"""Where a number comes from, in words: its runs, their commit and the command that makes them."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from clear_bench.results.groups import Group, Loaded
from clear_bench.utils.foreign import parse_yaml


@dataclass(frozen=True)
class Origin:
    """What stands behind a number.

    Args:
        run_ids: By seed.
        parents: Their parents' ids.
        seeds: The seeds.
        commits: Git commits that made them, "+changes" where the checkout was not clean.
        changes: Dotted keys to values that differ from the method's own recipe; None where an
            old record does not say.
        command: What makes the runs again.
        mlflow: Names of the runs in MLflow (experiment ``clear-bench``).
        config: Resolved configuration of the first run.
    """

    run_ids: tuple[str, ...]
    parents: tuple[str, ...]
    seeds: tuple[int, ...]
    commits: tuple[str, ...]
    changes: Mapping[str, Any] | None
    command: str
    mlflow: tuple[str, ...]
    config: Mapping[str, Any]


def origin(group: Group) -> Origin:
    """Return where the numbers of a group come from; without runs all but the command is empty."""
    records = [run.record for run in group.runs]
    return Origin(
        run_ids=tuple(r.run_id for r in records),
        parents=tuple(dict.fromkeys(r.parent for r in records if r.parent)),
        seeds=tuple(r.seed for r in records),
        commits=tuple(dict.fromkeys(_commit(r.provenance) for r in records)),
        changes=group.changes,
        command=command(group),
        mlflow=tuple(r.run_id for r in records),
        config=records[0].config if records else {},
    )


def command(group: Group) -> str:
    """Return the command line that makes the runs of a group, gaps included.

    An older record does not say its changes; then those of its own command line are taken.
    """
    seeds = sorted({*group.seeds, *(gap.seed for gap in group.gaps)}) or [0]
    arguments = ["python", "-m", "clear_bench.train", "--method", group.method]
    arguments += ["--dataset", group.dataset, "--profile", group.profile]
    for seed in seeds:
        arguments += ["--seed", str(seed)]
    for pair in _pairs(group):
        arguments += ["--set", pair]
    return shlex.join(arguments)


def _pairs(group: Group) -> Sequence[str]:
    """Return ``key=value`` of each change."""
    if group.changes is None:
        return _given(group.runs[0]) if group.runs else []
    return [f"{key}={_value(value)}" for key, value in sorted(group.changes.items())]


def _value(value: Any) -> str:
    """Return a value as YAML on one line; a text that would be read as something else quoted."""
    try:
        if isinstance(value, str) and parse_yaml(value) == value:
            return value
    except ValueError:  # it is no YAML as it is
        pass
    return json.dumps(value)


def _given(run: Loaded) -> list[str]:
    """Return what followed ``--set`` on the command line of a run."""
    arguments = run.record.provenance.get("command", "").split()
    return [after for argument, after in pairwise(arguments) if argument == "--set"]


def _commit(provenance: Mapping[str, Any]) -> str:
    """Return a commit, and whether the checkout had changes."""
    commit = str(provenance.get("git_commit", "unknown"))
    return f"{commit}+changes" if provenance.get("git_dirty") else commit
