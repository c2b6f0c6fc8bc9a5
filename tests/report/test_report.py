"""The report command: all tables of fake runs, their numbers against the records, and questions."""

import csv
import json
import re
import statistics
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from fake_runs import fake_bench, fake_run, thousand_runs
from threadpoolctl import threadpool_info, threadpool_limits

from clear_bench.report import write
from clear_bench.report.__main__ import app
from clear_bench.report.explain import explain
from clear_bench.report.load import load
from clear_bench.report.tables.build import chosen
from clear_bench.report.write import write_all
from clear_bench.results.compare import compare_roots
from clear_bench.results.load import Results
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import Record, records
from clear_bench.utils.command_line import main
from clear_bench.utils.errors import UserError


def command(*arguments, cwd=None):
    done = [sys.executable, "-m", "clear_bench.report", *map(str, arguments)]
    return subprocess.run(done, cwd=cwd, capture_output=True, text=True, check=False)


def test_every_number_of_a_tex_is_that_of_its_records(bench, written):
    """Independent of the tables' code: plain JSON, `statistics`, and the text of the file."""
    raw = {f.parent.name: json.loads(f.read_text()) for f in bench.rglob(RECORD)}
    names = {"mA": "mA", "Acc": "accuracy", "Prec": "precision", "Rec": "recall", "F1": "f1",
             "R@1": "rank1", "R@5": "rank5", "R@10": "rank10", "mAP": "mAP"}  # fmt: skip
    checked = 0
    for file in sorted((written / "default").glob("*_main*.tex")):
        rows = list(csv.DictReader(file.with_suffix(".csv").open()))
        cells = tex_cells(file.read_text())
        assert len(cells) == len(rows)
        for row, text in zip(rows, cells, strict=True):
            tests = [raw[i]["metrics"]["selected"]["test"] for i in row["runs"].split()]
            values = [100 * t[names[row["column"]]] for t in tests]
            shown = [float(x) for x in text.split(" +- ")] if text != "--" else []
            want = [statistics.mean(values)] if values else []
            want += [statistics.stdev(values)] if len(values) > 1 else []
            assert shown == pytest.approx(want, abs=0.005 + 1e-9), (file.name, row)
            checked += bool(values)
    assert checked > 60


def test_committed_tables_agree_with_themselves():
    """The numbers of the committed .tex are those of the .csv beside it, which names its runs."""
    checked = 0
    for file in sorted((Path(__file__).parents[2] / "reports/out").glob("*/*_main*.tex")):
        rows = list(csv.DictReader(file.with_suffix(".csv").open()))
        for row, text in zip(rows, tex_cells(file.read_text()), strict=True):
            shown = [float(x) for x in text.split(" +- ")] if text != "--" else []
            want = [float(row[name]) for name in ("value", "std") if row[name]]
            assert shown == pytest.approx(want, abs=0.005 + 1e-9), (file.name, row)
            assert bool(row["runs"]) == bool(shown)
            checked += 1
    if not checked:
        pytest.skip("no committed tables of this kind")


def tex_cells(text):
    """Return the numbers of a table row by row, without marks."""
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    for command in ("textbf", "underline"):
        body = re.sub(rf"\\{command}{{(.*?)}}(?= [&\\])", r"\1", body)
    body = body.replace(r"$^\dagger$", "").replace(r"$\pm$", "+-")
    rows = [line.removesuffix(r"\\").split(" & ") for line in body.strip().splitlines()]
    return [cell.strip() for row in rows for cell in row[1:]]


def test_two_builds_are_the_same_bytes(written, commanded):
    again = commanded[0] / "out"
    files = sorted(f.relative_to(written) for f in written.rglob("*") if f.is_file())
    assert len(files) > 60
    for file in files:
        assert (written / file).read_bytes() == (again / file).read_bytes()
    kept = [
        {file.name for file in (home / ".cache/figures").iterdir()}
        for home in (written.parents[1], commanded[0])
    ]
    assert kept[0] == kept[1], "the command drew what it could have taken"


def test_explain_computes_a_cell_again(bench):
    results = Results.load(bench)
    lines = explain(results, "synthped-recognition_main", "vtb", "F1")
    assert sum("from its predictions" in line for line in lines) == 3
    assert any("equals the cell's" in line for line in lines)
    for table in ("synthped-retrieval_main", "synthped-ablation-depth", "peta-attributes",
                  "peta-published_vs_reproduced-recognition"):  # fmt: skip
        (made,) = chosen(results, table)
        for row in made.rows[:2]:
            for column in made.columns:
                text = "\n".join(explain(results, table, row.label, column.head))
                assert "is NOT" not in text, (table, row.label, column.head)


def test_explain_finds_a_record_that_lies(tmp_path):
    record = fake_run(tmp_path)
    file = next(tmp_path.rglob(RECORD))
    raw = json.loads(file.read_text())
    raw["metrics"]["selected"]["test"]["mA"] += 0.01
    file.write_text(json.dumps(raw))
    with pytest.raises(UserError, match=record.run_id):
        explain(Results.load(tmp_path), "recognition_main", "clear", "mA")


