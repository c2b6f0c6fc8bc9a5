"""The tables and plots of docs/performance.md, from what `make bench` measured.

``python tests/benchmarks/tables.py [JSON of pytest-benchmark]``: keeps the plain results as
``docs/performance/measured.json``, and writes every block between markers anew, and the plots;
what is about GPUs comes from `cards`.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from cards import BLOCKS

DOCS = Path(__file__).parents[2] / "docs"
MEASURED = DOCS / "performance/measured.json"
CALCULATED = DOCS / "performance/calculated.json"
PAGE = DOCS / "performance.md"


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of pytest-benchmark's JSON: the machine, and each test's own values."""
    info, commit = found["machine_info"], found["commit_info"]
    at = commit.get("id", "?")[:12] + (" with changes" if commit.get("dirty") else "")
    return {
        "machine": f"{info['cpu'].get('brand_raw', '?')}, {info['cpu'].get('count', '?')} cores, "
        f"Python {info['python_version']}",
        "date": found["datetime"][:10],
        "works": {
            f"{Path(b['fullname'].split('::')[0]).name}::{b['name']}": b["extra_info"]
            | {"commit": at}
            for b in found["benchmarks"]
        },
    }


def commits(works: dict[str, Any]) -> str:
    """Return at which commits works were measured: one that is not measured again keeps its own."""
    found = Counter(work["commit"] for work in works.values())
    return ", ".join(f"commit {c} ({n} of {len(works)} works)" for c, n in found.most_common())


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def time_of(seconds: float) -> str:
    """Return seconds in a unit that reads well."""
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def size_of(count: float) -> str:
    """Return bytes in a unit that reads well."""
    return f"{count / 1e9:.3g} GB"


def compared(works: dict[str, Any]) -> str:
    """Return the ratios to peers."""
    rows = []
    for test, work in works.items():
        own = work.get("seconds", {}).get("clear_bench") if "work" in work else None
        for name, seconds in work["seconds"].items() if own else ():
            if name not in work["targets"]:
                continue
            rule, limit = work["targets"][name]
            ratio = seconds / own if rule == "at least" else own / seconds
            met = ratio >= limit if rule == "at least" else ratio <= limit
            what = "theirs over ours" if rule == "at least" else "ours over theirs"
            scaled = f" (from {100 * work['share'][name]:.2g} %)" if name in work["share"] else ""
            rows.append([work["work"], time_of(own), name, time_of(seconds) + scaled,
                         f"{ratio:.3g}", f"{what}, {rule} {limit:.3g}",
                         "yes" if met else "**no**", f"`{test}`"])  # fmt: skip
    head = ["work", "clear-bench", "peer", "its time", "ratio", "target", "met", "test"]
    return markdown(head, rows)


def switches(works: dict[str, Any]) -> str:
    """Return what each switch of training does to a step."""
    rows = [
        [work["work"], name, time_of(seconds), f"{work['seconds']['clear_bench'] / seconds:.2f}"]
        for work in works.values()
        if work.get("work", "").startswith("switches")
        for name, seconds in work["seconds"].items()
    ]
    rows = [[a, "default" if b == "clear_bench" else b, *rest] for a, b, *rest in rows]
    return markdown(["work", "switch", "seconds an epoch", "times as fast as the default"], rows)


def limits(works: dict[str, Any]) -> str:
    """Return what has a limit of its own."""
    rows = [[w["command"], time_of(w["seconds"]), time_of(w["below"]),
             "yes" if w["seconds"] < w["below"] else "**no**"]
            for w in works.values() if "command" in w]  # fmt: skip
    rows += [["memory, 500 x 1,000,000 x 512-d from a file", size_of(w["peak_bytes"]),
              size_of(w["below_bytes"]), "yes" if w["peak_bytes"] < w["below_bytes"] else "**no**"]
             for w in works.values() if "peak_bytes" in w]  # fmt: skip
    return markdown(["what", "measured", "limit", "met"], rows)


