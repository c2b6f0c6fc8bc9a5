"""One static page of all results: opens by double click, needs no server and no internet.

Made of records and figures alone, all of which it holds: no torch, the same bytes from the same
records.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from clear_bench.config import plugins
from clear_bench.report.bibliography import bibtex_of
from clear_bench.report.tables.build import build_all
from clear_bench.report.tables.model import Table
from clear_bench.report.tables.write import SUFFIXES, forms
from clear_bench.report.web.archive import archive, records
from clear_bench.report.web.facets import title_of
from clear_bench.report.web.methods import About, about
from clear_bench.report.web.model import GAP, DialogData, environment
from clear_bench.report.web.overview import overviews
from clear_bench.report.web.page_tables import page_tables
from clear_bench.report.web.pictures import Pictures, pictures
from clear_bench.report.web.words import in_words
from clear_bench.results.load import Results
from clear_bench.utils.files import write_text

HOME = Path(__file__).parent
SCRIPTS = ("base.js", "files.js", "grid.js", "dialog.js", "choose.js", "start.js")
FRONT = "default"
FIGURES = "figures"
GROUPS = ("leaderboards", "ablations", "tables", "figures", "qualitative")
"""Sections of each profile's own."""
PROFILES_IN_WORDS = {
    "smoke": "smoke: toy size, to see that the pipeline runs; its numbers mean nothing",
    "default": "default: CPU scale, small networks from scratch",
    "paper": "paper: the published scale and recipes, on GPUs",
}
SECTIONS = (
    ("leaderboards", "Leaderboards"),
    ("ablations", "Ablations"),
    ("tables", "More tables"),
    ("figures", "Figures"),
    ("qualitative", "Qualitative retrieval"),
    ("protocols", "Protocols"),
    ("methods", "Methods"),
    ("left-out", "Not shown"),
    ("downloads", "Downloads"),
    ("reproduce", "Reproduce"),
    ("cite", "Cite"),
)


def page_file(out: Path, profiles: Sequence[str]) -> Path:
    """Return where a page goes: that of ``default``, or of several profiles, is the front page.

    Args:
        out: Folder of all reports.
        profiles: Whose runs it shows.
    """
    front = len(profiles) > 1 or profiles[0] == FRONT
    return (out if front else out / profiles[0]) / "index.html"


