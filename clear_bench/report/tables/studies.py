"""Tables of ablation studies, and of generalisation to other data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan

from clear_bench.config.plugins import title_of
from clear_bench.report.bibliography import dataset_title
from clear_bench.report.tables.marks import mark_columns
from clear_bench.report.tables.methods import falling, notes_of, protocol_words, seeds_words, stem
from clear_bench.report.tables.model import Cell, Column, Row, Table, TableSpec, cell
from clear_bench.results.groups import Group
from clear_bench.results.load import Results
from clear_bench.results.significance import Comparison, compare, explanation, how
from clear_bench.results.statistics import Estimate, difference
from clear_bench.runs.study_result import StudyResult, VariantResult

HEADS = {
    "mA": "mA", "accuracy": "Acc", "precision": "Prec", "recall": "Rec", "f1": "F1",
    "f1_instance": "F1 (instance)", "rank1": "R@1", "rank5": "R@5", "rank10": "R@10",
    "mAP": "mAP", "mINP": "mINP",
}  # fmt: skip
INTERVAL = "95 % CI"
SELF = "reference"
LEAST_P = 0.001
WEIGHTS = Column("trainable (M)", "trainable_parameters", 0, 3, 1e-6, spread=False)


def by_variant(results: Results, spec: TableSpec, name: str, caption: str) -> list[Table]:
    """Return a table a study: a row a variant, and the difference to the reference."""
    return [_study_table(results, study, name, caption) for study in results.studies]


def _study_table(results: Results, study: StudyResult, name: str, caption: str) -> Table:
    """Return the table of one study."""
    variants = shown_variants(study)
    groups = [results.variant(study, v) for v in variants]
    checkpoints = [v.checkpoint for v in variants]
    place = next((k for k, v in enumerate(variants) if v.reference), 0)
    base, base_point = groups[place], checkpoints[place]
    metrics = [Column(HEADS.get(m, m), m) for m in study.metrics]
    first = metrics[0].head
    shown = [
        metrics[0], Column(INTERVAL, better=0), *metrics[1:],
        replace(metrics[0], head=f"Δ {first}", better=0, sign=True), Column("p", better=0),
    ]  # fmt: skip
    weights = _trainable(groups)
    if weights:
        shown.append(WEIGHTS)
    tests = compare(groups, base, study.metrics) if base.runs else Comparison(base.label)
    rows = [
        _variant_row(group, point, base, base_point, metrics, tests, weights)
        for group, point in zip(groups, checkpoints, strict=True)
    ]
    where = f"{title_of(study.method)} on {dataset_title(study.dataset)}, test split, per cent."
    details = [
        caption,
        seeds_words(groups),
        f"Δ is to the reference, {base.label}, paired by seed.",
        f"{INTERVAL}: of the mean {first}; p: that {first} is the reference's, Holm-corrected.",
        "Bold best, underlined second.",
        explanation(study.task, base.label),
        how(study.task),
        protocol_words(base.protocol),
    ]
    return Table(
        name, stem(study.dataset, f"{name}-{study.study}"), study.dataset,
        f"{study.question} {where}",
        ", ".join(f.rpartition(".")[2] for f in study.factors), tuple(shown),
        mark_columns(rows, shown), notes=_on_search(study), details=" ".join(details),
    )  # fmt: skip


def shown_variants(study: StudyResult) -> list[VariantResult]:
    """Return the variants that are rows; the best values that a search found are one.

    After a search, variants that nobody asked for are none; the reference always is.
    """
    if study.search is None:
        return list(study.variants)
    asked = [v for v in study.variants if v.runs or v.reference or v.status != "missing"]
    best = {key: f"{value:.4g}" for key, value in sorted(study.search.best.items())}
    words = ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in best.items())
    found = VariantResult(
        label=f"searched: {words}", levels=dict(study.search.best), status="finished",
        overrides=dict(study.search.best), runs=study.search.runs,
    )  # fmt: skip
    return [*asked, found]


def _on_search(study: StudyResult) -> tuple[str, ...]:
    """Return the notes on a search: its budget, what it saw on val, which variants are no rows."""
    search = study.search
    if search is None:
        return ()
    values = [t.val for t in search.trials if t.state == "complete" and t.val is not None]
    seen, metric = "", HEADS.get(search.metric, search.metric)
    if values:
        seen = f", whose best has {metric} {100 * max(values):.2f} on val"
    notes = [f"searched: by {len(search.trials)} trials on val, one seed{seen}; then trained on "
             "all seeds and tested once"]  # fmt: skip
    unasked = len(study.variants) - len(shown_variants(study)) + 1
    if unasked:
        notes.append(f"{unasked} variants of the study were not asked for")
    return tuple(notes)


def _trainable(groups: Sequence[Group]) -> bool:
    """Return whether the variants differ in how many parameters learn."""
    counts = {e.mean for g in groups if (e := g.cost("trainable_parameters"))}
    return len(counts) > 1


def _variant_row(
    group: Group, checkpoint: str, base: Group, base_checkpoint: str, metrics: Sequence[Column],
    tests: Comparison, weights: bool,
) -> Row:  # fmt: skip
    """Return the row of a variant."""
    origin = {"checkpoint": checkpoint, "protocol": group.protocol}
    kept = checkpoint == base_checkpoint == "selected"
    ids = tuple(group.run_ids)
    cells = [
        cell(
            group.estimate(c.metric, checkpoint), c, ids, **origin,
            dagger=kept and tests.differs(group.label, c.metric),
        )
        for c in metrics
    ]  # fmt: skip
    cells.insert(1, Cell(text=_interval(cells[0])))
    delta = Cell(text=SELF) if group is base else Cell()
    if group is not base:
        metric = metrics[0].metric
        values = group.values(metric, checkpoint)
        summary = paired_difference(values, base.values(metric, base_checkpoint))
        one, other = _shared(group, base)
        delta = cell(summary, metrics[0], one, against=other, **origin)
        delta = replace(delta, against_checkpoint=base_checkpoint)
    p_value = tests.p_value(group.label, metrics[0].metric) if kept else None
    cells += [delta, Cell(text=SELF if group is base else _p(p_value))]
    if weights:
        cells.append(cell(group.cost(WEIGHTS.metric), WEIGHTS, ids, **origin))
    notes = [*notes_of(group)]
    if group.runs and base.runs and group.protocol != base.protocol:
        notes.append(f"another protocol: {what_differs(group.protocol, base.protocol)}")
    if not kept and group.runs:
        notes.append("not tested: predictions are kept of the checkpoint selected on val alone")
    elif group.label in tests.untested and group.runs and group is not base:
        notes.append(f"not tested: {tests.untested[group.label].rpartition('npz: ')[2]}")
    return Row(group.label, tuple(cells), tuple(notes))


def _shared(group: Group, base: Group) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids of the runs of those seeds that both groups have."""
    id_of = dict(zip(group.seeds, group.run_ids, strict=True))
    base_id_of = dict(zip(base.seeds, base.run_ids, strict=True))
    seeds = sorted(set(id_of) & set(base_id_of))
    return tuple(id_of[s] for s in seeds), tuple(base_id_of[s] for s in seeds)