def profiles(works: dict[str, Any]) -> str:
    """Return where the time of a step goes."""
    found = {w["profile"]: w["parts"] for w in works.values() if "profile" in w}
    parts = next(iter(found.values()), {})
    rows = [[part, *(f"{100 * each[part]:.1f}" for each in found.values())] for part in parts]
    return markdown(["part, % of CPU time", *found], rows)


def growing(works: dict[str, Any]) -> str:
    """Return the points of the plots; the exponent is between the first and the last one."""
    from math import log

    rows = []
    for work in works.values():
        if "points" not in work:
            continue
        (x0, y0), (x1, y1) = work["points"][0], work["points"][-1]
        points = ", ".join(f"{x:,}: {time_of(y)}" for x, y in work["points"])
        rows.append([work["axis"], points, f"{log(y1 / y0) / log(x1 / x0):.2f}"])
    return markdown(["axis", "size: time", "exponent"], rows)


def calculated() -> str:
    """Return what profiles would take; none of it was measured."""
    rows = [
        [r["profile"], r["data set"], f"{r['training images']:,}", str(r["attributes"]),
         f"{r['parameters'] / 1e6:.0f} M", f"{r['flops an image'] / 1e9:.1f} G",
         f"{r['flops of training'] / 1e15:.1f} P", size_of(r["training state bytes"]),
         size_of(r["activation bytes"]), size_of(r["pixel cache bytes"]),
         size_of(r["feature cache bytes"])]
        for r in json.loads(CALCULATED.read_text(encoding="utf-8"))
    ]  # fmt: skip
    return markdown(
        ["profile", "data set", "training images", "attributes", "parameters", "FLOPs an image",
         "FLOPs of training", "weights, gradients, moments", "activations of a batch",
         "pixels on disk", "features on disk"], rows)  # fmt: skip


def plot(works: dict[str, Any]) -> None:
    """Draw every growing cost into one small SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "clear-bench"  # the same numbers give the same file
    import matplotlib.pyplot as plt

    found = [w for w in works.values() if "points" in w]
    if not found:
        return
    figure, axes = plt.subplots(2, -(-len(found) // 2), figsize=(10, 4.5), layout="constrained")
    for axis in axes.flat[len(found) :]:
        axis.remove()
    for axis, work in zip(axes.flat, found, strict=False):
        axis.loglog(*zip(*work["points"], strict=True), "o-", markersize=3)
        axis.set(xlabel=work["axis"], ylabel="seconds")
    figure.savefig(DOCS / "performance/growth.svg", metadata={"Date": None})


def write(results: dict[str, Any]) -> None:
    """Put the tables between the markers of the page."""
    works = results["works"]
    blocks = {
        "machine": f"{results['machine']}, one thread; newest on {results['date']}.  Measured at "
        f"{commits(works)}.",
        "compared": compared(works),
        "limits": limits(works),
        "switches": switches(works),
        "profile": profiles(works),
        "growth": growing(works),
        "calculated": calculated(),
        **{name: block() for name, block in BLOCKS.items()},
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, block in blocks.items():
        marks = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        text, count = re.subn(marks, lambda m, b=block: f"{m[1]}{b}\n{m[2]}", text, flags=re.S)
        if count != 1:
            raise SystemExit(f"{PAGE}: {count} blocks named {name}, must be one")
    PAGE.write_text(text, encoding="utf-8")
    plot(works)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        fresh = plain(json.loads(Path(argument).read_text(encoding="utf-8")))
        if MEASURED.exists():  # what was not measured this time stays
            old = json.loads(MEASURED.read_text(encoding="utf-8"))
            fresh["works"] = old["works"] | fresh["works"]
        MEASURED.write_text(json.dumps(fresh, indent=1) + "\n", encoding="utf-8")
    write(json.loads(MEASURED.read_text(encoding="utf-8")))