def test_against_says_what_moved(tmp_path):
    fake_bench(tmp_path / "a", retrieval=())
    fake_bench(tmp_path / "b", retrieval=())
    for seed in (0, 1, 2):
        fake_run(tmp_path / "b", "vtb", seed=seed, quality=0.1)
        fake_run(tmp_path / "b", "alm", seed=seed)
        fake_run(tmp_path / "a", "ssc", seed=seed)
    found = compare_roots(Results.load(tmp_path / "b"), tmp_path / "a", None, {})
    assert found.rest[0].startswith("3 methods in both: 16 numbers equal, ")
    assert found.moved and all(m.name.endswith(" vtb") for m in found.moved)
    here, there = found.rest[-2:]
    assert here.startswith("only here: 1: default synthped recognition alm")
    assert there.startswith(f"only in {tmp_path / 'a'}: 1: default synthped recognition ssc")
    for m in found.moved:
        mine, theirs = (
            100 * statistics.fmean(
                r.metrics["selected"]["test"][m.metric]
                for _, r in records(tmp_path / folder) if r.method == "vtb"
            ) for folder in "ba"
        )  # fmt: skip
        assert (m.mine, m.theirs) == pytest.approx((mine, theirs))
        assert m.difference == pytest.approx(mine - theirs)
        low, high = map(float, m.interval.split(",")[0].split(" to "))
        assert low < m.theirs < high and not low <= m.mine <= high
    same = compare_roots(Results.load(tmp_path / "a"), tmp_path / "a", None, {})
    assert not same.moved
    assert len(same.rest) == 1 and "32 numbers equal, 0 within" in same.rest[0]


def test_against_names_a_protocol_where_it_tells_two_apart(tmp_path):
    fake_run(tmp_path / "a", "vtb")
    fake_run(tmp_path / "b", "vtb", quality=0.1)
    fake_run(tmp_path / "b", "vtb", split="other")
    found = compare_roots(Results.load(tmp_path / "b"), tmp_path / "a", None, {})
    assert found.moved and all("|ids6|" in m.name for m in found.moved)
    words = "only here: 1: default synthped recognition vtb [synthped|other|"
    assert found.rest[-1].startswith(words)


def test_old_tables_are_removed_and_other_files_kept(bench, tmp_path, monkeypatch):
    no_figures = nullcontext(list)  # tables are what this is about
    monkeypatch.setattr(write, "drawing", lambda *_, **__: no_figures)
    folder = tmp_path / "default"
    folder.mkdir()
    (folder / "rapv1-recognition_main.tex").write_text("old")
    (folder / "my-notes.md").write_text("mine")
    write_all(Results.load(bench), tmp_path)
    assert not (folder / "rapv1-recognition_main.tex").exists()
    assert (folder / "my-notes.md").exists()


def test_tables_leave_the_other_processors_to_what_draws(bench, tmp_path, monkeypatch):
    threads = lambda: {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}  # noqa: E731
    before, seen = threads(), []
    monkeypatch.setattr(write, "drawing", lambda *_, **__: nullcontext(list))
    monkeypatch.setattr(write, "_write_tables", lambda *_: seen.append(threads()) or [])
    with threadpool_limits(2, "blas"):
        write_all(Results.load(bench), tmp_path)
        assert (seen, threads()) == ([{1}], {2})
    assert threads() == before


def test_the_command_and_its_errors(bench, commanded, tmp_path, monkeypatch, capsys):
    folder, done = commanded
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    exported = {file.name for file in (folder / "dvc").iterdir()}
    assert exported == {"metrics.json", "curves-recognition.csv", "curves-retrieval.csv", "plots"}
    assert "gap: synthped recognition alm: seed 1 stale" in done.stdout
    done = command("--runs", bench, "--table", "synthped-cost-retrieval", "--format", "latex",
                   "--where", "profile=default", cwd=tmp_path)  # fmt: skip
    assert done.stdout.startswith(r"\begin{table*}")
    monkeypatch.chdir(tmp_path)
    for wrong in (
        ["--table", "recognition_mian"],
        ["--table", "cost", "--format", "pdf"],
        ["--where", "seed.real=1"],
        ["--where", "dataset=nowhere"],
        ["--explain", "synthped-recognition_main", "clear", "mB"],
        ["--explain", "synthped-recognition_main", "klear", "mA"],
        ["--explain", "recognition_main", "clear", "mA"],
        ["--against", "nowhere"],
        ["--profile", "paper"],
    ):
        words = ["report", "--runs", bench, "--out", tmp_path / "no", *wrong]
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        with pytest.raises(SystemExit) as end:
            main(app)
        said = capsys.readouterr().err
        assert end.value.code == 2, wrong
        assert said.startswith("error: ") and said.count("\n") == 1, said
        assert not (tmp_path / "no").exists()


def test_all_runs_stale_is_an_error(tmp_path):
    fake_run(tmp_path, stale=True)
    with pytest.raises(UserError, match="whose numbers count"):
        load(tmp_path, None, {}, tmp_path / "params.yaml")


def test_the_whole_report_imports_no_torch(commanded):
    assert commanded[1].returncode == 0, commanded[1].stderr  # the process itself has looked


@pytest.mark.slow
def test_a_thousand_records_take_seconds(tmp_path):
    """And 500 MB for everything; the seconds are a limit of ``tests/benchmarks``."""
    thousand_runs(tmp_path / "runs")
    code = (
        "from pathlib import Path; from clear_bench.report.load import load;"
        "from clear_bench.report.write import write_all;"
        "write_all(load(Path('runs'), None, {}, Path('x')), Path('out'));"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1]) < 500_000  # kB, of this process alone


def test_a_record_keeps_its_changes(tmp_path):
    record = fake_run(tmp_path, overrides={"threads": 2})
    assert Record.load(next(tmp_path.rglob(RECORD))).overrides == record.overrides == {"threads": 2}
