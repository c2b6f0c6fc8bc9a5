"""One static page of all results: opens by double click, needs no server and no internet.

Made of records alone and of the figures beside it: no torch, the same bytes from the same records.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from clear_bench.config import plugins
from clear_bench.report.tables.build import build_all
from clear_bench.report.tables.model import Table
from clear_bench.report.web.model import GAP, DialogData, environment
from clear_bench.results.load import Results
from clear_bench.utils.files import write_text

HOME = Path(__file__).parent
FRONT = "default"
PROFILES_IN_WORDS = {
    "smoke": "smoke: toy size, to see that the pipeline runs; its numbers mean nothing",
    "default": "default: CPU scale, small networks from scratch",
    "paper": "paper: the published scale and recipes, on GPUs",
}
CITE = """@software{clear_bench,
  title   = {clear-bench: person attribute recognition and attribute-based retrieval},
  author  = {{The clear-bench authors}},
  version = {%s},
}"""
SECTIONS = (
    ("leaderboards", "Leaderboards"),
    ("ablations", "Ablations"),
    ("tables", "More tables"),
    ("figures", "Figures"),
    ("qualitative", "Qualitative retrieval"),
    ("protocols", "Protocols"),
    ("methods", "Methods"),
    ("left-out", "Not shown"),
    ("reproduce", "Reproduce"),
    ("cite", "Cite"),
)


def page_file(out: Path, profile: str) -> Path:
    """Return where the page of a profile goes: that of ``default`` is the front page.

    Args:
        out: Folder of all reports.
        profile: Its name.
    """
    return (out if profile == FRONT else out / profile) / "index.html"


def write(results: Results, profile: str, out: Path, tables: Sequence[Table] | None = None) -> Path:
    """Write the page of a profile and return its file.

    Figures are those that ``out/PROFILE/figures/figures.json`` lists; without it there are none.

    Args:
        results: The records of that profile.
        profile: Its name.
        out: Folder of all reports.
        tables: Of these records, in the order of the paper; None builds them.

    Raises:
        UserError: If the list of figures is broken.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    kit = Environment(
        loader=FileSystemLoader(HOME), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    file = page_file(out, profile)
    built = build_all(results) if tables is None else tables
    shown = content(results, built, profile, out / profile / "figures", file.parent)
    style, script = ((HOME / n).read_text(encoding="utf-8") for n in ("style.css", "page.js"))
    text = kit.get_template("template.html").render(style=style, script=script, **shown)
    return write_text(file, text)


def content(
    results: Results, tables: Sequence[Table], profile: str, figures: Path, beside: Path
) -> dict[str, Any]:
    """Return what the template shows.

    Args:
        results: The records.
        tables: Of these records.
        profile: Name of their profile.
        figures: Folder of the figures.
        beside: Folder of the page, from which figures are named.
    """
    from clear_bench.report.web.page_tables import page_tables
    from clear_bench.report.web.pictures import pictures
    from clear_bench.report.web.words import in_words

    dialog = DialogData(results.root)
    drawings = pictures(figures, beside)
    shown: dict[str, Any] = dict(page_tables(results, tables, dialog))
    shown["ablations"] = [replace(b, figures=drawings.of_study(b.stem)) for b in shown["ablations"]]
    placed = {figure.stem for table in shown["ablations"] for figure in table.figures}
    rest = [figure for figure in drawings.drawn if figure.stem not in placed]
    protocols = sorted({run.record.protocol for run in results.runs if run.usable})
    shown |= {
        "figures": [figure for figure in rest if not figure.qualitative],
        "qualitative": [figure for figure in rest if figure.qualitative],
        "protocols": [(signature, in_words(signature)) for signature in protocols],
        "methods": _methods(results),
        "left-out": drawings.notes,
    }
    return {
        **shown,
        "left_out": drawings.notes,
        "profile": profile,
        "facts": _facts(results, profile),
        "sections": [(key, title) for key, title in SECTIONS if shown.get(key, True)],
        "known": dialog.data(),
        "gap": GAP,
        "reproduce": f"make repro PROFILE={profile}",
        "cite": CITE % version("clear-bench"),
        "environment": _environment(results),
    }


def _facts(results: Results, profile: str) -> list[tuple[str, str]]:
    """Return what the page's head says; its date is that of the newest record."""
    newest = max((run.record for run in results.runs), key=lambda r: (r.finished_at, r.run_id))
    shown = [run for run in results.runs if run.usable]
    failed = sum(run.record.status == "failed" for run in results.runs)
    stale = sum(bool(run.stale) for run in results.runs)
    commits = Counter(run.record.provenance.get("git_commit", "unknown") for run in shown)
    return [
        ("profile", PROFILES_IN_WORDS.get(profile, profile)),
        ("newest record", newest.finished_at[:16].replace("T", " ") + " UTC"),
        (
            "runs",
            f"{len(shown)} shown, {failed} failed, {stale} stale (of other numbers)",
        ),
        ("data sets", ", ".join(results.datasets)),
        ("git commit", ", ".join(f"{c[:10]} ({n} runs)" for c, n in sorted(commits.items()))),
    ]


def _environment(results: Results) -> list[tuple[str, str]]:
    """Return each environment that runs were made in, and how many."""
    shown = Counter(environment(run.record.provenance) for run in results.runs if run.usable)
    return [(f"{count} runs", text) for text, count in sorted(shown.items())]


def _methods(results: Results) -> list[tuple[str, str]]:
    """Return each method that has a run with the first line of its file."""
    files = plugins.available("method")
    names = sorted({run.record.method for run in results.runs})
    return [(n, plugins.summary("method", n) if n in files else "no longer here") for n in names]
