"""What tables, figures and pages are made of: the records of a folder, read once.  No torch.

`Results` reads every record and every study's result; its runs fall into groups, one a row of a
table: runs of one method that differ in nothing but the seed.  What is failed, stale or missing
stays in its group as a `Gap`, so that nothing vanishes from a table in silence.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from clear_bench.config.choice import Choice
from clear_bench.config.protocol import is_oracle
from clear_bench.results.groups import Gap, Group, Loaded, groups_of
from clear_bench.results.missing import Expected, complete
from clear_bench.runs.facts import FACTS, chosen
from clear_bench.runs.files import STUDIES
from clear_bench.runs.record import Record, records, require_no_circle, settings
from clear_bench.runs.stale import why_stale
from clear_bench.runs.study_result import StudyResult, VariantResult, results
from clear_bench.utils.errors import UserError

__all__ = ["FACTS", "Gap", "Group", "Loaded", "Results"]


@dataclass(frozen=True)
class Results:
    """All records and studies below a folder.

    Args:
        root: Folder of all runs.
        runs: Every run, in order of path.
        studies: Every study's result.
        expected: What there should be; None where nobody says.
    """

    root: Path
    runs: tuple[Loaded, ...]
    studies: tuple[StudyResult, ...] = ()
    expected: Expected | None = None

    @classmethod
    def load(
        cls,
        root: Path,
        profile: str | None = "default",
        *,
        where: Choice = MappingProxyType({}),
        expected: Expected | None = None,
        stale: Callable[[Record], str] = why_stale,
        show_stale: bool = False,
    ) -> "Results":
        """Read the runs of a profile, or of all.

        Args:
            root: Folder of all runs.
            profile: Its name; None takes every profile.
            where: Keep only these runs: facts of `FACTS` to values.
            expected: What there should be; it shows what is missing, unless ``where`` chooses.
            stale: Says of a record why its numbers do not count; "" if they do.
            show_stale: Show what does not count all the same, in rows of its own that say why.

        Raises:
            UserError: If there is no record, one is broken, or ``where`` is.
        """
        folders = [root / profile] if profile else sorted(_profiles(root))
        places = _with_studies(root, folders)
        run_by_id = {r.run_id: (f, r) for folder in places for f, r in records(folder)}
        if not run_by_id:
            place = root / profile if profile else root
            raise UserError(f"{place}: no runs; train one first: python -m clear_bench.train")
        record_by_id = {run_id: record for run_id, (_, record) in run_by_id.items()}
        require_no_circle(record_by_id)
        runs = tuple(
            _loaded(f, r, record_by_id, stale(r), show_stale) for f, r in run_by_id.values()
        )
        names = [folder.name for folder in folders]
        studies = tuple(study for name in names for study in results(root, name))
        everything = cls(root, runs, studies, expected)
        return everything.where(where) if where else everything

    def where(self, choice: Choice) -> "Results":
        """Return the runs that have the chosen facts, and the studies of what is left.

        Args:
            choice: Some of `FACTS` to values, see `clear_bench.config.choice`.

        Raises:
            UserError: For another fact, or a value that no run has.
        """
        kept_runs = chosen([r.record for r in self.runs], choice)
        runs = tuple(r for r, kept in zip(self.runs, kept_runs, strict=True) if kept)
        kept = {(r.record.profile, r.record.dataset) for r in runs}
        studies = tuple(s for s in self.studies if (s.profile, s.dataset) in kept)
        return replace(self, runs=runs, studies=studies, expected=None)

    def of_profile(self, profile: str) -> "Results":
        """Return the runs and studies of one profile."""
        runs = tuple(r for r in self.runs if r.record.profile == profile)
        studies = tuple(s for s in self.studies if s.profile == profile)
        return replace(self, runs=runs, studies=studies)

    def of_study(self, study: StudyResult) -> "Results":
        """Return the runs that one study's result names, as if there were no other study."""
        named = {i for v in study.variants for i in v.runs.values()}
        named |= set(study.search.runs.values()) if study.search else set()
        return replace(
            self,
            runs=tuple(r for r in self.runs if r.record.run_id in named),
            studies=(study,),
        )

    @cached_property
    def by_id(self) -> dict[str, Loaded]:
        """Run id to run."""
        return {r.record.run_id: r for r in self.runs}

    @cached_property
    def datasets(self) -> list[str]:
        """Names of the data sets that have runs."""
        return sorted({r.record.dataset for r in self.runs})

    @cached_property
    def of_studies(self) -> frozenset[str]:
        """Ids of the runs that a study made or names and that no method's own recipe makes."""
        place = self.root / STUDIES
        named = {r.record.run_id for r in self.runs if r.folder.is_relative_to(place)} | {
            run_id
            for study in self.studies
            for runs in [v.runs for v in study.variants]
            + [study.search.runs if study.search else {}]
            for run_id in runs.values()
        }
        return frozenset(i for i in named if i in self.by_id and self.by_id[i].changes)

    @cached_property
    def all_groups(self) -> list[Group]:
        """Every group, those of studies too, by profile, data set, task, protocol and label."""
        return groups_of(self.runs)

    @cached_property
    def group_of(self) -> dict[str, Group]:
        """Run id to the first of all groups that shows it."""
        return {run_id: g for g in reversed(self.all_groups) for run_id in g.run_ids}

    def groups(self, dataset: str | None = None, task: str | None = None) -> list[Group]:
        """Return the groups of methods, without the variants of studies.

        Args:
            dataset: Only this one's.
            task: Only this one's.
        """
        return [
            g
            for g in self.all_groups
            if dataset in (None, g.dataset) and task in (None, g.task)
            if not g.runs or not set(g.run_ids) <= self.of_studies
        ]

    def by_protocol(self, dataset: str, task: str) -> list[list[Group]]:
        """Return the groups of each profile and protocol, missing runs as gaps.

        The protocol of most methods comes first: only its numbers may be compared with each other.
        One that selects on test comes after all that do not.
        """
        by_rules: dict[tuple[str, str], list[Group]] = {}
        for profile in sorted({r.record.profile for r in self.runs}):
            of_profile = [g for g in self.groups(dataset, task) if g.profile == profile]
            for group in complete(of_profile, self.expected):
                by_rules.setdefault((profile, group.protocol), []).append(group)
        return [
            by_rules[key]
            for key in sorted(by_rules, key=lambda k: (is_oracle(k[1]), -len(by_rules[k]), k))
        ]

    def variant(self, study: StudyResult, variant: VariantResult) -> Group:
        """Return the group of a study's variant: its runs, and a gap for each seed without one."""
        run_by_seed = {seed: self.by_id.get(run_id) for seed, run_id in variant.runs.items()}
        usable = tuple(run for _, run in sorted(run_by_seed.items()) if run and run.usable)
        have = {run.record.seed for run in usable}
        gaps = [_gap_of(study, variant, seed) for seed in study.seeds if seed not in have]
        return Group(
            study.profile, study.dataset, study.task,
            usable[0].record.protocol if usable else "",
            variant.method or study.method, variant.label, usable, tuple(gaps), variant.overrides,
        )  # fmt: skip


