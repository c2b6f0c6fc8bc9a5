"""Resuming checks all that loading checks; what cannot be gone on from is set aside and said."""

import copy
import io
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from tiny import go, kill, numbers

from clear_bench.engine import resuming
from clear_bench.engine.building import build, load
from clear_bench.engine.optimizer import optimizer
from clear_bench.runs.attempts import begin_attempt
from clear_bench.runs.files import ATTEMPTS, LAST, SELECTED
from clear_bench.training.model_config import config_for_weights
from clear_bench.utils.errors import UserError


@pytest.fixture(scope="module")
def world(trained):
    """A recognition run, its model and optimiser built once, and what its checkpoints hold."""
    run = trained.runs[0]
    model = build(config_for_weights(run))
    learner = build_optim_wrapper(model, optimizer(run.section["train"]))
    content = torch.load(run.folder / LAST, weights_only=True)
    return run, model, content, (trained.runs[1].folder / LAST).read_bytes(), learner


@pytest.fixture
def here(world, tmp_path, monkeypatch):
    """That run in a folder of the test."""
    run = world[0]
    home = tmp_path / run.folder.name
    home.mkdir()
    for name in (LAST, SELECTED):
        shutil.copy(run.folder / name, home)
    monkeypatch.setattr(resuming, "build", lambda _: world[1])
    monkeypatch.setattr(resuming, "build_optim_wrapper", lambda *_: world[4])
    return replace(run, home=home)


def without(name):
    return lambda c: c.pop(name)


def nan(c):
    next(iter(c["state_dict"].values())).fill_(float("nan"))


def renamed(c):
    c["state_dict"]["other"] = c["state_dict"].pop(next(iter(c["state_dict"])))


def widened(c):
    name, tensor = next(iter(c["state_dict"].items()))
    c["state_dict"][name] = torch.cat([tensor, tensor])


BROKEN = {
    "no meta": without("meta"), "no weights": without("state_dict"),
    "no history": without("history"),
    "no optimizer": without("optimizer"), "no schedules": without("param_schedulers"),
    "no hub": without("message_hub"), "not finite": nan, "another name": renamed,
    "another shape": widened,
    "one weight missing": lambda c: c["state_dict"].popitem(),
    "epoch 99": lambda c: c["meta"].update(epoch=99),
    "epoch 0": lambda c: c["meta"].update(epoch=0),
    "epoch in words": lambda c: c["meta"].update(epoch="3"),
    "half an epoch": lambda c: c["meta"].update(iter=c["meta"]["iter"] + 1),
    "another run": lambda c: c["meta"].update(experiment_name="clear-recognition-x-s0-12345678"),
    "another seed": lambda c: c["meta"].update(seed=5),
    "code to run": lambda c: c["meta"].update(config="raise SystemExit"),
    "too short a history": lambda c: c["history"].pop(),
    "no metric": lambda c: c["history"][0].pop("mA"),
    "a metric that is none": lambda c: c["history"][1].update(mA=float("nan")),
    "moments that are none": lambda c: c["optimizer"]["state"][0]["exp_avg"].fill_(float("inf")),
    "a parameter too few": lambda c: c["optimizer"]["param_groups"][0]["params"].pop(),
    "a list": None,
}  # fmt: skip


def written(content):
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def broken(world, how):
    """Return the bytes of a checkpoint that is broken in a way."""
    if how == "a list":
        return written([1, 2])
    content = copy.deepcopy(world[2])
    BROKEN[how](content)
    return written(content)


@pytest.mark.parametrize("how", BROKEN)
def test_the_one_before_takes_its_place(world, here, capsys, how):
    (here.folder / LAST).write_bytes(broken(world, how))
    resuming.mend(here, {})
    assert (here.folder / LAST).read_bytes() == (here.folder / SELECTED).read_bytes()
    assert (here.folder / f"{LAST}.unusable").is_file()
    assert f"set aside as {LAST}.unusable" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("content", [b"", b"no checkpoint", "truncated", "of another model"])
