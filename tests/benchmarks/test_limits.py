"""Limits in seconds: generous ones, which only a cost that grew by an order of magnitude breaks.

What is counted instead of timed is tested beside the code: memory, calls, what is made again.
"""

import subprocess
import sys
import time

from fake_runs import thousand_runs
from large_manifest import load_manifest, write_manifest
from page_material import draw, fill, many_runs
from rankings import ranking

from clear_bench.metrics.retrieval import retrieval_metrics
from clear_bench.report.web import write as page
from clear_bench.results.load import Results


def seconds_of(work, clock=time.perf_counter):
    started = clock()
    work()
    return clock() - started


def test_a_manifest_of_100_000_images(tmp_path):
    write_manifest(tmp_path)
    assert load_manifest(tmp_path)["seconds"] < 2


def test_retrieval_of_market_1501(tmp_path):
    data = ranking(484, 16483, 484)
    assert seconds_of(lambda: retrieval_metrics(*data)) < 20


def test_a_page_of_a_thousand_records(tmp_path):
    fill(tmp_path / "runs")
    draw(tmp_path / "out")
    many = many_runs(Results.load(tmp_path / "runs"), 334)
    write = lambda: page.write(many, tmp_path / "out")  # noqa: E731
    assert seconds_of(write, time.process_time) < 5


def test_a_report_of_a_thousand_records(tmp_path):
    thousand_runs(tmp_path / "runs")
    code = (
        "from pathlib import Path; from clear_bench.report.load import load;"
        "from clear_bench.report.write import write_all;"
        "write_all(load(Path('runs'), None, {}, Path('x')), Path('out'))"
    )
    command = [sys.executable, "-c", code]
    assert seconds_of(lambda: subprocess.run(command, cwd=tmp_path, check=True)) < 15


def test_training_again_what_has_finished(market, tmp_path, monkeypatch):
    from tiny import go

    monkeypatch.chdir(tmp_path)
    go(market, tmp_path / "runs")
    assert seconds_of(lambda: go(market, tmp_path / "runs")) < 5
