"""Two sets of records side by side: which numbers moved, which came and which went."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clear_bench.config.choice import Choice
from clear_bench.results.groups import Group
from clear_bench.results.load import Results
from clear_bench.results.statistics import Estimate

Key = tuple[str, str, str, str, str]
COUNTS = "queries"  # a count and no measure


@dataclass(frozen=True)
class Moved:
    """A number that is another one there, in per cent.

    Args:
        name: Profile, data set, task and method; protocol in brackets where it tells two apart.
        metric: Of test.
        mine: Mean here.
        theirs: Mean there.
        interval: The 95 % interval over seeds there, in words.
    """

    name: str
    metric: str
    mine: float
    theirs: float
    interval: str

    @property
    def difference(self) -> float:
        """What is more here."""
        return self.mine - self.theirs


@dataclass(frozen=True)
class Comparison:
    """What differs between two sets of records.

    Args:
        moved: Numbers beyond the other's interval.
        rest: Lines that count and name all else.
    """

    moved: list[Moved]
    rest: list[str]


def compare_roots(results: Results, other: Path, profile: str | None, where: Choice) -> Comparison:
    """Compare these records with those of another folder.

    A number has moved if its mean lies outside the other's 95 % interval; with one seed there is
    no interval, and any difference counts.  The other's runs count whatever code made them: that
    is what they are compared for.

    Args:
        results: The present runs.
        other: Folder of all the other runs.
        profile: See `Results.load`.
        where: See `Results.load`.

    Raises:
        UserError: If there is no record there.
    """
    named = profile or (None if "profile" in where else "default")
    old = Results.load(other, named, where=where, stale=lambda record: "")
    before, now = _by_key(old), _by_key(results)
    both = [key for key in now if key in before]
    names = _names([*before, *now])
    moved, within, equal = [], 0, 0
    for key in both:
        for metric, was, current in _pairs(before[key], now[key]):
            if was.mean == current.mean:
                equal += 1
            elif was.n > 1 and was.low <= current.mean <= was.high:
                within += 1
            else:
                moved.append(_moved(names[key], metric, was, current))
    changed = [line for key in both for line in _other_settings(names[key], before[key], now[key])]
    first = (
        f"{len(both)} methods in both: {equal} numbers equal, {within} within the 95 % "
        f"interval of {other}, {len(moved)} beyond it"
    )
    alone = [("only here", now, before), (f"only in {other}", before, now)]
    rest = [
        line
        for words, ours, theirs in alone
        for line in _alone(words, [names[key] for key in ours if key not in theirs])
    ]
    return Comparison(moved, [first, *changed, *rest])


def _alone(words: str, names: Sequence[str]) -> list[str]:
    """Return a line that counts and names the methods of one side alone; none if there is none."""
    return [f"{words}: {len(names)}: {', '.join(names)}"] if names else []


def _by_key(results: Results) -> dict[Key, Group]:
    """Return the groups that have runs by what they are compared by."""
    groups = (g for g in results.all_groups if g.runs)
    return {(g.profile, g.dataset, g.task, g.protocol, g.label): g for g in groups}


def _pairs(before: Group, now: Group) -> Iterator[tuple[str, Estimate, Estimate]]:
    """Yield each test metric that both have, with both estimates."""
    for metric in now.runs[0].record.metrics.get("selected", {}).get("test", {}):
        was, current = before.estimate(metric), now.estimate(metric)
        if metric != COUNTS and was and current:
            yield metric, was, current


def _moved(name: str, metric: str, was: Estimate, current: Estimate) -> Moved:
    """Return a number that moved, in per cent."""
    interval = "one seed, none" if was.n == 1 else (
        f"{100 * was.low:.2f} to {100 * was.high:.2f}, n = {was.n}"
    )  # fmt: skip
    return Moved(name, metric, 100 * current.mean, 100 * was.mean, interval)


def _other_settings(name: str, before: Group, now: Group) -> list[str]:
    """Return a line if the settings of a method are not what they were."""
    old, new = before.runs[0].settings, now.runs[0].settings
    changed = [k for k in sorted({*old, *new}) if old.get(k) != new.get(k)]
    changes = ", ".join(f"{k} {old.get(k)} -> {new.get(k)}" for k in changed)
    return [f"other settings: {name}: {changes}"] if changed else []


def _names(keys: Sequence[Key]) -> dict[Key, str]:
    """Return each group in words; those that only their protocols tell apart have these too."""
    short = {key: " ".join((*key[:3], key[4])) for key in keys}
    often = Counter(short.values())
    return {k: f"{name} [{k[3]}]" if often[name] > 1 else name for k, name in short.items()}
