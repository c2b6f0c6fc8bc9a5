"""From a folder of pictures and somebody's table to a ranking and a row of a table."""

import csv
import json

import pytest
from calling import call, unmirrored
from own_data import COLUMNS, labels_of, write_pictures
from tiny import TINY

from clear_bench import predict, train
from clear_bench.data import __main__ as data
from clear_bench.report import __main__ as report
from clear_bench.search import __main__ as search

NAME = "csv:shop"


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """200 pictures of 100 persons and a table of them, semicolons and all; the current folder."""
    monkeypatch.chdir(tmp_path)
    labels = labels_of(100)
    lines = [";".join(["file", "pid", *COLUMNS])]
    for k, path in enumerate(write_pictures(tmp_path / "shop", 200)):
        lines.append(";".join([path, f"p{k // 2}", *map(str, labels[k // 2])]))
    (tmp_path / "mine.csv").write_text("\r\n".join(lines), "utf-8-sig")
    return tmp_path / "shop"


def test_from_a_folder_of_pictures_to_a_table(shop, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    unmirrored(monkeypatch)
    changes = TINY | {"recognition.train.epochs": 2, "retrieval.train.epochs": 1}
    settings = [f"--set={key}={json.dumps(value)}" for key, value in changes.items()]

    def said(app, *words):
        assert call(monkeypatch, app, *words) == 0
        return capsys.readouterr().out

    assert "200 pictures, 8 attributes" in said(data.app, "new", "shop", "--from=mine.csv")
    assert "nothing is wrong" in said(data.app, "verify", NAME, "--data-root=shop")
    assert call(monkeypatch, train.app, f"--dataset={NAME}", "--data-root=shop",
                "--profile=smoke", *settings) == 0  # fmt: skip
    recognition, retrieval = (
        next(shop.parent.glob(f"runs/smoke/csv+shop/clear/clear-{task}-*")).name
        for task in ("recognition", "retrieval")
    )
    capsys.readouterr()
    picture = "shop/images/left/0001.png"
    rows = json.loads(said(predict.app, picture, f"--run={recognition}", "--format=json", "--all"))
    assert {row["attribute"] for row in rows} == set(COLUMNS)
    said(search.app, f"--run={retrieval}", "--gallery=shop/images", "--attributes=hat, female=no")
    with (shop.parent / "search/ranking.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 200
    table = said(report.app, "--profile=smoke", "--table=retrieval_main")
    assert "csv:shop, test split" in table
    assert "| CLEAR (" in table
    assert r"csv:shop\|seed0\|attrs8:all\|" in table
    assert r"\|split:by-person\|data:" in table
