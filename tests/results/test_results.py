"""The data layer of reports: groups of runs, gaps that stay visible, where a number comes from."""

import shlex
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from fake_runs import fake_bench, fake_pair, fake_run, fake_study

from clear_bench.config.choice import parse_choice
from clear_bench.config.dotted import changes, parse_overrides
from clear_bench.results.load import Results
from clear_bench.results.origin import origin
from clear_bench.results.statistics import estimate
from clear_bench.runs.files import RECORD
from clear_bench.utils.errors import UserError


def by_label(results, task="recognition"):
    return {g.label: g for g in results.groups(task=task)}


def test_a_group_is_a_method_over_seeds(tmp_path):
    records = fake_bench(tmp_path, recognition=("clear", "vtb"), retrieval=())
    groups = by_label(Results.load(tmp_path))
    assert list(groups) == ["clear", "vtb"]
    values = [r.metrics["selected"]["test"]["mA"] for r in records if r.method == "vtb"]
    assert groups["vtb"].values("mA") == dict(enumerate(values))
    seen = groups["vtb"].estimate("mA")
    assert (seen.mean, seen.std, seen.n) == (
        pytest.approx(sum(values) / 3), pytest.approx(np.std(values, ddof=1)), 3
    )  # fmt: skip
    names, table = groups["vtb"].attributes("mA")
    assert table.shape == (3, len(names)) == (3, 6)
    assert groups["vtb"].cost("train_seconds").mean == 61.0
    assert groups["vtb"].cost("nonsense") is groups["vtb"].estimate("rank1") is None


def test_failed_and_stale_runs_are_gaps(tmp_path):
    fake_run(tmp_path, "vtb", seed=0)
    fake_run(tmp_path, "vtb", seed=0, stale=True)  # its place is taken
    fake_run(tmp_path, "vtb", seed=1, stale=True)
    fake_run(tmp_path, "vtb", seed=2, status="failed", reason="the loss is NaN")
    fake_run(tmp_path, "alm", seed=0, stale=True)
    groups = by_label(Results.load(tmp_path))
    assert groups["vtb"].seeds == [0]
    assert [(g.seed, g.why) for g in groups["vtb"].gaps] == [(1, "stale"), (2, "failed")]
    assert str(groups["vtb"].gaps[1]) == "seed 2 failed: the loss is NaN"
    assert groups["alm"].seeds == []
    assert groups["alm"].estimate("mA") is None
    assert [g.why for g in groups["alm"].gaps] == ["stale"]


def test_other_settings_are_other_groups(tmp_path):
    fake_run(tmp_path, "vtb", seed=0)
    fake_run(tmp_path, "vtb", seed=0, overrides={"recognition.train.lr": 0.1})
    fake_run(tmp_path, "alm", seed=0, settings={"threads": 1}, schema_version=1)
    fake_run(tmp_path, "alm", seed=0, settings={"threads": 2}, schema_version=1)
    results = Results.load(tmp_path, stale=lambda record: "")  # the older ones too
    labels = set(by_label(results))
    assert labels == {"vtb", "vtb (recognition.train.lr=0.1)", "alm (threads=1)", "alm (threads=2)"}


def test_a_parents_changes_tell_its_children_apart(tmp_path):
    fake_pair(tmp_path, "clear", seed=0)
    first = fake_run(tmp_path, "clear", overrides={"recognition.train.lr": 0.1})
    fake_run(tmp_path, "clear", "retrieval", parent=first.run_id)
    groups = by_label(Results.load(tmp_path), "retrieval")
    assert set(groups) == {"clear", "clear (recognition.train.lr=0.1)"}
    assert (
        "--set recognition.train.lr=0.1"
        in origin(groups["clear (recognition.train.lr=0.1)"]).command
    )


def test_variants_of_studies_stay_out_of_the_methods_tables(tmp_path):
    study = fake_study(tmp_path, states={"smollm2": ("unavailable", "no weights here")})
    results = Results.load(tmp_path)
    assert [g.label for g in results.groups()] == ["clear"]
    assert len(results.all_groups) == 2
    groups = [results.variant(study, v) for v in study.variants]
    assert [g.label for g in groups] == ["minilm", "glove", "smollm2"]
    assert [len(g.runs) for g in groups] == [3, 3, 0]
    assert [g.reason for g in groups[2].gaps] == ["no weights here"] * 3


def test_a_command_says_all_that_differs(tmp_path):
    overrides = {"recognition.model.type": "on", "data.image_size": [96, 48], "data.split": "ids 0"}
    fake_run(tmp_path, "vtb", seed=4, overrides=overrides)
    (group,) = Results.load(tmp_path).groups()
    arguments = shlex.split(origin(group).command)
    assert arguments[:5] == ["python", "-m", "clear_bench.train", "--method", "vtb"]
    assert arguments[arguments.index("--seed") + 1] == "4"
    pairs = [b for a, b in pairwise(arguments) if a == "--set"]
    assert parse_overrides(pairs) == overrides


@pytest.mark.parametrize(
    "word",
    ["seed.__class__=1", "@x=1", "sead=1", "seed=", "abs(seed)=1", "seed<1", "seed", "=1",
     "__import__('os')=1", "seed=[s for s in seed]", "seed=9", "seed=0,,1",
     ""],
)  # fmt: skip
def test_where_refuses_all_but_comparisons(tmp_path, word):
    fake_run(tmp_path)
    with pytest.raises(UserError, match=r"--where|of seed") as error:
        Results.load(tmp_path).where(parse_choice([word], "--where"))
    assert "\n" not in str(error.value)


def test_where_chooses_runs(tmp_path):
    fake_bench(tmp_path)
    choice = parse_choice(["task=retrieval", "seed=2", "method=clear,asmr"], "--where")
    chosen = Results.load(tmp_path, where=choice).runs
    assert {(r.record.task, r.record.seed) for r in chosen} == {("retrieval", 2)}
    assert {r.record.method for r in chosen} == {"clear", "asmr"}
    several = parse_choice(["seed=0", "seed=2,1", "task=recognition"], "--where")
    assert len(Results.load(tmp_path, where=several).runs) == 9


def test_a_broken_record_is_named(tmp_path):
    fake_run(tmp_path)
    (file,) = tmp_path.rglob(RECORD)
    file.write_text("{")
    with pytest.raises(UserError, match=str(file)):
        Results.load(tmp_path)


def test_no_records_is_said(tmp_path):
    with pytest.raises(UserError, match="no runs"):
        Results.load(tmp_path)


def test_changes_make_one_configuration_of_another():
    default = {"a": {"b": 1, "c": {"name": "x", "d": 2}}, "e": 3}
    config = {"a": {"b": 2, "c": {"name": "y", "f": 2}}, "e": 3}
    assert changes(config, default) == {"a.b": 2, "a.c": {"name": "y", "f": 2}}
    assert changes(default, default) == {}


def test_reading_records_imports_no_torch(tmp_path):
    fake_run(tmp_path)
    code = (
        "import sys; from pathlib import Path; from clear_bench.results.load import Results;"
        f"Results.load(Path({str(tmp_path)!r})).groups();"
        "assert not {'torch', 'mmengine', 'mlflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_interval_is_students():
    from scipy import stats

    values = np.array([70.1, 71.3, 69.2, 74.0])
    summary = estimate(values)
    want = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert (summary.low, summary.high) == pytest.approx(want)
