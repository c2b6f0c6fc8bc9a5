"""What a table is before it is written: a spec says what it shows, `Table` what came out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isnan, nan
from typing import TYPE_CHECKING, Any

from clear_bench.report.bibliography import row_title
from clear_bench.results.statistics import Estimate

if TYPE_CHECKING:
    from clear_bench.results.load import Results

GAP = "--"


@dataclass(frozen=True)
class Column:
    """A column of numbers.

    Args:
        head: What stands above it.
        metric: Name of a metric, or of a cost, in a record; "" if it is neither.
        better: 1 if more is better, -1 if less is, 0 if nothing is marked.
        digits: After the point.
        scale: Factor of the record's value: 100 makes per cent of a fraction.
        spread: Whether ± is shown.
        sign: Whether + is written.
        over: What stands above several columns at once, the name of a data set.
    """

    head: str
    metric: str = ""
    better: int = 1
    digits: int = 2
    scale: float = 100.0
    spread: bool = True
    sign: bool = False
    over: str = ""

    @property
    def name(self) -> str:
        """What tells it from all others of its table."""
        return f"{self.over} {self.head}".strip()


@dataclass(frozen=True)
class Cell:
    """One number with what is known of it, in the column's unit; or words.

    Args:
        value: Its mean over seeds; NaN for a gap.
        std: Standard deviation (n - 1); NaN where there is one seed.
        low: Lower end of the 95 % interval of the mean.
        high: Upper end.
        n: Number of seeds.
        mark: ``best`` or ``second`` of its protocol, or "".
        dagger: Whether it differs significantly from what the caption says.
        text: Words instead of a number.
        runs: Ids of the runs behind it.
        metric: Its metric, where it is another than its column's.
        against: Ids of the runs that were subtracted.
        against_checkpoint: Which of their checkpoints.
        attribute: Which one it is about; "" for all of them.
        checkpoint: Which of the runs' checkpoints it is of.
        protocol: Signature by which it was made; only equal ones are compared.
    """

    value: float = nan
    std: float = nan
    low: float = nan
    high: float = nan
    n: int = 0
    mark: str = ""
    dagger: bool = False
    text: str = ""
    runs: tuple[str, ...] = ()
    metric: str = ""
    against: tuple[str, ...] = ()
    against_checkpoint: str = "selected"
    attribute: str = ""
    checkpoint: str = "selected"
    protocol: str = ""


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        label: Its name.
        cells: One a column.
        notes: Footnotes, for instance why it has gaps.
        method: File name of the method that it is about; "" for any other row.
        section: What it stands under, where rows are in groups.
        facts: Words of `Table.facts`.
        shaded: Whether it stands out as the paper's own.
    """

    label: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()
    method: str = ""
    section: str = ""
    facts: tuple[str, ...] = ()
    shaded: bool = False

    @property
    def title(self) -> str:
        """Its name in print."""
        return row_title(self.label, self.method) if self.method else self.label


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        spec: Key of its spec.
        stem: Name of its files, without suffix.
        dataset: What it is about.
        caption: What it shows, in short.
        head: What stands above the rows' names.
        columns: Of its cells.
        rows: From top to bottom.
        rotate: Whether the heads stand upright, for many narrow columns.
        notes: Footnotes of the whole table.
        details: By which protocol, over how many seeds, what its marks mean.
        facts: Heads of columns of words between the rows' names and the numbers.
        style: Whose pages it is set for, of `clear_bench.report.tables.layout.STYLES`; "" for
            the page of the report's own PDF.
    """

    spec: str
    stem: str
    dataset: str
    caption: str
    head: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    rotate: bool = False
    notes: tuple[str, ...] = ()
    details: str = ""
    facts: tuple[str, ...] = ()
    style: str = ""

    @property
    def words(self) -> str:
        """Caption and details."""
        return f"{self.caption} {self.details}".strip()


Build = Callable[["Results", "TableSpec", str, str], list[Table]]


@dataclass(frozen=True)
class TableSpec:
    """What a file of ``reports/specs/`` exposes as ``TABLE``; its docstring opens the caption.

    Args:
        build: Makes the tables of it: a function of the results, this spec, its key and its
            docstring.
        task: ``recognition`` or ``retrieval``; "" for both.
        columns: What is shown.
        sort: Metric by which the rows fall.
        order: Place among the tables of a data set in the paper.
        options: More arguments of ``build``'s own.
    """

    build: Build
    order: int
    task: str = ""
    columns: tuple[Column, ...] = ()
    sort: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def cell(summary: Estimate | None, column: Column, runs: tuple[str, ...] = (), **more: Any) -> Cell:
    """Return the cell of an estimate in the column's unit; a gap where there is none."""
    if summary is None:
        return Cell(**more)
    k = column.scale
    mean, std, low, high = (k * x for x in (summary.mean, summary.std, summary.low, summary.high))
    return Cell(mean, std, low, high, summary.n, runs=runs, **more)


def number(shown: Cell, column: Column, plus_minus: str = " ± ") -> str:
    """Return a cell as text, without its marks."""
    if shown.text:
        return shown.text
    if isnan(shown.value):
        return GAP
    sign = "+" if column.sign else ""
    text = f"{shown.value:{sign}.{column.digits}f}"
    if not column.spread or isnan(shown.std):
        return text
    return f"{text}{plus_minus}{shown.std:.{column.digits}f}"