def _profiles(root: Path) -> Iterable[Path]:
    """Return the folders of profiles below the folder of all runs."""
    places = [*root.glob("*"), *(root / STUDIES).glob("*")]
    names = {f.name for f in places if f.is_dir() and f.name[0] != "."} - {STUDIES}
    return (root / name for name in names)


def _with_studies(root: Path, folders: Iterable[Path]) -> Iterable[Path]:
    """Return the folders of profiles, each after that of the runs which studies made."""
    return (f for folder in folders for f in (root / STUDIES / folder.name, folder) if f.is_dir())


def _loaded(
    folder: Path,
    record: Record,
    record_by_id: Mapping[str, Record],
    stale: str,
    show: bool,
) -> Loaded:
    """Return a run with what is derived of its record and its parent's."""
    parent = record_by_id.get(record.parent)
    overrides = (parent.overrides if parent else {}), record.overrides
    changed = None if None in overrides else {**(overrides[0] or {}), **(overrides[1] or {})}
    return Loaded(folder, record, stale, settings(record, record_by_id), changed, show)


def _gap_of(study: StudyResult, variant: VariantResult, seed: int) -> Gap:
    """Return why a variant has no number for a seed."""
    if variant.status == "finished":
        run_id = variant.runs.get(seed, "")
        reason = "its numbers no longer count" if run_id else "no run of that seed"
        return Gap(seed, "stale" if run_id else "missing", reason, run_id)
    return Gap(seed, variant.status, variant.reason, variant.runs.get(seed, ""))