def _interval(shown: Cell) -> str:
    """Return the ends of an interval as text."""
    return "" if isnan(shown.low) else f"{shown.low:.1f} to {shown.high:.1f}"


def _p(value: float | None) -> str:
    """Return a p-value as text."""
    if value is None:
        return ""
    return f"{value:.3f}" if value >= LEAST_P else f"< {LEAST_P}"


def paired_difference(
    values: Mapping[int, float], reference: Mapping[int, float]
) -> Estimate | None:
    """Return the estimate of a difference over the seeds that both have; None without one."""
    seeds = sorted(set(values) & set(reference))
    if not seeds:
        return None
    return difference([values[s] for s in seeds], [reference[s] for s in seeds])


def what_differs(protocol: str, base: str) -> str:
    """Return the parts of a protocol that another one lacks, and which of that one's it lacks."""
    mine, theirs = protocol.split("|"), base.split("|")
    keys = {part.partition(":")[0] for part in mine}
    gone = [
        f"no {part}"
        for part in theirs
        for key, colon, _ in [part.partition(":")]
        if colon and key not in keys and key.replace("-", "").isalpha()  # attrs30 is no key
    ]
    return "|".join([*(part for part in mine if part not in theirs), *gone])


def by_domain(results: Results, spec: TableSpec, name: str, caption: str) -> list[Table]:
    """Return a table of leave-one-out runs: a row a method, a column the domain left out.

    Each column is a protocol of its own; all of them differ in the split alone.
    """
    prefix = spec.options["prefix"]
    tables = []
    for dataset in results.datasets:
        sets: dict[str, dict[str, list[Group]]] = {}
        for groups in results.by_protocol(dataset, spec.task):
            parts = groups[0].protocol.split("|")
            if len(parts) > 1 and parts[1].startswith(prefix):
                rest = "|".join([parts[0], f"{prefix}*", *parts[2:]])
                sets.setdefault(rest, {})[parts[1].removeprefix(prefix)] = groups
        for place, (rule, domains) in enumerate(sorted(sets.items())):
            tables.append(_domain_table(name, caption, spec, dataset, place, rule, domains))
    return tables


def _domain_table(
    name: str, caption: str, spec: TableSpec, dataset: str, place: int, rule: str,
    domains: Mapping[str, Sequence[Group]],
) -> Table:  # fmt: skip
    """Return the table of several domains under one rule."""
    names = sorted(domains)
    columns = [replace(spec.columns[0], head=domain) for domain in names]
    by_label = {d: {g.label: g for g in domains[d]} for d in names}
    methods = {g.label: g.method for groups in domains.values() for g in groups}
    labels = sorted({label for groups in by_label.values() for label in groups})
    rows = []
    for label in labels:
        cells, notes = [], []
        for domain, column in zip(names, columns, strict=True):
            group = by_label[domain].get(label)
            if group is None:
                cells.append(Cell())
                notes.append(f"{domain}: not run")
                continue
            summary = group.estimate(column.metric)
            cells.append(cell(summary, column, tuple(group.run_ids), protocol=group.protocol))
            notes += [f"{domain}: {note}" for note in notes_of(group)]
        rows.append(Row(label, tuple(cells), tuple(notes), methods[label]))
    ordered = falling(rows, [row.cells[0].value for row in rows])
    everyone = [g for groups in domains.values() for g in groups]
    details = f"{seeds_words(everyone)} Bold best, underlined second. {protocol_words(rule)}"
    return Table(
        name, stem(dataset, name, place), dataset,
        f"{caption} {dataset_title(dataset)}, per cent.", "method", tuple(columns),
        mark_columns(ordered, columns), details=details,
    )  # fmt: skip
