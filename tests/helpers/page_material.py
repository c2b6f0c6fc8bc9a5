"""Runs and pictures for tests of the page."""

import base64
import io
import json

from fake_runs import fake_bench, fake_run, fake_study
from PIL import Image

from clear_bench.results.load import Results
from clear_bench.runs.files import RECORD
from clear_bench.utils.files import write_text

NASTY = 'out of memory <script>alert("&")</script>'


def fill(root):
    """Write runs of every kind."""
    fake_bench(root, seeds=(0, 1))
    fake_run(root, "vtb", seed=5, status="failed", reason=NASTY)
    fake_run(root, "alm", seed=0, stale=True)
    small = fake_run(root, "deepmar", seed=0, quality=0.5)
    file = root / "default/synthped/deepmar" / small.run_id / RECORD
    cost = {**small.cost, "parameters": 1_000_000}
    write_text(file, json.dumps(small.model_copy(update={"cost": cost}).model_dump()))
    fake_run(root, "asmr", "retrieval", seed=0, protocol="asmr")
    fake_study(root, states={"smollm2": ("unavailable", "no weights here")})
    fake_study(root, "depth", factors={"retrieval.model.depth": (1, 2)}, seeds=(0, 1))


def draw(out, profile="default"):
    """Write a list of figures, and pictures."""
    folder = out / profile / "figures"
    folder.mkdir(parents=True)
    rows = [{"figure": "", "title": "Runs", "stem": "", "caption": "", "files": [], "note": "gone"}]
    for key, stem, size in (
        ("comparison", "comparison-synthped-recognition", (300, 200)),
        ("deltas", "deltas-synthped-depth", (300, 200)),
        ("qualitative", "qualitative-synthped-best", (600, 200)),
    ):
        (folder / f"{stem}.svg").write_text(svg(*size))
        rows.append({"figure": key, "title": key, "stem": stem, "caption": f"About {stem}.",
                     "files": [f"{stem}.pdf", f"{stem}.svg"], "note": "",
                     "persons": key == "qualitative",
                     "width": size[0] / 100, "height": size[1] / 100})  # fmt: skip
    (folder / "figures.json").write_text(json.dumps(rows))


def svg(width, height):
    """Return a picture as matplotlib writes one: a photograph, and a black line on no ground."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 30)).save(stream, "PNG")
    photograph = base64.b64encode(stream.getvalue()).decode()
    return (
        '<?xml version="1.0"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' xmlns:xlink="http://www.w3.org/1999/xlink">\n'
        "<metadata>made at noon</metadata><!-- a word -->\n"
        '<defs><style type="text/css">*{stroke-linejoin: round}</style></defs>\n'
        f'<image xlink:href="data:image/png;base64,{photograph}" width="64" height="64"/>\n'
        f'<g id="text_1"><g style="fill: #262626"><path d="M 0 100.123456 h {width} v 20 H 0"/>'
        "</g></g>"
        "</svg>\n"
    )


def many_runs(loaded, methods):
    """Return results of so many methods with three seeds each, made of one run that is there."""
    clear = next(r for r in loaded.runs if r.usable and r.record.task == "recognition")
    many = [
        type(clear)(
            clear.folder,
            clear.record.model_copy(update={"run_id": f"r{m}-{s}", "method": f"m{m}", "seed": s}),
            False, clear.settings, clear.changes,
        )
        for m in range(methods)
        for s in range(3)
    ]  # fmt: skip
    return Results(loaded.root, tuple(many))
