"""What is written of foreign names and words can be read again, here and in a spreadsheet."""

import csv
import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from fake_runs import fake_run

from clear_bench.prediction.output import WRITERS, Wanted
from clear_bench.prediction.sources import Crop
from clear_bench.report.figure_list import figures_of
from clear_bench.runs.record import Record
from clear_bench.search.output import Hit, write_ranking
from clear_bench.utils.errors import UserError

ROOT = Path(__file__).parents[2]
ODD = "runs/d\udcff/\x1b[31m" + "x" * 30_000


def test_a_record_of_a_path_that_is_no_text_is_read_again(tmp_path):
    record = fake_run(tmp_path / "runs")
    config = {**record.config, "note": [ODD, {"place": ODD}]}
    odd = record.model_copy(update={"reason": ODD, "config": config})
    odd.save(tmp_path)
    again = Record.load(tmp_path)
    assert again.reason.startswith(r"runs/d\udcff/\x1b[31mx")
    assert again.config["note"][1]["place"].isprintable()


@pytest.mark.parametrize("form", ["csv", "wide"])
def test_predictions_hold_no_formula(form):
    stream = io.StringIO()
    wanted = Wanted(names=["@hat"], threshold=np.array([0.5]), absent=True, places=("image",))
    writer = WRITERS[form](stream, wanted)
    writer.add([Crop("=cmd|' /C calc'!A0.png", None)], np.array([[0.5]]))
    (row,) = csv.DictReader(io.StringIO(stream.getvalue()))
    assert row["image"].startswith("'=cmd")
    assert row.get("attribute", "'@hat") == "'@hat"
    assert "'@hat" in stream.getvalue()


def test_a_ranking_holds_no_formula(tmp_path):
    hits = [Hit(1, "=1+1.png", -0.5, ["+hat"]), Hit(2, "a\udcff.png", 0.25, [])]
    write_ranking(hits, tmp_path / "ranking.csv")
    text = (tmp_path / "ranking.csv").read_bytes().decode("utf-8", "surrogateescape")
    first, second = csv.DictReader(io.StringIO(text))
    assert first == {"rank": "1", "file": "'=1+1.png", "score": "-0.5", "attributes": "'+hat"}
    assert second["file"] == "a\udcff.png"


@pytest.mark.parametrize(
    "row",
    [
        '{"files": ["../../x.svg"]}', '{"files": ["x.pdf"]}', '{"width": NaN}', '{"stem": "../x"}',
        '{"title": 1}', '{"note": "\\u001b[31m"}', '{"more": 1}', "null", '{"caption": "\\ud800"}',
    ],
)  # fmt: skip
def test_a_list_of_figures_names_files_beside_it(tmp_path, row):
    whole = '{"figure": "a", "title": "A", "stem": "a", "files": ["a.svg"]'
    (tmp_path / "figures.json").write_text(f"[{whole}}}]")
    assert figures_of(tmp_path)[0].svg == "a.svg"
    bad = row if row == "null" else f"{whole}, {row[1:]}"
    (tmp_path / "figures.json").write_text(f"[{bad}]")
    with pytest.raises(UserError, match=r"figures\.json: not a list of figures"):
        figures_of(tmp_path)


@pytest.fixture
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci/audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_audit_reads_the_lock(audit):
    known = audit.locked((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert len(known) > 200
    assert audit.locked('A_b==1.0  # a\nc==2 ; sys_platform == "none"\n') == {"a-b": "1.0"}
    for text in ("a>=1", "a", "a==1\nA==1", "a==1,<2", "./y.whl"):
        with pytest.raises(SystemExit, match="line"):
            audit.locked(text)


def test_the_audit_sees_a_changed_file(audit, tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    info = tmp_path / "a-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: a\nVersion: 1\n")
    digest = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"  # of nothing
    (info / "RECORD").write_text(f"a.py,{digest},6\ngone.py,{digest},0\na-1.dist-info/RECORD,,\n")
    package = audit.Distribution.at(info)
    assert audit.changed(package) == ["a.py is another", "gone.py is missing"]
    (tmp_path / "a.py").write_text("")
    assert audit.changed(package) == ["gone.py is missing"]
