"""The paper compiles from generated tables: no LaTeX error, nothing wider or higher than a page."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fake_runs import fake_bench, fake_run, fake_study
from matplotlib.figure import Figure

from clear_bench.config.plugins import available
from clear_bench.report import draw, write
from clear_bench.report.figures.style import _print_pdf, settle
from clear_bench.results.load import Results
from clear_bench.results.missing import Expected

PAPER = Path(__file__).parents[2] / "reports" / "paper" / "main.tex"
BAD = re.compile(
    r"^(! .*|.*(?:Overfull|Float too large|undefined|Missing character|multiply defined"
    r"|ha(?:s|ve) changed).*)$",
    re.M,
)


def run(*command, out):
    """Run a program of TeX's beside the paper."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1",
                   "max_print_line": "1000",
                   "TEXMFOUTPUT": str(out)}  # fmt: skip
    subprocess.run(command, cwd=PAPER.parent, env=environment, capture_output=True, check=False)


def compile_paper(results, out, *more):
    """Run pdflatex once and return its log."""
    out.mkdir(parents=True, exist_ok=True)
    start = rf"\def\results{{{results}}}\input{{main.tex}}"
    options = ("-interaction=nonstopmode", "-output-directory", str(out), *more)
    run("pdflatex", *options, start, out=out)
    return (out / "main.log").read_text(errors="replace")


def pdf_alone(figure, path):
    """Write of a figure what the paper takes of it, and an empty picture for the page.

    But for the first one, of a picture the paper sees no more than its size.
    """
    path.parent.mkdir(exist_ok=True)
    if next(path.parent.glob("*.pdf"), None):
        figure = Figure(figsize=figure.get_size_inches())
    else:
        settle(figure)
    pdf, svg = (path.with_name(f"{path.name}.{form}") for form in ("pdf", "svg"))
    with pdf.open("wb") as stream:
        _print_pdf(figure, stream)
    svg.write_text("<svg/>")
    return [pdf, svg]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The widest and highest tables: every method, 60 attributes, names that LaTeX dislikes."""
    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex; docs/reports.md says how to install it")
    found = subprocess.run(["kpsewhich", "siunitx.sty"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip("no siunitx; docs/reports.md says how to install it")
    root = tmp_path_factory.mktemp("paper")
    names = tuple(f"carrying_&_some_{k}%_thing#{k}" for k in range(60))
    methods = sorted(available("method"))
    fake_bench(root / "runs", recognition=methods, retrieval=methods, seeds=(0, 1), names=names)
    fake_bench(root / "runs", datasets=("peta",), seeds=(0, 1))
    reason = "the loss is 50% NaN_ in {epoch} 2 & ~3^4 \\ #5 $6 " + "and_so_on" * 30
    fake_run(root / "runs", "vtb", seed=2, status="failed", reason=reason)
    fake_run(root / "runs", overrides={"recognition.train.lr": 0.1, "recognition.train.ema": 0.2})
    fake_study(root / "runs", states={"smollm2": ("unavailable", reason)})
    for domain in ("peta", "rapv2", "pa100k", "market1501"):
        fake_run(root / "runs", dataset="upar", split=f"loo-{domain}")
    plan = Expected("default", ("synthped", "peta"), tuple(methods), 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.cpu_count", lambda: 1)  # figures are drawn here, where `draw` is patched
        patch.setattr(draw, "write", pdf_alone)
        patch.setattr(write, "write_page", lambda *_: "none")
        write.write_all(Results.load(root / "runs", expected=plan), root / "out")
    return root


def first_of(results, folder):
    """Return a folder like that of the report, whose paper has one table and the drawn picture."""
    folder.mkdir()
    for file in results.iterdir():
        (folder / file.name).symlink_to(file)
    lines = (results / "inputs.tex").read_text().splitlines()
    start = lines.index(r"\section{Figures}")
    table = next(line for line in lines if "synthped-retrieval_main.tex" in line)
    (folder / "inputs.tex").unlink()
    (folder / "inputs.tex").write_text("\n".join([table, *lines[start : start + 5]]))
    return folder


def test_it_compiles_without_a_complaint(report):
    """The first pass, which says what BibTeX has to do, is of a paper with the same references."""
    results = report / "out" / "default"
    short = first_of(results, report / "short")
    pdfs = []
    for folder in ("tex", "again"):
        assert "/figures/" in compile_paper(short, report / folder)
        pdfs.append((report / folder / "main.pdf").read_bytes())
    assert pdfs[0] == pdfs[1]
    run("bibtex", str(report / "tex" / "main"), out=report / "tex")
    (report / "tex" / "main.pdf").unlink()
    compile_paper(results, report / "tex", "-draftmode")
    log = compile_paper(results, report / "tex")
    assert (report / "tex" / "main.pdf").is_file(), log[-2000:]
    assert BAD.findall(log) == []
    inputs = (results / "inputs.tex").read_text()
    tables = list(results.glob("*-*.tex"))
    assert len(tables) > 20
    assert len(re.findall(r"includegraphics", inputs)) > 10
    assert all(f"/{table.name}}}" in inputs for table in tables)


def test_the_check_sees_what_is_wrong(report):
    folder = report / "broken" / "out"
    folder.mkdir(parents=True)
    wide = r"\noindent\begin{tabular}{l}" + "wide " * 60 + r"\end{tabular}"
    (folder / "inputs.tex").write_text(wide + "\n\\nonsense\n")
    log = compile_paper(folder, report / "broken" / "tex", "-draftmode")
    complaints = BAD.findall(log)
    assert any("Overfull" in line for line in complaints)
    assert any("Undefined control sequence" in line for line in complaints)
