"""Runs that start from files of others: what they are known by, what is refused before they run."""

import shutil
from pathlib import Path

import pytest
import torch
from foreign_weights import hap_checkpoint
from test_start_files import one_line, vit, write
from tiny import TINY

from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.training.plan import plan
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import file_sha256

TINY_VIT = {k: v for k, v in TINY.items() if k.startswith(("data", "recog"))}


@pytest.fixture
def run_of(market, tmp_path, monkeypatch):
    """Return the recognition run of some overrides, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def planned(method, changed, base=TINY_VIT):
        where = {"root": Path("runs"), "data_root": market}
        return plan(method, "market1501", "smoke", 0, base | changed, **where)[0]

    return planned


def test_a_run_is_known_by_the_content_of_its_file(run_of):
    source = vit(seed=7, depth=1)
    write(hap_checkpoint(source.trunk), Path("a.pth"))
    key = "recognition.model.vit.weights"
    still = {"recognition.train.epochs": 2, "recognition.train.lr": 1e-12,
             "recognition.train.weight_decay": 0.0}  # fmt: skip
    run, scratch = run_of("vit", {key: "a.pth", **still}), run_of("vit", still)
    assert run.id != scratch.id
    shutil.copy("a.pth", "b.pth")
    assert run_of("vit", {key: "b.pth", **still}).id == run.id
    write(hap_checkpoint(vit(seed=8, depth=1).trunk), Path("b.pth"))
    assert run_of("vit", {key: "b.pth", **still}).id != run.id
    (record,) = execute([run], Cache(Path("cache")))
    sha256 = file_sha256(Path("a.pth"))
    assert record.config["recognition"]["model"]["vit"]["weights_sha256"] == sha256
    said = record.data["start"]
    assert said["sha256"] == {key: sha256}
    assert f"{key}: mask_token" in said["unused"]
    learned = torch.load(run.folder / "selected.pth", weights_only=True)["state_dict"]
    for name, tensor in source.trunk.state_dict().items():
        torch.testing.assert_close(learned[f"trunk.branches.0.trunk.{name}"], tensor, atol=1e-6,
                                   rtol=0)  # fmt: skip
    Path("a.pth").unlink()  # the model opens without it, and the run is found by its sha256
    pinned = {key: "a.pth", f"{key}_sha256": sha256, **still}
    assert run_of("vit", pinned).finished
    from clear_bench.training.trained_model import open_model

    assert open_model(run.id, Path("runs")).model is not None


@pytest.mark.parametrize(
    ("method", "changed", "message"),
    [
        ("vit", {"recognition.model.vit.weights": "gone.pth"}, "gone.pth: no such file of weights"),
        ("vit", {"recognition.model.swin.weights": "a.pth"}, "vit has no swin branch; it has vit"),
        ("vit", {"recognition.model.vit.weights": "a.pth", "recognition.model.vit.weights_sha256":
                 "12"}, "weights_sha256=12: must be"),
        ("clear", {"recognition.init": "c2t:a.pth"}, "channel_attention=released"),
        ("vit", {"recognition.init": "c2t:a.pth"}, r"needs recognition.model.branches=\['swin'"),
        ("c2t_net", {"recognition.init": "c2t:a.pth", "recognition.model.vit.weights": "a.pth"},
         "leave one out"),
        ("c2t_net", {"recognition.init": "c2t:gone.pth"}, "recognition.init: gone.pth: no such"),
        ("clear", {"recognition.model.swin": {"name": "convnext_tiny"}}, "cannot be a swin branch"),
        ("clear", {"recognition.model.swin": {"name": "swinv2_cr_tiny_224"}}, "but not swinv2_cr"),
        ("vtb", {"recognition.model.vit": {"name": "beit_base_patch16_224"}}, "cannot be a vit"),
        ("vit", {"recognition.model.vit": {"name": "vit_tinny"}}, "unknown network of timm"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_is_written(run_of, method, changed, message):
    write(hap_checkpoint(vit().trunk), Path("a.pth"))
    with pytest.raises(UserError, match=message) as caught:
        run_of(method, changed, {})
    assert one_line(caught)
    assert not Path("runs").exists()
