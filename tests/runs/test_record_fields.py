"""A record may come from anywhere: every field is held against what it may be, and escaped."""

import json
import random
import re

import pytest
from fake_runs import fake_run, fake_study
from hypothesis import given
from hypothesis import strategies as st

from clear_bench.report.tables.model import Cell, Column, Row, Table
from clear_bench.report.tables.write import latex, markdown, show
from clear_bench.results.load import Results
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import Record
from clear_bench.runs.study_result import StudyResult, result_file
from clear_bench.utils.csv_text import csv_text
from clear_bench.utils.errors import UserError

EVIL = ("../../../y", "/etc/passwd", "a/b", "", ".hidden", "x\ny", "x\x1b[2J", "<script>", "=cmd|x",
        "\\input{x}", "a" * 300, None, 3, -1, 1e400, float("nan"), [], {}, True)  # fmt: skip
FIELDS = {
    "run_id": EVIL, "method": EVIL, "task": EVIL, "dataset": EVIL, "profile": EVIL,
    "parent": [e for e in EVIL if e != ""], "seed": ("x", -1, 2**70, None, 1.5, [], "1e9"),
    "protocol": ("x\ny", "\\input{x}", "<script>", "a" * 2000, None, 3, "x\x1b"),
    "status": EVIL, "config": ("x", [], {}, {"data": 1}, None), "code_hash": ("x", "\n", None, 3),
    "metrics": (
        {"selected": {"test": {"mA": float("nan")}}}, {"selected": {"test": {"mA": 1.5}}},
        {"selected": {"test": {"mA": -0.1}}}, {"../x": {"test": {"mA": 0.5}}}, [], "x",
        {"selected": {"test": {"<b>": 0.5}}}, {"selected": {"test": {"mA": "x"}}},
    ),
    "history": ([{"loss": 1.0}], [{"epoch": 1.0}, {"epoch": 1.0}], [{"epoch": 2}, {"epoch": 1}],
                "x", [1], [{"epoch": float("inf")}]),
    "per_attribute": ({"name": ["a"], "mA": []}, {"mA": [0.5]}, {"name": [1]}, {"name": ["a\x1b"]},
                      {"name": ["a", "a"]}, {"name": ["a"], "mA": ["x"]}, []),
    "numbers": ({"x": "y"}, {"x/../y": 1}, {"x": -1}, []), "finished_at": ("yesterday", 3, "x\n"),
    "artefacts": ({"../x": "ab"}, {"x": "no hex"}, []), "selected_epoch": (-1, "x", None),
    "overrides": ({"a\nb": 1}, [], {"a": float("inf")}, {"a": "\x00"}),
    "provenance": ({"command": "\x07"}, [], {"x/y": 1}), "reason": ("\x1b[31m", 3, "x" * 30_000),
    "unknown": (1,), "cost": ({"x": float("nan")}, []), "data": ({"fingerprint": "\x00"}, "x"),
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    record = fake_run(root)
    (file,) = root.rglob(RECORD)
    return root, record, file.read_bytes()


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_of_a_record_is_trusted(world, tmp_path, field):
    for value in FIELDS[field]:
        content = json.loads(world[2]) | {field: value}
        (tmp_path / RECORD).write_text(json.dumps(content))
        with pytest.raises(UserError, match="not a record") as caught:
            Record.load(tmp_path)
        assert "\n" not in str(caught.value), value


def damaged(content, rng):
    """Return bytes with a few of them changed, taken away or put in."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(content))
        kind = rng.randrange(4)
        if kind == 0:
            content[place] = rng.randrange(256)
        elif kind == 1:
            del content[place : place + rng.randint(1, 40)]
        elif kind == 2:
            content[place:place] = rng.choice(
                [b"NaN", b"[" * 3000, b"\xff\xfe", b"1e999", b'"', b"}"]
            )
        else:
            del content[place:]
        if not content:
            break
    return bytes(content)


def check_damaged(world, folder, cases):
    rng, refused = random.Random(8), 0  # noqa: S311
    for _ in range(cases):
        (folder / RECORD).write_bytes(damaged(world[2], rng))
        try:
            Record.load(folder)
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > cases / 2


def test_a_damaged_record_is_one_error(world, tmp_path):
    check_damaged(world, tmp_path, 200)


@pytest.mark.slow
def test_a_damaged_record_is_one_error_many(world, tmp_path):
    check_damaged(world, tmp_path, 5000)


def test_the_parent_is_not_the_run_itself_nor_below_it(tmp_path):
    first = fake_run(tmp_path, seed=0)
    second = fake_run(tmp_path, seed=1)
    for record, parent in ((first, first), (first, second), (second, first)):
        file = next(tmp_path.rglob(f"{record.run_id}/{RECORD}"))
        honest = file.read_text()
        file.write_text(json.dumps(json.loads(honest) | {"parent": parent.run_id}))
        if record is parent:
            with pytest.raises(UserError, match="parent is the run itself"):
                Results.load(tmp_path)
            file.write_text(honest)
    with pytest.raises(UserError, match="its own ancestor"):
        Results.load(tmp_path)


@pytest.mark.parametrize("field", ["study", "dataset", "profile", "method"])
def test_no_name_of_a_study_is_a_path(tmp_path, field):
    result = fake_study(tmp_path)
    file = result_file(tmp_path, result.study, result.profile, result.dataset)
    file.write_text(json.dumps(json.loads(file.read_text()) | {field: "../../x"}))
    with pytest.raises(UserError, match=f"not a study: {field}"):
        StudyResult.load(file)


def test_an_older_record_shows_no_secret(world, tmp_path):
    content = json.loads(world[2])
    content["provenance"]["command"] = "ablate --storage postgresql://u:hunter2@h/d"
    (tmp_path / RECORD).write_text(json.dumps(content))
    assert "hunter2" not in Record.load(tmp_path).model_dump_json()


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.sampled_from(["<script>x</script>", "[x](javascript:y)", "=cmd|' /C calc'!A0", "@x", "+1+2",
                     r"\input{/etc/passwd}", "a|b", "x\ry", "[/]", "[link=x]y[/link]", "$x$"]),
)  # fmt: skip


@given(TEXTS)
def test_a_name_is_escaped_for_where_it_goes(text):
    rows = (Row(text, (Cell(1.0),), (text,)),)
    table = Table("s", "stem", "d", text, "method", (Column(text),), rows, notes=(text,))
    made = markdown(table)
    assert "<script" not in made and not re.search(r"(?<!\\)\]\(javascript", made)
    assert len([x for x in made.splitlines() if x.startswith("| ")]) == 3
    assert r"\input" not in latex(table)
    guarded = csv_text(text)
    assert guarded.lstrip("'") == text.lstrip("'")
    show(table)  # rich's own markup means nothing in it


def test_a_formula_is_text_and_a_number_is_a_number():
    assert csv_text("=1+1") == "'=1+1"
    assert csv_text("-0.5") == "-0.5"
    assert csv_text("clear") == "clear"
