"""Attention maps: the weights that a network really uses, rolled out as slowly as it gets."""

import numpy as np
import pytest
import torch
from methods import build_method

from clear_bench import attention
from clear_bench.engine.building import build
from clear_bench.models import attention_maps
from clear_bench.runs.files import SCHEMA, SELECTED
from clear_bench.training.model_config import config_for_weights
from clear_bench.training.plan import plan
from clear_bench.utils.command_line import main
from clear_bench.utils.errors import UserError


def network(tmp_path, key="clear"):
    return build_method(key, tmp_path).eval()


def pixels(count=3):
    return np.random.default_rng(0).integers(0, 256, (count, 64, 32, 3), dtype=np.uint8)


def test_maps_are_the_weights_of_the_cross_fusion(tmp_path):
    model = network(tmp_path)
    found = attention_maps.look(model, pixels())
    batch = {"images": torch.from_numpy(pixels())}
    with torch.no_grad():
        images = model.data_preprocessor(batch, False)["images"]
        swin, vit = model.trunk.branches
        (mean, windows), (token, patches) = swin(images), vit(images)
        project = model.trunk.project
        pairs = {  # side of the one that looks: what looks, what is looked at, the map's name
            0: (project[0](mean), project[1](patches), "vit_cross"),
            1: (project[1](token), project[0](windows), "swin"),
        }
        for side, (summary, tokens, name) in pairs.items():
            layer = model.trunk.cross[-1][str(side)]
            width = summary.shape[1] // layer.heads
            for n in range(3):
                seen = torch.cat([summary[n : n + 1], tokens[n]])
                query, keys = layer.query(summary[n]), layer.key(seen)
                weights = []
                for h in range(layer.heads):
                    part = slice(h * width, (h + 1) * width)
                    weights.append(torch.softmax(keys[:, part] @ query[part] / width**0.5, 0))
                slow = torch.stack(weights).mean(0)[1:]
                expected = (slow / slow.sum()).numpy()
                assert found[name][n].ravel() == pytest.approx(expected, abs=1e-5)


def test_rollout_is_the_product_of_mixed_attention():
    rng = np.random.default_rng(1)
    blocks = [rng.random((2, 3, 5, 5)) for _ in range(4)]
    blocks = [b / b.sum(-1, keepdims=True) for b in blocks]
    found = attention_maps.rollout(blocks)
    for n in range(2):
        share = np.eye(5)
        for block in blocks:
            new = np.zeros((5, 5))
            for i in range(5):
                for j in range(5):
                    new[i] += 0.5 * np.mean([block[n, h, i, j] for h in range(3)]) * share[j]
                new[i] += 0.5 * share[i]
            share = new
        assert found[n] == pytest.approx(share[0])
    assert found.sum(axis=1) == pytest.approx([1, 1])


def test_vit_map_is_the_rollout_of_what_its_blocks_pay(tmp_path):
    model = network(tmp_path, "vit")
    found = attention_maps.look(model, pixels())
    assert set(found) == {"vit"}
    trunk = model.trunk.branches[0].trunk
    with torch.no_grad():
        x = model.data_preprocessor({"images": torch.from_numpy(pixels())}, False)["images"]
        x = model.trunk.branches[0].embed(x)
        blocks = []
        for block in trunk.blocks:
            layer, y = block.attn, block.norm1(x)
            query, key, _ = layer.qkv(y).unflatten(2, (3, layer.num_heads, -1)).unbind(2)
            scores = torch.einsum("nihd,njhd->nhij", query, key) * layer.scale
            blocks.append(torch.softmax(scores, -1).numpy())
            x = block(x)
    slow = attention_maps.rollout(blocks)[:, 1:]
    slow = slow / slow.sum(axis=1, keepdims=True)
    assert found["vit"].shape == (3, 4, 2)
    assert found["vit"].reshape(3, -1) == pytest.approx(slow, abs=1e-5)