def test_without_one_before_it_starts_from_the_beginning(world, here, capsys, content):
    whole = (here.folder / LAST).read_bytes()
    known = {"truncated": whole[: len(whole) // 2], "of another model": world[3]}
    for name in (LAST, SELECTED):
        (here.folder / name).write_bytes(known.get(content, content))
    resuming.mend(here, {})
    assert {f.name for f in here.folder.iterdir()} == {f"{n}.unusable" for n in (LAST, SELECTED)}
    assert "starts from the beginning" in capsys.readouterr().err
    resuming.mend(here, {})  # what was set aside is read by nobody


def test_a_good_checkpoint_is_left_alone(here, capsys):
    before = (here.folder / LAST).read_bytes()
    resuming.mend(here, {})
    assert (here.folder / LAST).read_bytes() == before
    assert capsys.readouterr().err == ""


def test_the_best_weights_that_are_lost_are_trained_again(world, here):
    values = [row["mA"] for row in world[2]["history"]]
    (here.folder / SELECTED).write_bytes(b"")
    resuming.mend(here, {})
    if values.index(max(values)) == len(values) - 1:  # then the last ones are the best
        assert (here.folder / SELECTED).read_bytes() == (here.folder / LAST).read_bytes()
    else:
        assert not (here.folder / LAST).exists()


def check_bytes(here, cases, monkeypatch):
    """Of equal bytes torch reads the same: it is asked once a case, not at every look."""
    rng = random.Random(5)  # noqa: S311
    whole = (here.folder / LAST).read_bytes()
    selected = (here.folder / SELECTED).read_bytes()
    read = resuming.read_checkpoint
    good = {selected: read(here.folder / SELECTED)}
    seen = {}

    def remembered(file):
        content = file.read_bytes()
        if content not in good and content not in seen:
            seen[content] = read(file)
        return good.get(content) or seen[content]

    monkeypatch.setattr(resuming, "read_checkpoint", remembered)
    for _ in range(cases):
        seen.clear()
        content = bytearray(whole)
        for _ in range(rng.randint(1, 30)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        if rng.random() < 0.3:
            del content[rng.randrange(len(content)) :]
        (here.folder / LAST).write_bytes(content)
        (here.folder / SELECTED).write_bytes(selected)
        resuming.mend(here, {})
        for aside in here.folder.glob("*.unusable"):
            aside.unlink()
        resuming.mend(here, {})  # what it leaves needs no mending
        assert (here.folder / LAST).exists() and not list(here.folder.glob("*.unusable"))


def test_whatever_a_checkpoint_can_be_there_is_one_to_go_on_from(here, monkeypatch):
    check_bytes(here, 60, monkeypatch)


@pytest.mark.slow
def test_whatever_a_checkpoint_can_be_there_is_one_to_go_on_from_many(here, monkeypatch):
    check_bytes(here, 5000, monkeypatch)


@pytest.mark.parametrize("damage", [0, 1000])
def test_a_training_with_a_damaged_checkpoint_ends_with_the_same_bits(
    market, trained, tmp_path, monkeypatch, damage
):
    monkeypatch.chdir(tmp_path)
    kill(market, "save", 6)
    (last,) = Path("runs").rglob(LAST)
    last.write_bytes(last.read_bytes()[:damage])
    runs, records = go(market, Path("runs"))
    assert [numbers(r) for r in records] == [numbers(r) for r in trained.records]
    assert all(run.finished for run in runs)


def test_weights_that_are_not_finite_do_not_predict(world, tmp_path):
    content = copy.deepcopy(world[2])
    nan(content)
    (tmp_path / "x.pth").write_bytes(written(content))
    with pytest.raises(UserError, match="is not finite"):
        load(config_for_weights(world[0]), tmp_path / "x.pth")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"before": "x", "began": 1}', '{"before": NaN}']
)
def test_a_damaged_note_of_attempts_is_made_again(tmp_path, capsys, content):
    (tmp_path / ATTEMPTS).write_text(content)
    assert begin_attempt(tmp_path).before == 0
    assert "damaged" in capsys.readouterr().err
    assert begin_attempt(tmp_path).before == 0
