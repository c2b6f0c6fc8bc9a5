"""The page without a browser: what stands in it, and what it is made of."""

import cProfile
import html
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from fake_runs import fake_run, fake_study
from page_material import draw, many_runs
from page_reading import name, plain, read

from clear_bench.config.protocol import PROTOCOLS
from clear_bench.report.web import write as page
from clear_bench.report.web.model import GAP
from clear_bench.report.web.words import in_words
from clear_bench.results.load import Results
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import records
from clear_bench.utils.errors import UserError


def test_values_are_those_of_the_records(made):
    root, file = made
    tables, dialog = read(file)
    by_id = {r.run_id: r for _, r in records(root)}
    head, *rows = tables["default-synthped-recognition_main-table"]
    metric = {"mA": "mA", "Acc": "accuracy", "F1": "f1"}
    checked = 0
    for row in rows:
        for (title, _), (text, place) in zip(head, row, strict=True):
            if title not in metric or text.startswith(GAP):
                continue
            cell = dialog["cells"][int(place)]
            runs = [by_id[run["id"]] for run in dialog["groups"][cell["group"]]["runs"]]
            values = [100 * r.metrics["selected"]["test"][metric[title]] for r in runs]
            assert cell["values"] == [f"{v:.4f}" for v in values]
            spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
            assert plain(text) == f"{np.mean(values):.2f}{spread}"
            checked += 1
    assert checked == 3 * 4  # clear, vtb, chance and deepmar have numbers


def test_every_number_agrees_with_the_seeds_behind_it(made):
    tables, dialog = read(made[1])
    checked = set()
    for key, (_, *rows) in tables.items():
        for text, place in (cell for row in rows for cell in row):
            values = [v for v in dialog["cells"][int(place)]["values"] if v != GAP] if place else []
            if not values:
                assert place is None or text.startswith(GAP)
                continue
            shown = plain(text).split()[0]
            digits = len(shown.partition(".")[2])
            mean = np.mean([float(v) for v in values])
            assert float(shown) == pytest.approx(mean, abs=0.51 * 10**-digits)
            checked.add(key)
    assert {k for k in tables if "protocol" not in k and "environment" not in k} == checked


def test_a_run_that_is_not_there_is_seen(made):
    tables, dialog = read(made[1])
    rows = {name(row): row for row in tables["default-synthped-recognition_main-table"]}
    assert {"CLEAR", "VTB"} <= set(rows)
    gap, place = rows["ALM"][-1]
    assert gap.startswith(GAP)
    assert "seed 0 stale" in gap
    cell = dialog["cells"][int(place)]
    assert cell["values"] == []
    assert "--method alm" in dialog["groups"][cell["group"]]["command"]
    text = made[1].read_text()
    assert "out of memory &lt;script&gt;" in text
    assert "<script>alert" not in text
    variants = {row[0][0]: row for row in tables["default-synthped-ablation-lm_choice-table"]}
    assert "no weights here" in variants["smollm21"][1][0]
    head, first, *_ = tables["default-synthped-attributes-table"]
    column = [text for text, _ in head].index("ALM")
    assert "seed 0 stale" in first[column][0]


def test_a_variant_is_compared_with_the_reference_seed_by_seed(made):
    root, file = made
    tables, dialog = read(file)
    by_id = {r.run_id: r for _, r in records(root)}
    head, reference, other = tables["default-synthped-ablation-depth-table"]
    titles = [text for text, _ in head]
    assert reference[0][0] == "1 (reference)"
    delta, mean = other[titles.index("Δ mAP")], titles.index("mAP")

    def values(cell):
        group = dialog["groups"][dialog["cells"][int(cell[1])]["group"]]
        return [by_id[r["id"]].metrics["selected"]["test"]["mAP"] for r in group["runs"]]

    gaps = 100 * (np.array(values(other[mean])) - np.array(values(reference[mean])))
    assert plain(delta[0]).startswith(f"{gaps.mean():+.2f} ±")
    cell = dialog["cells"][int(delta[1])]
    assert cell["values"] == [f"{g:+.4f}" for g in gaps]
    base = dialog["groups"][dialog["cells"][int(reference[mean][1])]["group"]]["runs"]
    assert f"Subtracted, seed by seed: {', '.join(run['id'] for run in base)}." in cell["lines"]


