"""What ``verify`` prints: the verdict first and last, what is wrong and what is to be known."""

from typing import Any

from clear_bench.data.dataset import Dataset, Source
from clear_bench.data.known_files import check_files, never_meet
from clear_bench.data.verify import Findings, verify
from clear_bench.utils.errors import UserError

SHORT = 12  # lines of a kind
PAIRS = 3  # pairs of attributes that a short answer names


def answer(dataset: Dataset, source: Source, *, images: bool, partial: bool, long: bool) -> None:
    """Compare a copy with the official release and print what was found.

    Args:
        dataset: The copy.
        source: What it should be.
        images: Whether to read the pictures.
        partial: Whether it is meant to be a part.
        long: Whether to print every line and the tables.

    Raises:
        UserError: If something is wrong.
    """
    from rich.console import Console

    official = source.official.get(f"{dataset.split_name}/{dataset.label_set}", {})
    findings = verify(dataset, official, images=images, partial=partial)
    wrong, known = check_files(dataset, source, partial=partial)
    wrong, notes = [*findings.wrong, *wrong], known
    pairs = never_meet(dataset)
    if len(pairs):
        named = "; ".join(
            f"{p.one} and {p.other} (expected {p.expected:.0f})"
            for p in pairs.head(PAIRS).itertuples()
        )
        notes.append(f"{len(pairs)} pairs of attributes never meet, first of all {named}")
    notes += findings.notes
    counts = f"{len(wrong) or 'nothing'} wrong, {len(notes)} to know"
    name = f"{dataset.name}, {source.title}" if source.own else source.title
    said = [f"split {dataset.split_name}", f"label set {dataset.label_set}", *dataset.signed]
    print(f"{name}, {', '.join(said)}: {counts}")
    console = Console()
    same = [f"{n} {c}" for n, c in findings.facts.items() if official.get(n) == c]
    if not official:
        here = [f"{n} {c}" for n, c in findings.facts.items() if n.split(" ")[0] != "categories"]
        console.print(f"here: {', '.join(here)}", highlight=False, soft_wrap=True)
    if same:
        console.print(f"as official: {', '.join(same)}", highlight=False, soft_wrap=True)
    for title, lines in (("wrong", wrong), ("to know", notes)):
        shown = lines if long else lines[:SHORT]
        for line in shown:
            console.print(f"{title}: {line}", highlight=False, soft_wrap=True, markup=False)
        if len(lines) > len(shown):
            print(f"{title}: and {len(lines) - len(shown)} more, see --all")
    if long:
        _tables(console, findings, official)
        for pair in pairs.itertuples():
            print(f"never meet: {pair.one}, {pair.other} (expected {pair.expected:.1f})")
    if wrong:
        things = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
        raise UserError(f"{dataset.root}: {things} wrong, see above")
    print(f"{dataset.root}: nothing is wrong; {len(notes)} things to know")


def _tables(console: Any, findings: Findings, official: dict[str, int]) -> None:
    """Print all counts and the positives of each attribute."""
    from rich.table import Table

    table = Table("fact", "here", "official")
    for fact, count in findings.facts.items():
        table.add_row(fact, str(count), str(official.get(fact, "")))
    positives = Table("attribute", "train", "val", "test", title="positive images")
    for row in findings.attributes.itertuples():
        positives.add_row(*(str(value) for value in row))
    console.print(table, positives)
