"""Tables: marks before rounding, text that is escaped, golden LaTeX, nothing dropped."""

import csv
import io
import re
from math import isnan, nan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clear_bench.report.__main__ import FORMS
from clear_bench.report.tables.marks import mark, mark_columns, mark_rows
from clear_bench.report.tables.model import Cell, Column, Row, Table, number
from clear_bench.report.tables.studies import what_differs
from clear_bench.report.tables.write import FORMATS, escape, latex, markdown, table_csv
from clear_bench.utils.csv_text import csv_text

GOLDEN = Path(__file__).parent / "golden"
VALUES = st.one_of(st.just(nan), st.sampled_from([50.0, 50.001, 50.004, 61.2]), st.floats(0, 100))
NAMES = st.text(st.sampled_from("ab_&%#${}~^\\|<>*`: -.1±†é"), min_size=1, max_size=12)


def table(rows, columns, **more):
    defaults = {
        "spec": "main", "stem": "synthped-main", "dataset": "synthped", "head": "method",
        "caption": "A caption of 50 % & more_. Protocol: a|b:c|v1",
    }  # fmt: skip
    return Table(**{**defaults, **more}, columns=tuple(columns), rows=tuple(rows))


def slow_mark(values, better):
    """The same marks the slow way: sort all pairs."""
    defined = [v for v in values if not isnan(v)]
    marks = []
    for value in values:
        above = {k for k in defined if (k > value if better > 0 else k < value)}
        name = (
            ""
            if isnan(value) or len(defined) < 2 or len(above) > 1
            else ("best", "second")[len(above)]
        )
        marks.append(name)
    return marks


@given(st.lists(VALUES, max_size=60), st.sampled_from([1, -1]))
def test_marks_agree_with_the_slow_way(values, better):
    marked = mark([Cell(v) for v in values], better)
    assert [c.mark for c in marked] == slow_mark(values, better)
    assert all(not c.mark for c in marked if isnan(c.value))


@given(st.lists(st.tuples(VALUES, st.sampled_from(["a", "b"])), max_size=20))
def test_marks_never_cross_protocols(cells):
    marked = mark([Cell(v, protocol=p) for v, p in cells], 1)
    for protocol in ("a", "b"):
        of_protocol = [c for c in marked if c.protocol == protocol]
        assert [c.mark for c in of_protocol] == slow_mark([c.value for c in of_protocol], 1)


def test_marks_are_decided_before_rounding():
    rows = mark_columns(
        [Row(n, (Cell(v),)) for n, v in (("a", 50.004), ("b", 50.001))], [Column("x")]
    )
    assert [number(r.cells[0], Column("x")) for r in rows] == ["50.00", "50.00"]
    assert [r.cells[0].mark for r in rows] == ["best", "second"]


def test_rows_are_marked_over_the_columns_that_compare():
    columns = [Column("ratio", better=0), Column("a"), Column("b")]
    (row,) = mark_rows([Row("hat", (Cell(99.0), Cell(1.0), Cell(2.0)))], columns)
    assert [c.mark for c in row.cells] == ["", "second", "best"]


def test_rows_where_less_is_better_or_nothing_compares():
    row = Row("hat", (Cell(3.0), Cell(1.0), Cell(2.0)))
    (found,) = mark_rows([row], [Column(name, better=-1) for name in "abc"])
    assert [c.mark for c in found.cells] == ["", "best", "second"]
    assert mark_rows([row], [Column(name, better=0) for name in "abc"]) == (row,)


def test_a_single_row_has_no_best():
    (row,) = mark_columns([Row("only", (Cell(5.0), Cell()))], [Column("x"), Column("y")])
    assert [c.mark for c in row.cells] == ["", ""]


@given(
    st.floats(-1e4, 1e4),
    st.one_of(st.just(nan), st.floats(0, 100)),
    st.integers(0, 3),
    st.booleans(),
)
def test_rounding_moves_a_number_by_half_a_digit_at_most(value, std, digits, sign):
    text = number(Cell(value, std), Column("x", digits=digits, sign=sign))
    mean, *spread = text.split(" ± ")
    assert abs(float(mean) - value) <= 0.5 * 10**-digits * (1 + 1e-9)
    assert bool(spread) == (not isnan(std))
    if spread:
        assert abs(float(spread[0]) - std) <= 0.5 * 10**-digits * (1 + 1e-9)
    assert not sign or mean[0] in "+-"


def test_gaps_and_single_seeds():
    column = Column("x")
    assert number(Cell(), column) == "--"
    assert number(Cell(12.345), column) == "12.35" or number(Cell(12.345), column) == "12.34"
    assert number(Cell(12.3, 1.0), Column("x", spread=False)) == "12.30"
    assert number(Cell(text="loo-peta"), column) == "loo-peta"


def unescape(text):
    """Undo LaTeX's escapes, the slow way round."""
    plain_of = {r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^",
             r"\textbar\allowbreak{}": "|", r"\textless{}": "<", r"\textgreater{}": ">",
             r"\_\allowbreak{}": "_", r":\allowbreak{}": ":", r"$\pm$": "±",
             r"$\dagger$": "†"}  # fmt: skip
    plain_of |= {"\\" + c: c for c in "&%#${}"}
    pattern = "|".join(re.escape(w) for w in sorted(plain_of, key=len, reverse=True))
    return re.sub(pattern, lambda m: plain_of[m[0]], text)


