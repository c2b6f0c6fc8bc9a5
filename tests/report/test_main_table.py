"""The paper's table: five data sets, three classes, nothing scaled, nothing wider than its page.

The classes are emulated: an article with their text and column widths (geometry) and fonts, since
cvpr.sty is on no CTAN.
"""

import os
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from fake_runs import fake_bench, fake_run, fake_study
from scipy.stats import trim_mean

from clear_bench.config.plugins import available, tasks_of
from clear_bench.report.bibliography import bibtex_of, family, paper_of
from clear_bench.report.tables.build import build
from clear_bench.report.tables.layout import STYLES, parts_of, width
from clear_bench.report.tables.write import latex, markdown, table_csv
from clear_bench.results.load import Results
from clear_bench.runs.study_result import SearchResult, SearchTrial
from clear_bench.utils.errors import UserError

SETS = ("peta", "pa100k", "rapv1", "rapv2", "market1501")
FONTS = {
    "cvpr": r"\usepackage{times}",
    "eccv": "",
    "ieee": r"\usepackage{times}",
    "report": r"\usepackage{lmodern}",
}
BAD = re.compile(r"^(! .*|.*(?:Overfull|Float too large|[Uu]ndefined|Missing character).*)$", re.M)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Every method on five data sets, all but three of them on the last."""
    root = tmp_path_factory.mktemp("main") / "runs"
    methods = sorted(available("method"))
    by_task = {t: [m for m in methods if t in tasks_of(m)] for t in ("recognition", "retrieval")}
    by_task = {t: ["clear", *(m for m in ms if m != "clear")] for t, ms in by_task.items()}
    known = {"seeds": (0, 1), "profile": "paper", "images": 20}
    fake_bench(root, datasets=SETS[:4], **by_task, **known)
    fewer = {t: [m for m in ms if m not in ("sal", "dafl", "c2t_net")] for t, ms in by_task.items()}
    fake_bench(root, datasets=SETS[4:], **fewer, **known)
    return Results.load(root, "paper")


MADE = {}


def main_tables(results, style="report", floors=True):
    """Return the tables of five data sets; their numbers are the same in each style."""
    if (results.root, floors) not in MADE:
        MADE[results.root, floors] = build(results, "main", datasets=list(SETS), floors=floors)
    return [replace(table, style=style) for table in MADE[results.root, floors]]


def test_groups_own_row_and_floors(results):
    (recognition, retrieval) = main_tables(results)
    for table in (recognition, retrieval):
        sections = [row.section for row in table.rows]
        assert sections == sorted(sections, key=sections.index)  # each group stands together
        at = [row.label for row in table.rows].index("clear")
        assert [row.shaded for row in table.rows].count(True) == 1
        assert table.rows[at].shaded
        assert {row.section for row in table.rows[at + 1 :]} == {"Floors"}
        assert dict.fromkeys(c.over for c in table.columns) == dict.fromkeys(
            ("PETA", "PA-100K", "RAPv1", "RAPv2", "Market-1501")
        )
    row = next(r for r in recognition.rows if r.label == "strong_baseline")
    assert (row.title, row.facts) == ("Strong Baseline", ("2021", "ResNet-50"))
    assert [c.head for c in retrieval.columns[:4]] == ["R@1", "R@5", "R@10", "mAP"]
    without, _ = main_tables(results, floors=False)
    assert not {"chance", "label_prior"} & {row.label for row in without.rows}


def test_marks_are_of_the_whole_column_and_gaps_are_gaps(results):
    for table in main_tables(results):
        for place in range(len(table.columns)):
            cells = [row.cells[place] for row in table.rows]
            best = max(c.value for c in cells if c.n)
            assert {c.value for c in cells if c.mark == "best"} == {best}
            assert any(c.mark == "second" for c in cells)
    text = latex(main_tables(results)[0])
    line = next(x for x in text.splitlines() if x.startswith("DAFL") and "{--}" in x)
    assert line.count("{--}") == 5


def test_what_is_said_is_below_the_table(results):
    recognition, _ = main_tables(results)
    assert len(recognition.caption) < 130
    assert "† differs from CLEAR" in recognition.details
    assert "splits: PETA" in recognition.details
    tex = latex(recognition)
    assert "resizebox" not in tex and "adjustbox" not in tex and "scale" not in tex
    for row in recognition.rows:
        paper = paper_of(row.method)
        assert paper is None or rf"\cite{{{paper.key}}}" in tex
        assert row.title in markdown(recognition)
    assert "PETA mA" in table_csv(recognition)


@pytest.mark.parametrize("style", STYLES)
def test_every_part_is_estimated_to_fit(results, style):
    for table in main_tables(results, style=style):
        parts = parts_of(table, STYLES[style])
        assert all(width(part, STYLES[style]) <= STYLES[style].page for part in parts)
        assert [c.name for part in parts for c in part.columns] == [c.name for c in table.columns]


def test_three_data_sets_of_five_metrics_fit_one_page_of_cvpr(results):
    (table, _) = build(results, "main", datasets=["peta", "pa100k", "rapv2"])
    assert len(parts_of(table, STYLES["cvpr"])) == 1


def test_what_can_not_fit_is_said(results):
    (table, _) = main_tables(results, style="eccv")
    rows = [replace(r, method="", label=r.label * 30) for r in table.rows]
    with pytest.raises(UserError, match="wider than a page of eccv"):
        latex(replace(table, rows=tuple(rows)))


STEPS = {
    "draft": ["pdflatex", "-interaction=nonstopmode", "-draftmode", "paper.tex"],  # no PDF
    "references": ["bibtex", "paper"],
    "paper": ["pdflatex", "-interaction=nonstopmode", "paper.tex"],
}


def compiled(folder, style, body, bib, steps):
    """Run some of `STEPS` in a folder and return the log."""
    page = STYLES[style]
    two = page.column < page.page
    gap = page.page - 2 * page.column
    lines = [
        rf"\documentclass[10pt{',twocolumn' if two else ''}]{{article}}",
        r"\usepackage[T1]{fontenc}", r"\usepackage[utf8]{inputenc}", FONTS[style],
        rf"\usepackage[textwidth={page.page}pt,textheight=640pt,columnsep={gap}pt]{{geometry}}",
        r"\usepackage{booktabs,siunitx,threeparttable,colortbl}",
        r"\begin{document}", r"\typeout{WIDTHS \the\textwidth\space\the\columnwidth}",
        body, "text", r"\bibliographystyle{plain}", r"\bibliography{references}", r"\end{document}",
    ]  # fmt: skip
    (folder / "paper.tex").write_text("\n".join(lines), encoding="utf-8")
    (folder / "references.bib").write_text(bib, encoding="utf-8")
    environment = {**os.environ, "max_print_line": "1000"}
    for command in (STEPS[step] for step in steps):
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True,
                              errors="replace", check=False)  # fmt: skip
        if command[0] == "bibtex":
            assert done.returncode == 0, done.stdout
            assert "Warning" not in done.stdout.replace("Warning--empty author", "")
    return (folder / "paper.log").read_text(errors="replace")


def tex_has(*files):
    """Return whether LaTeX is installed with these files."""
    if not shutil.which("pdflatex") or not shutil.which("kpsewhich"):
        return False
    found = [subprocess.run(["kpsewhich", f], capture_output=True, check=False) for f in files]
    return all(f.returncode == 0 for f in found)


IN_TURN = ["cvpr", *(pytest.param(s, marks=pytest.mark.slow) for s in STYLES if s != "cvpr")]


@pytest.mark.parametrize("style", IN_TURN)
def test_five_data_sets_compile_in_each_style(results, style, tmp_path):
    if not tex_has("siunitx.sty", "threeparttable.sty", "colortbl.sty"):
        pytest.skip("no pdflatex with siunitx; docs/reports.md says how to install it")
    tables = main_tables(results, style=style)
    bib = bibtex_of(results)
    body = "\n".join(latex(t) for t in tables)
    alone = re.sub(r"\\(begin|end)\{threeparttable\}", "", body)
    alone = alone.replace(r"\begin{tabular}", r"\sbox0{\begin{tabular}")
    alone = alone.replace(r"\end{tabular}", r"\end{tabular}}\typeout{TABLE \the\wd0}")
    alone = re.sub(r"(?s)\\begin\{tablenotes\}.*?\\end\{tablenotes\}", "", alone)
    measured = compiled(tmp_path, style, alone, bib, ("draft", "references"))  # it cites as much
    log = compiled(tmp_path, style, body, bib, ("draft", "paper"))
    assert (tmp_path / "paper.pdf").is_file()
    assert BAD.findall(log) == []
    page = STYLES[style]
    (found,) = re.findall(r"^WIDTHS ([\d.]+)pt ([\d.]+)pt", log, re.M)
    assert [float(x) for x in found] == pytest.approx([page.page, page.column], abs=0.1)
    parts = [part for table in tables for part in parts_of(table, page)]
    widths = [float(x) for x in re.findall(r"^TABLE ([\d.]+)pt", measured, re.M)]
    estimates = [width(part, page) for part in parts]
    assert len(widths) == len(parts)
    for real, estimated in zip(widths, estimates, strict=True):
        assert 0.85 * estimated < real <= estimated <= page.page


def test_the_references_hold_every_cited_paper(results):
    bib = bibtex_of(results)
    assert re.findall(r"@misc\{(\w+),", bib)[:2] == ["torch", "timm"]
    for method in {run.record.method for run in results.runs}:
        paper = paper_of(method)
        assert paper is not None or family(method) == "floor" or method in (
            "likelihood", "timm_backbone"
        )  # fmt: skip
        if paper:
            assert f"{{{paper.key},\n" in bib
            assert f"year = {{{paper.year}}}" in bib
            assert f"url = {{{paper.link}}}" in bib


def test_references_are_the_same_when_the_backport_has_taken_pythons_place(results, monkeypatch):
    """MLflow imports it; it raises where Python's own says None."""
    backport = pytest.importorskip("importlib_metadata")
    monkeypatch.setattr("clear_bench.report.bibliography.metadata", backport.metadata)
    ours = bibtex_of(results)
    monkeypatch.undo()
    assert ours == bibtex_of(results)
    assert "url = {" in ours.partition("@misc{timm")[2].partition("@")[0]