def test_checkpoints_are_compared_as_they_are_named(tmp_path):
    root = tmp_path / "runs"
    result = fake_study(root, "epoch", factors={"checkpoint": ("selected", "last")})
    folders = {r.run_id: f for f, r in records(root)}
    for run_id in result.variants[0].runs.values():
        record = json.loads((folders[run_id] / RECORD).read_text())
        record["metrics"]["last"]["test"]["mAP"] += 0.01
        (folders[run_id] / RECORD).write_text(json.dumps(record))
    tables, dialog = read(page.write(Results.load(root), tmp_path / "out"))
    head, *rows = tables["default-synthped-ablation-epoch-table"]
    text, place = rows[1][[t for t, _ in head].index("Δ mAP")]
    assert text.startswith("+1.00")
    assert dialog["cells"][int(place)]["values"] == ["+1.0000"] * 3


def test_protocols_have_tables_of_their_own(made):
    tables, _ = read(made[1])
    keys = [key for key in tables if key.startswith("default-synthped-retrieval_main")]
    assert len(keys) == 2
    assert [sum(name(r) == "ASMR" for r in tables[key]) for key in keys] == [1, 1]
    facets = [json.loads(html.unescape(found)) for found in
              re.findall(r'id="default-synthped-retrieval_main[-2]*"[^>]*data-facets="([^"]*)"',
                         made[1].read_text())]  # fmt: skip
    protocols = [found.pop("protocol") for found in facets]
    assert facets == 2 * [{"task": "retrieval", "data set": "synthped", "metrics": "main",
                           "profile": "default"}]  # fmt: skip
    assert "ap:mean" in protocols[0]
    assert "ap:trapezoid" in protocols[1]


def test_nothing_is_fetched_from_elsewhere(made):
    text = made[1].read_text()
    assert not re.search(
        r"(src|srcset)=\"(?!data:)|url\(|@import|<link(?! rel=\"icon\" href=\"data:)", text
    )


def test_the_same_records_give_the_same_bytes(made, tmp_path):
    root, file = made
    draw(tmp_path)
    again = page.write(Results.load(root), tmp_path)
    assert again.read_bytes() == file.read_bytes()


def test_a_broken_list_of_figures_is_one_line(tmp_path):
    fake_run(tmp_path / "runs")
    folder = tmp_path / "out/default/figures"
    folder.mkdir(parents=True)
    for text in ("{", '[{"figure": "a"}]', '[{"files": ["a.pdf"], "note": ""}]', "3"):
        (folder / "figures.json").write_text(text)
        with pytest.raises(UserError, match=r"figures\.json: not a list of figures"):
            page.write(Results.load(tmp_path / "runs"), tmp_path / "out")
    draw(tmp_path / "new")
    (tmp_path / "new/default/figures/deltas-synthped-depth.svg").unlink()
    with pytest.raises(UserError, match=r"deltas-synthped-depth\.svg: no such picture"):
        page.write(Results.load(tmp_path / "runs"), tmp_path / "new")
    assert not (tmp_path / "out/index.html").exists()


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
@pytest.mark.parametrize("task", ["recognition", "retrieval"])
def test_every_part_of_a_signature_has_words(tmp_path, name, task):
    record = fake_run(tmp_path, task=task, protocol=name)
    parts = in_words(record.protocol)
    assert "|".join(part for part, _ in parts) == record.protocol
    assert not [part for part, meaning in parts if "clear_bench/config/protocol.py" in meaning]


def test_no_torch(made, tmp_path):
    code = (
        "import sys; from pathlib import Path; from clear_bench.report.web import write as page;"
        "from clear_bench.results.load import Results;"
        f"page.write(Results.load(Path({str(made[0])!r})), Path({str(tmp_path)!r}));"
        "sys.exit(sum(m in sys.modules for m in ('torch', 'mlflow', 'optuna', 'mmengine')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_thousand_records_take_seconds(made, tmp_path):
    """In calls, which grow as the records do; the seconds are for ``tests/benchmarks``."""
    loaded, calls = Results.load(made[0]), {}
    for methods in (30, 90):
        profile = cProfile.Profile(builtins=False)
        file = profile.runcall(page.write, many_runs(loaded, methods), tmp_path)
        calls[methods] = sum(entry.callcount for entry in profile.getstats())
    assert len(read(file)[0]["default-synthped-recognition_main-table"]) == 91
    each = (calls[90] - calls[30]) / 60
    assert calls[90] < 3.1 * calls[30]
    assert calls[90] + (334 - 90) * each < 15_000_000  # of 1,002 records: there are twelve millions
