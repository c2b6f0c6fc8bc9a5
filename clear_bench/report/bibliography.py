"""What papers stand behind methods, data sets and the stack: names in print, groups, BibTeX.

All of it is read from what the plugins' files write out, without importing them.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

from clear_bench.config import plugins
from clear_bench.config.citation import FAMILIES, Citation
from clear_bench.results.load import Results
from clear_bench.utils.errors import UserError, unknown

STACK = ("torch", "timm", "transformers", "mmengine", "optuna", "mlflow", "dvc", "numpy", "scipy")
"""The libraries that a paper made with this project names."""

ADDRESSES = ("homepage", "repository", "source", "documentation")


@cache
def papers(kind: str, key: str) -> tuple[Citation, ...]:
    """Return the papers of a method or data set, its own first; none for a file that is not.

    Args:
        kind: ``method`` or ``data set``.
        key: File name of the plugin.

    Raises:
        UserError: If an entry is not what `Citation` holds.
    """
    if key not in plugins.available(kind):
        return ()
    entries = plugins.written(kind, key, "papers", ())
    if isinstance(entries, str):
        return papers(kind, entries)
    return tuple(Citation.of(entry, f"papers of {key}") for entry in entries)


def paper_of(method: str) -> Citation | None:
    """Return the first paper of a method; None for a method without any."""
    return next(iter(papers("method", method)), None)


def family(method: str) -> str:
    """Return the family of a method; ``other`` where its file does not say.

    Raises:
        UserError: If its file says another word than those of `FAMILIES`.
    """
    if method not in plugins.available("method"):
        return "other"
    name = str(plugins.written("method", method, "family", "other"))
    if name not in FAMILIES:
        raise unknown(f"{method}: family", name, FAMILIES)
    return name


def backbone(method: str, profile: str) -> str:
    """Return the image network of a method in print; "" where it has none of its own."""
    if method not in plugins.available("method"):
        return ""
    names = plugins.written("method", method, "backbone", {})
    return str(names.get(profile, names.get("default", "")))


def dataset_title(dataset: str) -> str:
    """Return a data set's name in print; its file name where there is no such file."""
    if dataset not in plugins.available("data set"):
        return dataset
    return str(plugins.written("data set", dataset, "title", dataset))


def row_title(label: str, method: str) -> str:
    """Return what a row is called in print: the method's title, and what is special about the row.

    Args:
        label: Of a group: the method's file name and what tells it apart.
        method: The file name.
    """
    if label != method and not label.startswith(f"{method} "):
        return label
    return plugins.title_of(method) + label.removeprefix(method)


def references(methods: Iterable[str], datasets: Iterable[str]) -> list[Citation]:
    """Return the papers of methods and data sets, each once, by key.

    Raises:
        UserError: If two papers have one key.
    """
    found: dict[str, Citation] = {}
    of_methods = [p for m in methods for p in papers("method", m)]
    for paper in [*of_methods, *(p for d in datasets for p in papers("data set", d))]:
        other = found.setdefault(paper.key, paper)
        if other.title != paper.title:
            raise UserError(f"{paper.key}: the key of two papers: {other.title}; {paper.title}")
    return [found[key] for key in sorted(found)]


def bibtex_of(results: Results) -> str:
    """Return a report's ``references.bib``: its methods, its data sets and the stack."""
    methods = sorted({run.record.method for run in results.runs})
    entries = [paper.bibtex() for paper in references(methods, results.datasets)]
    return "\n".join([*entries, *stack(results)])


def stack(results: Results) -> list[str]:
    """Return an entry for each library of `STACK`, with the versions that made the runs.

    Name, author and address are those of the installed package.
    """
    versions: dict[str, set[str]] = {}
    for run in results.runs:
        for name, version in run.record.provenance.get("libraries", {}).items():
            versions.setdefault(str(name), set()).add(str(version))
    return [_software(name, sorted(versions.get(name, ()))) for name in STACK]


def _software(name: str, versions: Sequence[str]) -> str:
    """Return the entry of one library; without what its package does not say."""
    try:
        facts = metadata(name)
    except PackageNotFoundError:
        return f"@misc{{{name},\n  title = {{{name}}},\n}}\n"
    urls = dict(u.lower().split(", ", 1) for u in facts.get_all("Project-URL") or [])

    def said(key: str) -> str:
        # Whoever imports importlib_metadata puts it in the place of Python's own, and it raises.
        return facts[key] or "" if key in facts else ""

    address = said("Home-page") or next((urls[a] for a in ADDRESSES if a in urls), "")
    by_mail = said("Author-email").partition(" <")[0]
    author = (said("Author") or ("" if "@" in by_mail else by_mail)).partition(" (http")[0]
    pairs = {
        "author": f"{{{author}}}" if author else "",
        "title": f"{{{name}}}",
        "note": f"version {', '.join(versions)}" if versions else "",
        "url": address,
    }
    lines = [f"  {key} = {{{value}}}," for key, value in pairs.items() if value]
    return "\n".join([f"@misc{{{name},", *lines, "}"]) + "\n"