def test_published_rows_stand_above_ours(tmp_path):
    for seed in (0, 1):
        for method in ("clear", "vtb", "ssc"):
            fake_run(tmp_path, method, dataset="peta", split="random0", seed=seed)
            fake_run(tmp_path, method, dataset="pa100k", split="official", seed=seed)
    (table,) = build(Results.load(tmp_path), "main_published", datasets=["peta", "pa100k"])
    labels = [row.label for row in table.rows]
    place = labels.index("vtb (published)")
    assert labels[place + 1] == "vtb"
    row = table.rows[place]
    assert row.title == "VTB (published)"
    assert [c.value for c in row.cells[:2]] == [85.31, 79.60]
    assert row.cells[5].value == 83.72
    assert not any(c.mark or c.dagger for c in row.cells)
    assert "selection not stated" in row.notes[0] and "F1 is the mean" in row.notes[0]


def test_data_sets_together(results):
    (recognition, _) = build(results, "aggregate", datasets=list(SETS))
    rows = {row.label: row for row in recognition.rows}
    assert rows["dafl"].notes == ("not on Market-1501",)
    assert not rows["dafl"].cells[0].n
    assert rows["clear"].cells[2].n == 0  # not against itself
    groups = [g for g in results.groups(task="recognition") if g.method == "vtb"]
    values = [v for g in groups for v in g.values("mA").values()]
    assert rows["vtb"].cells[0].value == pytest.approx(100 * trim_mean(values, 0.25))
    assert 0 <= rows["vtb"].cells[2].value <= 1
    assert build(results.where({"dataset": ["peta"]}), "aggregate") == []


def test_a_search_is_a_row_and_what_nobody_asked_for_is_none(tmp_path):
    states = {name: ("missing", "not run yet") for name in ("glove", "smollm2")}
    study = fake_study(tmp_path, states=states)
    changed = {"retrieval.train.lr": 0.02}
    runs = {
        seed: fake_run(tmp_path, "clear", "retrieval", seed=seed, overrides=changed).run_id
        for seed in (0, 1, 2)
    }
    trials = [SearchTrial(number=k, state="complete", values={"retrieval.train.lr": 0.01 * k},
                          val=0.1 * k) for k in (1, 2)]  # fmt: skip
    search = SearchResult(metric="mAP", budget=2, trials=trials,
                          best={"retrieval.train.lr": 0.02}, runs=runs)  # fmt: skip
    study.model_copy(update={"search": search}).save(tmp_path)
    (table,) = build(Results.load(tmp_path), "ablation")
    assert [row.label for row in table.rows] == ["minilm", "searched: lr=0.02"]
    assert table.rows[1].cells[0].n == 3
    assert "best has mAP 20.00 on val" in table.notes[0]
    assert table.notes[1] == "2 variants of the study were not asked for"
