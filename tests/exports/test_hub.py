"""A folder for a hub: it is read again to the same numbers, whoever had it is not trusted."""

import json
import shutil

import numpy as np
import pytest
import yaml
from calling import call
from PIL import Image
from safetensors import safe_open

import clear_bench
from clear_bench import attention, evaluate, export, predict
from clear_bench.exports.hub import write_hub
from clear_bench.results.bootstrap import intervals
from clear_bench.results.unit_scores import Units, units_of
from clear_bench.training.trained_model import open_model
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import file_sha256

FILES = [
    "README.md", "config.json", "model.safetensors", "recognition/model.safetensors",
    "recognition/run.json", "recognition/schema.json", "run.json", "schema.json", "table.npz",
]  # fmt: skip


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The tiny CLEAR, both of its halves, as a folder."""
    folder = tmp_path_factory.mktemp("hub") / "clear"
    write_hub(open_model(trained.records[1].run_id, trained.root), folder)
    return folder


@pytest.fixture
def copy(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "copy")


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(4):
        pixels = rng.integers(0, 256, (64, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_it_gives_the_runs_own_numbers(exported, trained, crops, tmp_path):
    mine = clear_bench.load(trained.records[1].run_id, runs=trained.root, cache=tmp_path / "a")
    theirs = clear_bench.load(exported, runs=tmp_path / "none", cache=tmp_path / "b")
    assert theirs.run_id == mine.run_id
    assert np.array_equal(theirs.threshold, mine.threshold)
    assert theirs.predict(crops).equals(mine.predict(crops))
    for table in ({"attributes": "hat"}, {"text": "a woman without a hat"}):
        assert theirs.search(crops, **table).equals(mine.search(crops, **table))


def test_the_commands_take_it(exported, crops, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--run", str(exported), str(crops), "--format=csv"]
    assert call(monkeypatch, predict.app, *words) == 0
    assert capsys.readouterr().out.startswith("image,attribute,probability,present")
    for app in (evaluate.app, attention.app):
        assert call(monkeypatch, app, str(exported)) == 2
        assert "is an exported model; this takes a run" in capsys.readouterr().err


def test_it_has_what_it_needs_and_nothing_of_this_machine(exported, trained):
    found = sorted(str(f.relative_to(exported)) for f in exported.rglob("*") if f.is_file())
    assert found == FILES
    manifest = json.loads((exported / "config.json").read_text())
    assert sorted(manifest["files"]) == [f for f in FILES if f not in ("README.md", "config.json")]
    assert manifest["attributes"] == open_model(exported, trained.root).schema.names
    for file in exported.rglob("*.json"):
        assert str(trained.root.parent) not in file.read_text()
        assert '"command"' not in file.read_text()
    with safe_open(exported / "model.safetensors", "np") as weights:
        assert len(list(weights.keys())) > 3


def test_the_card_says_data_protocol_metrics_use_and_limits(exported, trained):
    from huggingface_hub import ModelCard

    text = (exported / "README.md").read_text(encoding="utf-8")
    card = ModelCard(text)  # parses model-index as the hub does
    results = {r.metric_name: r.metric_value for r in card.data.eval_results}
    record = trained.records[1]
    metrics = record.metrics["selected"]["test"]
    assert results == {k: round(v, 6) for k, v in metrics.items() if k != "queries"}
    assert (card.data.library_name, card.data.license) == ("clear-bench", "other")
    front = yaml.safe_load(text.split("---")[1])
    assert front["model-index"][0]["results"][0]["dataset"]["type"] == "market1501"
    for title in ("Intended use", "Limits", "Data", "Protocol", "Metrics", "Attributes"):
        assert f"\n## {title}\n" in text
    assert record.protocol in text
    ends = intervals(units_of(trained.runs[1].folder, record), list(metrics))
    assert {"mAP", "rank1"} <= set(ends)
    for name, (low, high) in ends.items():
        row = f"| {name} | {100 * metrics[name]:.2f} | {100 * low:.2f} to {100 * high:.2f} |"
        assert row in text
    for name in open_model(exported, trained.root).schema.names:
        assert f"\n| {name} | " in text


def test_a_recognition_run_has_no_second_half(trained, crops, tmp_path, monkeypatch):
    words = [trained.records[0].run_id, f"--runs={trained.root}", f"--hub={tmp_path / 'r'}"]
    assert call(monkeypatch, export.app, *words) == 0
    assert not (tmp_path / "r/recognition").exists()
    theirs = clear_bench.load(tmp_path / "r")
    mine = clear_bench.load(trained.records[0].run_id, runs=trained.root)
    assert theirs.predict(crops).equals(mine.predict(crops))
    for metric in ("mA", "f1", "accuracy"):
        assert f"| {metric} | " in (tmp_path / "r/README.md").read_text()


def changed(folder, name, change, *, honest=True):
    """Change a JSON file of a folder, and say so in the manifest."""
    file = folder / name
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    if honest and name != "config.json":
        manifest = json.loads((folder / "config.json").read_text())
        manifest["files"][name] = file_sha256(file)
        (folder / "config.json").write_text(json.dumps(manifest))


MODEL = ("config", "recognition", "model")


def put(*path, value):
    """Return what sets a value deep in a mapping."""

    def change(content):
        for word in path[:-1]:
            content = content[word]
        content[path[-1]] = value

    return change


FOREIGN = {
    "type": ("recognition/run.json", put(*MODEL, "type", value="os.system"), "must be Clear"),
    "another network": (
        "recognition/run.json", put(*MODEL, "type", value="Vtb"), "the method's own"
    ),
    "inner type": (
        "recognition/run.json", put(*MODEL, "vit", "type", value="os.system"), "vit.type"
    ),
    "preprocessor": (
        "recognition/run.json",
        put("config", "recognition", "augment", "type", value="os.system"), "augment.type",
    ),
    "hub": (
        "recognition/run.json", put(*MODEL, "vit", "name", value="hf-hub:x/y"), "only timm's own"
    ),
    "method": ("run.json", put("method", value="os"), "config.method is not os"),
    "wide": ("recognition/run.json", put(*MODEL, "dim", value=64), "not a checkpoint of this"),
    "parent": ("run.json", put("parent", value="another"), "is not another"),
    "unfinished": ("recognition/run.json", put("status", value="failed"), "has not finished"),
    "version": ("config.json", put("format", value=2), "format"),
    "key": ("config.json", put("auto_map", value={"AutoModel": "x.py"}), "auto_map"),
    "names": ("config.json", put("attributes", value=["a"]), "attributes is not what its files"),
    "threshold": ("config.json", put("threshold", value=[0.1]), "threshold is not what"),
    "outside": ("config.json", put("files", "../x", value="0" * 64), "not those of an exported"),
    "less": ("config.json", lambda c: c["files"].pop("table.npz"), "files is not what"),
    "least": ("config.json", lambda c: c["files"].pop("run.json"), "'run.json'"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_as_it_was_written_is_refused(copy, kind):
    name, change, message = FOREIGN[kind]
    changed(copy, name, change)
    with pytest.raises(UserError, match=message) as told:
        clear_bench.load(copy).predict(np.zeros((64, 32, 3), np.uint8))
    assert str(copy) in str(told.value)


@pytest.mark.parametrize("name", [f for f in FILES if f != "README.md"])
def test_every_file_is_needed_and_held_to_its_sum(copy, name):
    file = copy / name
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match=r"is not the file that config.json names|not a"):
        clear_bench.load(copy)
    file.unlink()
    with pytest.raises(UserError, match="no such"):
        clear_bench.load(copy)


def test_nothing_is_overwritten_or_half_written(exported, trained, tmp_path, monkeypatch, capsys):
    words = [trained.records[1].run_id, f"--runs={trained.root}"]
    assert call(monkeypatch, export.app, *words, f"--hub={exported}") == 2
    assert "is there already" in capsys.readouterr().err
    assert call(monkeypatch, export.app, str(exported), f"--hub={tmp_path / 'b'}") == 2
    assert "export its run" in capsys.readouterr().err
    assert call(monkeypatch, export.app, *words) == 2
    assert "give --onnx FILE, --hub DIR or both" in capsys.readouterr().err
    monkeypatch.setattr("clear_bench.exports.hub.model_card", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_hub(open_model(trained.records[1].run_id, trained.root), tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_an_interval_is_that_of_resampled_means():
    rng = np.random.default_rng(5)
    scores = rng.random(30)
    scores[4] = np.nan
    found = intervals(Units(np.arange(30), {"mAP": scores}), ["mAP", "rank1"])
    kept = scores[~np.isnan(scores)]
    rng = np.random.default_rng(0)
    twin = []
    for _ in range(8):
        drawn = rng.integers(0, 29, (250, 29))
        twin += [kept[row].mean() for row in drawn]
    assert found == {"mAP": pytest.approx(np.percentile(twin, (2.5, 97.5)), abs=1e-6)}
