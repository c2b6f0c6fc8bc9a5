"""Records to tables: mean and std over seeds, one protocol a table, LaTeX that is escaped."""

import pandas as pd
import pytest

from clear_bench.tables import cells, summarise, write


def frame(task="recognition", protocols=("a|v1",), seeds=(0, 1, 2)):
    rows = [
        {
            "run_id": f"m-{seed}", "method": "my_method", "task": task, "dataset": "synthped",
            "profile": "default", "seed": seed, "protocol": protocol, "checkpoint": checkpoint,
            "settings": "{}",
            "split": split, "metric": metric, "value": 0.5 + 0.01 * seed + 0.1 * k,
            "parameters": 2_500_000, "flops_per_image": 4e7, "images_per_second": 100.0 + seed,
            "train_seconds": 60.0,
        }
        for protocol in protocols
        for seed in seeds
        for checkpoint in ("selected", "last")
        for split in ("val", "test")
        for k, metric in enumerate(["mA", "accuracy", "precision", "recall", "f1", "f1_instance"])
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_mean_and_sample_deviation_in_per_cent():
    table = summarise(frame(), "recognition")
    row = table.loc[("a|v1", "my_method", "selected")]
    assert row[("mA", "mean")] == pytest.approx(51.0)
    assert row[("mA", "std")] == pytest.approx(1.0)  # of 50, 51, 52 with n - 1
    assert row[("f1_instance", "mean")] == pytest.approx(101.0)
    assert row[("n", "")] == 3
    text = cells(table.droplevel("protocol"), "recognition", " ± ")
    assert text.loc[("my_method", "last"), "mA"] == "51.00 ± 1.00"


def test_one_seed_has_no_deviation():
    table = summarise(frame(seeds=(4,)), "recognition")
    assert cells(table.droplevel("protocol"), "recognition", " ± ")["mA"].tolist() == ["54.00"] * 2


def test_protocols_never_share_a_table(tmp_path):
    table = summarise(frame(protocols=("a|thr0.5|v1", "b|thr0.4|v1")), "recognition")
    files = write(table, "recognition", "synthped", tmp_path)
    assert len(files) == 6
    for file in files:
        text = file.read_text()
        assert ("thr0.5" in text) + ("thr0.4" in text) == (0 if file.suffix == ".csv" else 1)


def test_latex_escapes_names_and_keeps_booktabs(tmp_path):
    write(summarise(frame(), "recognition"), "recognition", "synthped", tmp_path)
    text = (tmp_path / "synthped-recognition.tex").read_text()
    assert r"my\_method" in text
    assert "my_method" not in text
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    assert r"51.00 $\pm$ 1.00" in text


def test_the_best_method_comes_first_and_costs_stand_beside():
    good, bad = frame(), frame()
    bad["method"], bad["value"] = "a_worse_one", bad["value"] - 0.2
    table = summarise(pd.concat([bad, good]), "recognition").droplevel("protocol")
    assert list(table.index) == [
        ("my_method", "selected"), ("my_method", "last"),
        ("a_worse_one", "selected"), ("a_worse_one", "last"),
    ]  # fmt: skip
    row = cells(table, "recognition", " ± ").iloc[0]
    assert row["params (M)"] == "2.50"
    assert row["images/s"] == "101"


def test_other_settings_are_other_rows_never_more_seeds():
    plain, changed = frame(seeds=(0, 1)), frame(seeds=(0, 1))
    plain["settings"] = '{"text.encoder": "minilm", "lr": 1}'
    changed["settings"] = '{"text.encoder": "glove", "lr": 1}'
    table = summarise(pd.concat([plain, changed], ignore_index=True), "recognition")
    methods = set(table.index.get_level_values("method"))
    assert methods == {"my_method (text.encoder=glove)", "my_method (text.encoder=minilm)"}
    assert (table[("n", "")] == 2).all()