@given(NAMES)
def test_escaped_names_print_as_they_are(name):
    assert unescape(escape(name)) == name
    bare = re.sub(r"\\[&%#${}_]|\$\\(pm|dagger)\$|\\[a-z]+(\{\})?", "", escape(name))
    assert not set(bare) & set("&%#$_~^\\|<>±†")


@settings(max_examples=30)
@given(st.lists(st.tuples(NAMES, VALUES, st.booleans()), min_size=1, max_size=60))
def test_every_row_is_in_every_form(rows):
    made = [Row(n, (Cell(v, dagger=d and not isnan(v)), Cell())) for n, v, d in rows]
    shown = table(mark_columns(made, [Column("x"), Column("y")]), [Column("x"), Column("y")])
    body = latex(shown).split(r"\midrule")[1].split(r"\bottomrule")[0]
    assert body.count(r"\\") == len(rows)
    lines = [x for x in markdown(shown).splitlines() if x.startswith("| ")]
    assert len(lines) == len(rows) + 2
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", x)) == 4 for x in lines)
    read = list(csv.DictReader(io.StringIO(table_csv(shown))))
    assert [r["method"] for r in read[::2]] == [csv_text(n) for n, _, _ in rows]
    for row, (_, value, _) in zip(read[::2], rows, strict=True):
        assert row["value"] == "" if isnan(value) else float(row["value"]) == pytest.approx(value)


def golden_main():
    columns = [Column("mA", "mA"), Column("F1", "f1"), Column("Δ", better=0, sign=True)]
    rows = [
        Row("my_method", (Cell(70.126, 1.5, n=3), Cell(61.0, 0.2, n=3, dagger=True), Cell(-1.2))),
        Row("50% & more", (Cell(70.124, nan, n=1), Cell(61.0, 0.3, n=3), Cell(text="reference")),
            ("seed 1 failed: NaN in {x}",)),
        Row("lost^2~#$", (Cell(), Cell(), Cell()), ("seed 1 failed: NaN in {x}", "not run")),
    ]  # fmt: skip
    return table(mark_columns(rows, columns), columns)


def golden_attributes():
    columns = [
        Column("positive", better=0, digits=1),
        *(Column(f"m_{k}", digits=1) for k in range(3)),
    ]
    rows = [
        Row(f"up_{k}", (Cell(10.0 + k), Cell(50.0 + k), Cell(60.0 - k), Cell(55.0)))
        for k in range(6)
    ]
    return table(mark_rows(rows, columns), columns, stem="synthped-attributes", head="attribute",
                 rotate=True, notes=("m_2: not run",))  # fmt: skip


def golden_paper():
    columns = [Column(m, m, spread=False, over=d) for d in ("PETA", "RAP") for m in ("mA", "F1")]
    rows = [
        Row("ssc", (Cell(70.1), Cell(61.0, dagger=True), Cell(9.5), Cell(8.0)), (), "ssc",
            "Convolutional", ("2021", "ResNet-50")),
        Row("vtb (published)", (Cell(72.0, protocol="published"), Cell(), Cell(), Cell()),
            ("published: a table",), "vtb", "Language-based", ("2022", "")),
        Row("clear", (Cell(69.9), Cell(61.2), Cell(), Cell(8.5)), ("RAP: seed 1 failed",), "clear",
            "Ours", ("2025", "EVA-L+Swin-B"), shaded=True),
        Row("chance", (Cell(50.0), Cell(), Cell(50.2), Cell()), (), "chance", "Floors", ("", "")),
    ]  # fmt: skip
    return table(mark_columns(rows, columns), columns, facts=("Year", "Backbone"), style="cvpr",
                 details="Mean over 3 seeds.", caption="In short.")  # fmt: skip


@pytest.mark.parametrize("made", [golden_main, golden_attributes, golden_paper])
@pytest.mark.parametrize(
    ("suffix", "form"), [(".tex", latex), (".md", markdown), (".csv", table_csv)]
)
def test_golden_files(made, suffix, form):
    file = GOLDEN / f"{made.__name__}{suffix}"
    assert form(made()) == file.read_text(encoding="utf-8")


if __name__ == "__main__":  # writes the golden files anew: read the diff before you commit it
    for make in (golden_main, golden_attributes, golden_paper):
        for ending, write in ((".tex", latex), (".md", markdown), (".csv", table_csv)):
            (GOLDEN / f"{make.__name__}{ending}").write_text(write(make()), encoding="utf-8")


def test_a_variant_of_another_protocol_says_what_differs():
    base = "synthped|ids6|attrs30:30|train-without:a hat|query-with:a hat|v1"
    told = {
        "synthped|ids6|attrs30:30|query-with:a hat|v1": "no train-without:a hat",
        "synthped|ids0|attrs35:35|train-without:a hat|query-with:a hat|v1": "ids0|attrs35:35",
        base: "",
    }
    assert {protocol: what_differs(protocol, base) for protocol in told} == told


def test_every_format_can_be_asked_for():
    assert set(FORMS) == set(FORMATS)
