"""Every study of ``ablations/`` runs in the smoke profile, each of its variants for real."""

import json
import sys

import pytest
from layouts import write_market

from clear_bench import ablate
from clear_bench.config import plugins
from clear_bench.runs.study_result import results
from clear_bench.utils.command_line import main

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def test_every_study_runs(tmp_path, monkeypatch, capsys):
    write_market(tmp_path / "market", train=48, test=12)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    options = ["--study=all", "--dataset=market1501", "--profile=smoke", "--data-root=market",
             "--seeds=1", "--workers=2", "--set=protocol.val_identities=all"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["ablate", *options])
    with pytest.raises(SystemExit) as end:
        main(ablate.app)
    said = capsys.readouterr()
    assert end.value.code == 0, said.err[-2000:]
    result_of = {r.study.rpartition("-")[0]: r for r in results(tmp_path / "runs", "smoke")}
    assert set(result_of) == set(plugins.available("study"))
    for name, result in result_of.items():
        ran = [v for v in result.variants if v.status == "finished"]
        rest = {v.label: v.reason for v in result.variants if v.status != "finished"}
        assert len(ran) > 1, (name, rest)
        # Only weights that are not here excuse a variant.
        assert {v.status for v in result.variants} <= {"finished", "unavailable"}, json.dumps(rest)
