"""The table of a paper: all methods, data sets side by side, in groups, the own method last."""

from collections.abc import Sequence
from dataclasses import replace

from clear_bench.config.citation import FAMILIES
from clear_bench.config.plugins import title_of
from clear_bench.report.bibliography import backbone, dataset_title, family, paper_of
from clear_bench.report.tables.appendix import rules
from clear_bench.report.tables.beside import published_rows
from clear_bench.report.tables.marks import mark_columns
from clear_bench.report.tables.methods import notes_of
from clear_bench.report.tables.model import Cell, Column, Row, Table, TableSpec, cell
from clear_bench.results.groups import Group
from clear_bench.results.load import Results
from clear_bench.results.significance import Comparison, compare, how

ALL = "all"  # stands for the data set of a table of several
FACTS = ("Year", "Backbone")
SAID = ("train", "train+val", "select", "threshold", "image", "query", "gallery", "removal", "ap")


def across_datasets(results: Results, spec: TableSpec, name: str, caption: str) -> list[Table]:
    """Return a table a task: a row a method's own recipe, the columns of each data set.

    Options: ``columns``, task to columns; ``own``, methods whose last row is shaded, the own one
    last; ``datasets``, in their order; ``floors``, whether they are shown; ``published``, whether
    published rows stand above; ``style``.
    """
    tables = []
    datasets = spec.options.get("datasets") or results.datasets
    for task, columns in spec.options["columns"].items():
        groups_by_set = {d: recipes(results, d, task) for d in datasets}
        if not any(g.runs for groups in groups_by_set.values() for g in groups):
            continue
        tables.append(_table(name, f"{caption} Attribute {task}", spec, task, columns,
                             groups_by_set))  # fmt: skip
    return tables


def recipes(results: Results, dataset: str, task: str) -> list[Group]:
    """Return the groups of methods as they are, in the protocol that most of them have."""
    by_protocol = results.by_protocol(dataset, task)
    return [g for g in (by_protocol or [[]])[0] if g.is_recipe]


def _table(
    name: str, caption: str, spec: TableSpec, task: str, columns: Sequence[Column],
    groups_by_set: dict[str, list[Group]],
) -> Table:  # fmt: skip
    """Return the table of one task."""
    heads = [replace(c, over=dataset_title(d)) for d in groups_by_set for c in columns]
    methods = {g.method for groups in groups_by_set.values() for g in groups}
    if not spec.options.get("floors", True):
        methods = {m for m in methods if family(m) != "floor"}
    own = [m for m in spec.options["own"] if m in methods]
    cells_of: dict[str, list[Cell]] = {method: [] for method in methods}
    notes_by_method: dict[str, list[str]] = {method: [] for method in methods}
    untested: dict[str, str] = {}
    for dataset, groups in groups_by_set.items():
        of_method = {g.method: g for g in groups}
        tests = _tests(of_method, own, columns)
        untested |= {dataset_title(dataset): tests.untested[o] for o in own if o in tests.untested}
        for method in methods:
            group = of_method.get(method)
            cells_of[method] += [_cell(group, c, tests) for c in columns]
            if group and group.runs:
                notes_by_method[method] += [
                    f"{dataset_title(dataset)}: {n}" for n in notes_of(group)
                ]
    marked = mark_columns(
        [
            _row(m, cells_of[m], notes_by_method[m], own, groups_by_set)
            for m in _order(methods, own)
        ],
        heads,
    )
    above = published_rows(task, columns, groups_by_set) if spec.options.get("published") else {}
    rows = tuple(
        replace(row, section=mine.section)
        for mine in marked
        for row in (*above.get(mine.method, ()), mine)
    )
    sets = ", ".join(dataset_title(d) for d in groups_by_set)
    return Table(
        name, f"{ALL}-{name}-{task}", ALL, f"{caption} on {sets}, test split, per cent.", "Method",
        tuple(heads), rows, details=_details(task, groups_by_set, own, untested), facts=FACTS,
        style=spec.options.get("style", "report"),
    )  # fmt: skip


def _tests(
    of_method: dict[str, Group], own: Sequence[str], columns: Sequence[Column]
) -> Comparison:
    """Return the tests of all methods of a data set against the own one."""
    reference = of_method.get(own[-1]) if own else None
    if reference is None or not reference.runs:
        return Comparison("")
    return compare(of_method.values(), reference, [c.metric for c in columns])


def _cell(group: Group | None, column: Column, tests: Comparison) -> Cell:
    """Return one number; a gap where the method was not run."""
    if group is None:
        return Cell()
    dagger = tests.differs(group.label, column.metric)
    return cell(group.estimate(column.metric), column, tuple(group.run_ids),
                protocol=group.protocol, dagger=dagger)  # fmt: skip


def _order(methods: set[str], own: Sequence[str]) -> list[str]:
    """Return methods by family, then year and title; the own one last of all but floors."""

    def key(method: str) -> tuple[int, int, int, str]:
        paper = paper_of(method)
        place = own.index(method) + 1 if method in own else 0
        return (
            list(FAMILIES).index(family(method)),
            place,
            paper.year if paper else 0,
            title_of(method).lower(),
        )

    return sorted(methods, key=key)


def _row(
    method: str, cells: Sequence[Cell], notes: Sequence[str], own: Sequence[str],
    groups_by_set: dict[str, list[Group]],
) -> Row:  # fmt: skip
    """Return the row of a method."""
    paper = paper_of(method)
    profile = next(g.profile for groups in groups_by_set.values() for g in groups)
    facts = (str(paper.year) if paper else "", backbone(method, profile))
    last = bool(own) and method == own[-1]
    return Row(method, tuple(cells), tuple(notes), method, FAMILIES[family(method)], facts, last)


def _details(
    task: str, groups_by_set: dict[str, list[Group]], own: Sequence[str], untested: dict[str, str]
) -> str:
    """Return the sentences on seeds, tests and protocols."""
    counts = sorted({len(g.runs) for groups in groups_by_set.values() for g in groups if g.runs})
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    words = [f"Mean over {seeds} seed{'s' * (counts[-1] > 1)}; deviations and runs are in the "
             "tables of each data set. Bold best, underlined second of a column."]  # fmt: skip
    if own and untested:
        words.append("No test on " + ", ".join(f"{d} ({why.rpartition('npz: ')[2]})"
                                               for d, why in untested.items()) + ".")  # fmt: skip
    if own and len(untested) < len(groups_by_set):
        words.append(
            f"† differs from {title_of(own[-1])} at 5 % in that metric (Holm-corrected on each "
            f"data set). {how(task)}"
        )
    signatures = {dataset_title(d): rules(gs[0].protocol) for d, gs in groups_by_set.items() if gs}
    shared, special = _protocols(signatures)
    words.append(f"Protocol: {shared}{special}; in full in the appendix.")
    return " ".join(words)


def _protocols(signatures: dict[str, dict[str, str]]) -> tuple[str, str]:
    """Return what the protocols of all data sets share of `SAID`, and the splits."""
    every = list(signatures.values())
    same = [f"{k} {every[0][k]}" for k in SAID
            if k in every[0] and all(s.get(k) == every[0][k] for s in every)]  # fmt: skip
    splits = ", ".join(f"{d} {s.get('split', '')}" for d, s in signatures.items())
    return "; ".join(same), f"; splits: {splits}"
