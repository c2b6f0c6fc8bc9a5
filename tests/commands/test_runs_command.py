"""``runs list | show | best | rm``."""

import csv
import io
import json

import pytest
from calling import call
from fake_runs import fake_bench, fake_pair, fake_run

from clear_bench.runs import __main__ as runs
from clear_bench.runs.record import records


@pytest.fixture
def root(tmp_path):
    fake_bench(tmp_path, seeds=(0, 1))
    return tmp_path


def said(monkeypatch, capsys, *words, status=0):
    assert call(monkeypatch, runs.app, *map(str, words)) == status
    found = capsys.readouterr()
    return found.out if status == 0 else found.err


def test_list_chooses_and_speaks_three_forms(monkeypatch, capsys, root):
    words = ["list", "--runs", root, "--where", "method=clear,vtb", "--where", "task=recognition"]
    rows = json.loads(said(monkeypatch, capsys, *words, "--format=json"))
    assert sorted({row["run"].split("-")[0] for row in rows}) == ["clear", "vtb"]
    assert len(rows) == 4
    known = {r.run_id: r for _, r in records(root)}
    for row in rows:
        metrics = known[row["run"]].metrics["selected"]
        assert (row["val"], row["test"]) == (metrics["val"]["mA"], metrics["test"]["mA"])
    table = list(csv.DictReader(io.StringIO(said(monkeypatch, capsys, *words, "--format=csv"))))
    assert [row["run"] for row in table] == [row["run"] for row in rows]
    text = said(monkeypatch, capsys, "list", "clear-retrieval", "--runs", root)
    assert text.count("clear-retrieval-") == 2


def test_best_goes_by_val_and_never_by_test(monkeypatch, capsys, root):
    for folder, record in records(root):  # the worst on val is the best on test
        content = json.loads((folder / "record.json").read_text())
        for checkpoint in content["metrics"].values():
            for name, value in checkpoint["val"].items():
                checkpoint["test"][name] = 1 - value if value <= 1 else value
        (folder / "record.json").write_text(json.dumps(content))
        assert record.metrics
    rows = json.loads(said(monkeypatch, capsys, "best", "--runs", root, "--format=json"))
    by_task = {row["metric"]: row for row in rows}
    for metric, task in (("mA", "recognition"), ("mAP", "retrieval")):
        vals = [r.metrics["selected"]["val"][metric] for _, r in records(root) if r.task == task]
        assert by_task[metric]["val"] == max(vals)
        assert by_task[metric]["test"] == pytest.approx(1 - max(vals))


def test_show_names_relatives_and_studies(monkeypatch, capsys, tmp_path):
    first, second = fake_pair(tmp_path)
    text = said(monkeypatch, capsys, "show", first.run_id, "--runs", tmp_path)
    assert second.run_id in text
    assert "recipe" in text
    assert "mA" in text


def test_rm_asks_and_removes_what_was_chosen(monkeypatch, capsys, root):
    before = {r.run_id for _, r in records(root)}
    words = ["rm", "--runs", root, "--where", "method=chance"]
    assert "would remove 4 runs; say --yes" in said(monkeypatch, capsys, *words, status=2)
    assert said(monkeypatch, capsys, *words, "--dry-run").count("chance") >= 4
    assert {r.run_id for _, r in records(root)} == before
    assert "4 runs removed" in said(monkeypatch, capsys, *words, "--yes")
    assert {r.run_id for _, r in records(root)} == {n for n in before if "chance" not in n}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["list", "nope"], "nope: no such finished run"),
        (["list", "--where", "metod=x"], "unknown fact of --where 'metod'; did you mean method"),
        (
            ["list", "--where", "method=cleer"],
            "unknown value of method 'cleer'; did you mean clear",
        ),
        (["list", "--format", "jsn"], "unknown format 'jsn'"),
        (["show", "cleer"], "did you mean clear"),
        (["best", "--where", "seed=9"], "unknown value of seed '9'"),
        (["rm"], "rm: give either runs or --where"),
        (["lst"], "No such command 'lst'"),
    ],
)
def test_bad_words_are_one_line(monkeypatch, capsys, root, words, message):
    text = said(monkeypatch, capsys, *words, *(["--runs", root] if words[0] != "lst" else []),
                status=2)  # fmt: skip
    assert message in text
    assert text.count("\n") == 1


def test_a_broken_record_is_named(monkeypatch, capsys, tmp_path):
    fake_run(tmp_path)
    (file,) = tmp_path.rglob("record.json")
    file.write_text("{")
    assert str(file) in said(monkeypatch, capsys, "list", "--runs", tmp_path, status=2)
