"""Every study on one contract: its variants compose, differ, are buildable and learn."""

from pathlib import Path
from typing import Any

import pytest
import torch
from methods import batch, schema_of
from retrieval_tables import as_batch, write_table

from clear_bench.config.compose import compose, for_task
from clear_bench.config.plugins import available, load, summary
from clear_bench.config.study import Study, Variant
from clear_bench.engine.building import build
from clear_bench.training.model_config import recognition_config, retrieval_config
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import digest

STUDIES = {key: load("study", key).STUDY for key in sorted(available("study"))}
REQUIRED = {"cross_depth", "cross_fusion", "branches", "channel_attention", "embeddings",
            "adapters", "margin", "loss_weighting", "data_size", "image_size"}  # fmt: skip
SMALL = {"adapters": 8, "margin": 16}
SEARCHED = ("adapters", "margin", "loss_weighting", "cross_depth")


def config_of(study: Study, variant: Variant, profile: str = "default") -> dict[str, Any]:
    """Return what a run of a variant depends on."""
    return for_task(compose(variant.method, "synthped", profile, 0, variant.overrides), study.task)


def networks_of(study: Study, variant: Variant, profile: str) -> list[dict[str, Any]]:
    """Return what a run of a variant depends on, the recognition below a retrieval included."""
    config = compose(variant.method, "synthped", profile, 0, variant.overrides)
    tasks = ("recognition", "retrieval") if study.task == "retrieval" else ("recognition",)
    return [for_task(config, task) for task in tasks]


def configs(study: Study, profile: str) -> list[dict[str, Any]]:
    return [config_of(study, v, profile) for v in study.variants()]


def test_the_studies_that_must_exist_do():
    assert set(STUDIES) >= REQUIRED


@pytest.mark.parametrize("profile", ["smoke", "default"])
@pytest.mark.parametrize("key", STUDIES)
def test_variants_compose_and_are_different_runs(key, profile):
    study, variants = STUDIES[key], list(STUDIES[key].variants())
    assert len({v.label for v in variants}) == len(variants) > 1
    assert sum(v.reference for v in variants) == 1
    assert len(variants) <= SMALL.get(key, 20)
    runs = {(digest(networks_of(study, v, profile)), v.checkpoint) for v in variants}
    assert len(runs) == len(variants)


@pytest.mark.parametrize("key", STUDIES)
def test_first_line_is_the_question(key):
    assert summary("study", key).endswith("?")
    assert len(summary("study", key)) < 100


@pytest.mark.parametrize("key", sorted(REQUIRED))
def test_reference_is_the_methods_own_run(key):
    study = STUDIES[key]
    (reference,) = (v for v in study.variants() if v.reference)
    for profile in ("smoke", "default"):
        composed = for_task(compose(study.base, "synthped", profile), study.task)
        if key == "data_size" and profile == "smoke":  # which trains on a share of its own
            composed["data"]["identities"] = 1.0
        assert digest(config_of(study, reference, profile)) == digest(composed)


def test_no_fusion_and_no_layers_are_the_same_run():
    fusion = next(v for v in STUDIES["cross_fusion"].variants() if v.levels["fusion"] == "none")
    depth = next(v for v in STUDIES["cross_depth"].variants() if 0 in v.levels.values())
    assert config_of(STUDIES["cross_fusion"], fusion) == config_of(STUDIES["cross_depth"], depth)


@pytest.mark.parametrize("key", STUDIES)
def test_searched_values_are_numbers_of_the_configuration(key):
    study = STUDIES[key]
    assert study.search or key not in SEARCHED
    for name, space in study.search.items():
        assert space.low < space.high and (space.low > 0 or not space.log)
        ends = [
            compose(study.base, "synthped", overrides={name: value})
            for value in (space.low, space.high)
        ]
        assert digest(ends[0]) != digest(ends[1])


def recognition(config: dict[str, Any], folder: Path) -> Any:
    """Return the model of a recognition run of eight attributes, without published weights."""
    model = recognition_config(config, schema_of(8), folder, [0.3] * 8)
    return build({**model, "pretrained": False})


@pytest.mark.parametrize("key", [k for k in sorted(REQUIRED) if STUDIES[k].task == "recognition"])
def test_recognition_variants_learn(key, tmp_path):
    for config in configs(STUDIES[key], "default"):
        torch.manual_seed(0)
        model = recognition(config, tmp_path)
        height, width = config["data"]["image_size"]
        loss = model.loss(*batch(2, 8, height, width))["loss"]
        loss.backward()
        assert torch.isfinite(loss)
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("key", [k for k in sorted(REQUIRED) if STUDIES[k].task == "retrieval"])
def test_retrieval_variants_learn(key, tmp_path):
    features, category = as_batch(write_table(tmp_path))
    for config in configs(STUDIES[key], "default"):
        model = build(retrieval_config(config, tmp_path))
        loss = sum(model.loss(features, category).values())
        loss.backward()
        assert torch.isfinite(loss)
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("key", ["embeddings", "adapters", "margin"])
def test_retrieval_studies_share_one_backbone(key):
    study = STUDIES[key]
    parents = {
        digest(for_task(compose(study.base, "synthped", overrides=v.overrides), "recognition"))
        for v in study.variants()
    }
    assert len(parents) == 1


def test_branches_have_equal_numbers_of_parameters(tmp_path):
    study, sizes = STUDIES["branches"], {}
    for variant in study.variants():
        with torch.device("meta"):
            model = recognition(config_of(study, variant), tmp_path)
        sizes[variant.label] = sum(p.numel() for p in model.parameters())
    reference = sizes["swin+vit"]
    assert all(abs(size / reference - 1) < 0.05 for size in sizes.values()), sizes


@pytest.mark.parametrize("key", sorted(REQUIRED))
def test_published_sizes_compose_or_say_why_not(key):
    study = STUDIES[key]
    for variant in study.variants():
        if key == "branches" and not variant.reference:
            with pytest.raises(UserError, match="embed_dim"):
                config_of(study, variant, "paper")
        else:
            assert config_of(study, variant, "paper")["profile"] == "paper"


def test_padding_is_the_published_share_of_the_height():
    for config in configs(STUDIES["image_size"], "default"):
        height = config["data"]["image_size"][0]
        assert config["recognition"]["augment"]["pad"] == round(height * 10 / 256)