def test_looking_changes_nothing_and_grids_fit(tmp_path):
    model = network(tmp_path)
    images = model.data_preprocessor({"images": torch.from_numpy(pixels())}, False)["images"]
    with torch.no_grad():
        before = model.features(images)
        found = attention_maps.look(model, pixels())
        assert torch.equal(model.features(images), before)
    assert {k: v.shape for k, v in found.items()} == {
        "vit": (3, 4, 2), "vit_cross": (3, 4, 2), "swin": (3, 2, 1),
    }  # fmt: skip
    for weights in found.values():
        assert weights.reshape(3, -1).sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_one_image_a_person_spread_over_the_split():
    person = np.repeat(list("abcdefgh"), 2)
    rows = np.arange(2, 16)
    found = attention.spread(rows, person, 3)
    assert found.tolist() == [2, 8, 14]
    assert len(set(person[attention.spread(rows, person, 99)])) == 7


@pytest.fixture(scope="module")
def untrained(market, tmp_path_factory):
    """Two runs on a small Market-1501 whose networks never learned, one of another kind."""
    root = tmp_path_factory.mktemp("attention")
    (root / "market").symlink_to(market)
    for key in ("clear", "deepmar"):
        run = plan(
            key, "market1501", "smoke", 0, {}, root=root / "runs", data_root=root / "market"
        )[0]
        schema = run.dataset.schema
        run.folder.mkdir(parents=True)
        model = build(config_for_weights(run))
        torch.save({"state_dict": model.state_dict()}, run.folder / SELECTED)
        (run.folder / SCHEMA).write_text(schema.to_json(), encoding="utf-8")
        known = {"fingerprint": run.dataset.fingerprint}
        metrics = {"selected": {"val": {"mA": 0.5}, "test": {"mA": 0.5}}}
        run.record(status="finished", data=known, metrics=metrics).save(run.folder)
    return root


def call(monkeypatch, root, run, *words):
    known = ["attention", run, "--runs", root / "runs", "--out", root / "out"]
    known += ["--data-root", root / "market", *words]
    monkeypatch.setattr("sys.argv", list(map(str, known)))
    with pytest.raises(SystemExit) as end:
        main(attention.app)
    return end.value.code


def test_the_command_writes_a_small_file(untrained, monkeypatch, capsys):
    assert call(monkeypatch, untrained, "clear-recognition", "--images", 4) == 0
    (file,) = (untrained / "out/smoke").iterdir()
    assert capsys.readouterr().out.strip() == str(file)
    assert file.stem.startswith("clear-recognition-market1501-smoke-s0-")
    with np.load(file) as found:
        assert set(found.files) == {"rows", "pixels", "vit", "swin", "vit_cross"}
        assert found["pixels"].shape == (4, 64, 32, 3)
        assert all(len(found[name]) == 4 for name in found.files)
    assert file.stat().st_size < 60_000


def test_what_cannot_be_looked_at_is_one_line(untrained, monkeypatch, capsys):
    assert call(monkeypatch, untrained, "deepmar-recognition") == 2
    assert "deepmar has no cross-transformer" in capsys.readouterr().err
    assert call(monkeypatch, untrained, "clear-recognition", "--images", 0) == 2
    assert "--images=0: must be at least 1" in capsys.readouterr().err
    assert call(monkeypatch, untrained, "nobody") == 2
    assert "nobody: no such finished run" in capsys.readouterr().err


def test_a_run_whose_pictures_are_elsewhere_stops_no_other(untrained, monkeypatch, capsys):
    (clear,) = attention.first_runs(untrained / "runs/smoke")
    gone, real = untrained / "runs/gone", attention.maps_of

    def maps_of(folder, *rest):
        if folder == gone:
            raise UserError("data/csv/shop: no such folder")
        return real(folder, *rest)

    monkeypatch.setattr(attention, "maps_of", maps_of)
    monkeypatch.setattr(attention, "first_runs", lambda _: [gone, clear])
    assert call(monkeypatch, untrained, "--profile=smoke") == 0
    said = capsys.readouterr()
    assert said.err == f"not made: {gone}: data/csv/shop: no such folder\n"
    assert len(said.out.splitlines()) == 1
    monkeypatch.setattr(attention, "first_runs", lambda _: [gone])
    assert call(monkeypatch, untrained, "--profile=smoke") == 2
    assert "no such folder" in capsys.readouterr().err