def write(results: Results, out: Path, tables: Mapping[str, Sequence[Table]] | None = None) -> Path:
    """Write the page of all profiles of the results and return its file.

    Figures are those that ``out/PROFILE/figures/figures.json`` lists; without it there are none.

    Args:
        results: The records.
        out: Folder of all reports.
        tables: Profile to its tables, in the order of the paper; None builds them.

    Raises:
        UserError: If the list of figures is broken.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    kit = Environment(
        loader=FileSystemLoader(HOME), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    kit.policies["json.dumps_kwargs"] = {"sort_keys": False}  # facets are in the order of choosing
    profiles = sorted({run.record.profile for run in results.runs}, key=lambda p: (p != FRONT, p))
    file = page_file(out, profiles)
    made = tables or {p: build_all(results.of_profile(p)) for p in profiles}
    shown = content(results, made, profiles, out, file.parent)
    style = (HOME / "style.css").read_text(encoding="utf-8")
    script = "\n".join((HOME / name).read_text(encoding="utf-8") for name in SCRIPTS)
    text = kit.get_template("template.html").render(style=style, script=script, **shown)
    return write_text(file, text)


def content(
    results: Results,
    tables: Mapping[str, Sequence[Table]],
    profiles: Sequence[str],
    out: Path,
    beside: Path,
) -> dict[str, Any]:
    """Return what the template shows.

    Args:
        results: The records.
        tables: Profile to its tables.
        profiles: In the order of the page.
        out: Folder of all reports.
        beside: Folder of the page.
    """
    dialog = DialogData(results.root)
    shown: dict[str, Any] = {name: [] for name in GROUPS}
    notes: list[str] = []
    files = records(results)
    for profile in profiles:
        of_profile = results.of_profile(profile)
        drawings = pictures(out / profile / FIGURES)
        folder = (out / profile).relative_to(beside).as_posix()
        sections = _sections(of_profile, tables[profile], dialog, drawings, profile, folder, files)
        for name, added in sections.items():
            shown[name] += added
        notes += drawings.notes
    usable = [run.record for run in results.runs if run.usable]
    signatures = sorted({record.protocol for record in usable})
    shown |= {
        "protocols": [(signature, in_words(signature)) for signature in signatures],
        "methods": _methods(results, profiles[0]),
        "left-out": notes,
    }
    return {
        **shown,
        "left_out": notes,
        "profile": " and ".join(profiles),
        "facts": _facts(results, profiles),
        "sections": [(key, title) for key, title in SECTIONS if shown.get(key, True)],
        "known": dialog.data(),
        "files": archive(files),
        "count": len(files),
        "suffixes": list(SUFFIXES.values()),
        "profiles": profiles,
        "gap": GAP,
        "reproduce": "\n".join(f"make repro PROFILE={profile}" for profile in profiles),
        "cite": _cite(results) + "\n\n" + bibtex_of(results),
        "environment": _environment(results),
    }


def _sections(
    results: Results, tables: Sequence[Table], dialog: DialogData, drawings: Pictures,
    profile: str, folder: str, files: dict[str, str],
) -> dict[str, list[Any]]:  # fmt: skip
    """Return the tables and figures of one profile by section, and add their files to all others.

    Args:
        results: Of that profile.
        tables: Of these.
        dialog: Takes in what is behind each number.
        drawings: Its figures.
        profile: Its name.
        folder: Where its files lie, from the page.
        files: All that can be downloaded, name to text.
    """
    shown: dict[str, list[Any]] = dict(page_tables(results, tables, dialog, profile, folder))
    over = overviews(results, dialog, profile)
    files[f"tables/{profile}/references.bib"] = bibtex_of(results)
    for table in [*tables, *(table for table, _ in over)]:
        files |= {f"tables/{profile}/{name}": text for name, text in forms(table).items()}
    shown["leaderboards"] = [*(page for _, page in over), *shown["leaderboards"]]
    shown["ablations"] = [replace(b, figures=drawings.of_study(b.stem)) for b in shown["ablations"]]
    placed = {figure.stem for table in shown["ablations"] for figure in table.figures}
    rest = [figure for figure in drawings.drawn if figure.stem not in placed]
    shown["figures"] = [figure for figure in rest if not figure.qualitative]
    shown["qualitative"] = [figure for figure in rest if figure.qualitative]
    return shown


def _facts(results: Results, profiles: Sequence[str]) -> list[tuple[str, str]]:
    """Return what the page's head says; its date is that of the newest record."""
    newest = max((run.record for run in results.runs), key=lambda r: (r.finished_at, r.run_id))
    shown = [run for run in results.runs if run.usable]
    failed = sum(run.record.status == "failed" for run in results.runs)
    stale = sum(bool(run.stale) for run in results.runs)
    commits = Counter(run.record.provenance.get("git_commit", "unknown") for run in shown)
    return [
        ("profile", "\n".join(PROFILES_IN_WORDS.get(p, p) for p in profiles)),
        ("newest record", newest.finished_at[:16].replace("T", " ") + " UTC"),
        (
            "runs",
            f"{len(shown)} shown, {failed} failed, {stale} stale (of other numbers)",
        ),
        ("data sets", ", ".join(map(title_of, results.datasets))),
        ("git commit", ", ".join(f"{c[:10]} ({n} runs)" for c, n in sorted(commits.items()))),
    ]


def _cite(results: Results) -> str:
    """Return BibTeX of this software: the year is that of the newest record."""
    known = metadata("clear-bench")
    urls = [text.partition(", ")[2] for text in known.get_all("Project-URL") or []]
    pairs = {
        "title": "clear-bench: person attribute recognition and attribute-based retrieval",
        "author": "{The clear-bench authors}",
        "version": known["Version"],
        "year": max(run.record.finished_at for run in results.runs)[:4],
        "url": next(iter(urls), ""),
    }
    lines = [f"  {name:<7} = {{{value}}}," for name, value in pairs.items() if value]
    return "\n".join(["@software{clear_bench,", *lines, "}"])


def _environment(results: Results) -> list[tuple[str, str]]:
    """Return each environment that runs were made in, and how many."""
    shown = Counter(environment(run.record.provenance) for run in results.runs if run.usable)
    return [(f"{count} runs", text) for text, count in sorted(shown.items())]


def _methods(results: Results, profile: str) -> list[tuple[About, str]]:
    """Return what is known of each method that has a run, with the first line of its file."""
    files = plugins.available("method")
    names = sorted({run.record.method for run in results.runs})
    return [
        (about(n, profile), plugins.summary("method", n) if n in files else "no longer here")
        for n in names
    ]
