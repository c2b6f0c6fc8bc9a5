"""`make gpu`: on a GPU the measurement of docs/performance.md, everywhere else its rehearsal."""

import json
from pathlib import Path

import fresh
import pytest
import torch
from jobs import MODES
from measure import measure, speeds
from tiny import TINY

from clear_bench.config.compose import compose

SMALL = {key: value for key, value in TINY.items() if key.startswith("recognition.model.")}
DOCS = Path(__file__).parents[2] / "docs/performance"


def check(found):
    """What must hold on any machine."""
    for name, result in found["repeated"].items():
        ours, theirs = result["losses"]
        assert ours == pytest.approx(theirs, rel=1e-3), name
    assert found["ranking"]["largest difference"] < 1e-6
    for rows in found["speeds"].values():
        assert [row["mode"] for row in rows] == [*MODES, "bf16, largest batch"]
        for row in rows:
            assert "failed" in row or (row["images/s"] > 0 and row["peak bytes"] > 0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the measurement itself runs here: make gpu")
def test_the_rehearsal_on_a_cpu_measures_everything(tmp_path, monkeypatch):
    """At nano size and less; on a CPU runs are equal to the bit, killed ones too."""
    monkeypatch.setattr("jobs.compose", lambda *names: compose(*names, overrides=SMALL))
    monkeypatch.setattr("measure.get_context", fresh.context)  # a card wants a new interpreter
    found = json.loads(json.dumps(measure(tmp_path, nano=True)))
    check(found)
    failed = [row for rows in found["speeds"].values() for row in rows if "failed" in row]
    assert failed == [{"mode": "bf16, compile", "batch": 2, "failed": "not rehearsed"}]
    assert all(result["bit-equal"] for result in found["repeated"].values())
    assert len(found["repeated"]) == 3
    assert found["machine"]["card"].startswith("none")


def test_what_there_is_no_time_for_says_so(tmp_path):
    class Over:
        def left(self, wanted):
            return False

    rows = speeds(tmp_path, "smoke", False, Over())
    assert {row["failed"] for row in rows} == {"no time left", "no larger one fits"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no CUDA GPU here")
def test_measure_the_card(tmp_path):
    """At most eight minutes; writes the JSON that docs/performance.md shows."""
    found = measure(tmp_path, nano=False)
    DOCS.joinpath("gpu.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    check(found)
    assert found["seconds"] < 480
    by_mode = {row["mode"]: row for row in found["speeds"]["base"]}
    anew, kept = by_mode["bf16, checkpointing"], by_mode["bf16"]
    assert anew["peak bytes"] < kept["peak bytes"]
