"""Runs that nobody trained: records, predictions and studies' results of tiny made-up data.

For tests of whatever is made of records.  Every metric is computed from the predictions beside it,
so what is recomputed must agree; numbers versions and code are the present ones, so nothing is
stale unless it is asked for.  No torch.
"""

import json
from pathlib import Path

import numpy as np
from fake_predictions import NAMES, _recognition, _retrieval

from clear_bench.config.numbers import VERSIONS, versions_of
from clear_bench.config.protocol import DATA_OF, PROTOCOLS, signature
from clear_bench.config.sections import Augment, Data, Text, Train
from clear_bench.config.study import Study
from clear_bench.data.schema import Attribute, Schema
from clear_bench.runs.code import code_of
from clear_bench.runs.files import RECORD
from clear_bench.runs.record import Record
from clear_bench.runs.study_result import StudyResult, VariantResult
from clear_bench.utils.files import write_text
from clear_bench.utils.hashing import digest, file_sha256

AFTER = {1: {"overrides", "numbers"}, 2: {"numbers"}, 3: set()}
"""Schema version to what its records do not have."""

PROVENANCE = {
    "git_commit": "0123456789abcdef0123456789abcdef01234567", "git_dirty": "",
    "environment": "e" * 64, "python": "3.11.7",
    "libraries": {"torch": "2.14.1", "timm": "1.0.31", "numpy": "2.4.6"},
    "platform": "Linux", "cpu": "Some Processor", "cores": 2, "command": "train.py --method x",
}  # fmt: skip


def schema(names=NAMES):
    """Return a schema of lone attributes of those names."""
    return Schema(tuple(Attribute(n, "with", n.replace("_", " "), f"no {n}") for n in names))


def fake_run(
    root,
    method="clear",
    task="recognition",
    dataset="synthped",
    profile="default",
    seed=0,
    *,
    quality=1.0,
    overrides=None,
    settings=None,
    status="finished",
    reason="",
    parent="",
    stale=False,
    old_code=False,
    protocol="clear-bench",
    split="ids6",
    images=40,
    names=NAMES,
    epochs=6,
    schema_version=3,
    distinct=None,
):
    """Write one run below ``root`` and return its record.

    Args:
        quality: Of the predictions: 0 is chance, 1 fair, 3 nearly right.
        overrides: Dotted keys of the configuration that differ from the recipe.
        settings: Dotted keys that the recipe itself sets.
        status: ``finished`` or ``failed``; a failed run has no metrics.
        parent: Run id.
        stale: Whether a numbers version behind it has been raised since.
        old_code: Whether other code of the same numbers made it.
        protocol: Key of `PROTOCOLS`.
        images: Of each of val and test.
        distinct: See `fake_predictions.labels`.
    """
    config = _config(method, task, dataset, profile, seed, protocol, split, epochs)
    for key, value in {**(settings or {}), **(overrides or {})}.items():
        _put(config, key, value)
    numbers = versions_of(method, task, dataset, text="text" in config[task])
    if stale:
        numbers[f"engine.{task}"] -= 1
    code = "f" * 64 if old_code else code_of(method, task)
    key = [config, numbers, old_code, parent]
    run_id = f"{method}-{task}-{dataset}-{profile}-s{seed}-" + digest(key)[:8]
    folder = Path(root) / profile / dataset / method / run_id
    known = {
        "schema_version": schema_version, "run_id": run_id, "status": status, "reason": reason,
        "method": method, "task": task, "dataset": dataset, "profile": profile, "seed": seed,
        "parent": parent, "protocol": signature(
            PROTOCOLS[protocol], task, dataset=dataset, attributes=len(names),
            data=config["data"], resampling="pil-bilinear", version=VERSIONS[f"protocol.{task}"]),
        "config": config, "code_hash": code, "overrides": dict(overrides or {}), "numbers": numbers,
    }  # fmt: skip
    if status == "finished":
        known |= _found(folder, config, task, dataset, seed, quality, images, names, distinct)
        known["history"] = _history(task, seed, quality, epochs)
        known["selected_epoch"] = epochs
    record = Record(**known, provenance=PROVENANCE, finished_at="2026-01-01T00:00:00+00:00")
    text = record.model_dump(exclude=AFTER[schema_version])
    write_text(folder / RECORD, json.dumps(text, indent=1) + "\n")
    return record


def fake_pair(root, method="clear", **known):
    """Write a recognition run and a retrieval run on top of it; return both records."""
    first = fake_run(root, method, "recognition", **known)
    return first, fake_run(root, method, "retrieval", parent=first.run_id, **known)


def fake_bench(
    root,
    *,
    recognition=("clear", "vtb", "chance"),
    retrieval=("clear", "asmr", "chance"),
    datasets=("synthped",),
    profile="default",
    seeds=(0, 1, 2),
    **known,
):
    """Write runs of methods over seeds, the first ones the best; return the records."""
    found = []
    for dataset in datasets:
        for task, methods in (("recognition", recognition), ("retrieval", retrieval)):
            for place, method in enumerate(methods):
                quality = 2.0 * (len(methods) - place - 1) / max(len(methods) - 1, 1)
                found += [
                    fake_run(root, method, task, dataset, profile, seed, quality=quality, **known)
                    for seed in seeds
                ]
    return found


def fake_study(
    root,
    name="lm_choice",
    *,
    method="clear",
    task="retrieval",
    dataset="synthped",
    profile="default",
    factors=None,
    reference=None,
    metrics=("mAP", "rank1"),
    seeds=(0, 1, 2),
    states=None,
    **known,
):
    """Write the runs and the result of a study and return the result.

    Args:
        factors: As in `Study`; by default three text encoders.
        reference: As in `Study`; by default the first level of each factor.
        states: Label of a variant -> (status, reason), for those that are not ``finished``.
    """
    factors = factors or {"retrieval.text.encoder": ("minilm", "glove", "smollm2")}
    reference = reference or {k: next(iter(levels)) for k, levels in factors.items()}
    study = Study(factors, reference, task, tuple(metrics), base=method)
    variants = []
    for place, variant in enumerate(study.variants()):
        status, reason = (states or {}).get(variant.label, ("finished", ""))
        runs = {}
        if status == "finished":
            for seed in seeds:
                changed = {} if variant.reference else dict(variant.overrides)
                record = fake_run(
                    root, method, task, dataset, profile, seed,
                    quality=1.5 - 0.4 * place, overrides=changed, **known,
                )  # fmt: skip
                runs[seed] = record.run_id
        variants.append(
            VariantResult(
                label=variant.label, levels=dict(variant.levels), status=status, reason=reason,
                overrides=dict(variant.overrides), checkpoint=variant.checkpoint,
                reference=variant.reference, runs=runs,
            )
        )  # fmt: skip
    result = StudyResult(
        study=name, question=f"What does {name} matter?", method=method, task=task,
        dataset=dataset, profile=profile, metrics=list(metrics), factors=list(factors),
        seeds=list(seeds), variants=variants,
    )  # fmt: skip
    result.save(Path(root))
    return result


def fake_world(root):
    """Write runs with every kind of gap, two data sets, two studies and two domains."""
    fake_bench(root, datasets=("synthped", "peta"))
    fake_run(root, "alm", seed=0)
    fake_run(root, "alm", seed=1, stale=True)
    fake_run(root, "alm", seed=2, status="failed", reason="the loss is 50% NaN_")
    for domain in ("peta", "rapv2"):
        for seed in (0, 1):
            fake_run(root, dataset="upar", split=f"loo-{domain}", seed=seed)
    fake_run(root, "vtb", dataset="upar", split="loo-peta", quality=0.3)
    depths = {"recognition.model.depth": (1, 2, 3)}
    fake_study(root, "depth", task="recognition", factors=depths, metrics=("mA", "f1"))
    fake_study(root, states={"smollm2": ("unavailable", "no weights here")})
    return root


def thousand_runs(root):
    """Write 1,000 recognition runs of 40 attributes over 1,000 images."""
    names = tuple(f"attribute_{k}" for k in range(40))
    methods = ("clear", "alm", "ssc", "vtb", "dafl", "swin", "vit", "deepmar", "chance", "c2t_net")
    datasets = tuple(f"set{k}" for k in range(10))
    fake_bench(root, recognition=methods, retrieval=(), datasets=datasets,
               seeds=range(10), names=names, images=1000, epochs=60)  # fmt: skip
    assert len(list(root.rglob(RECORD))) == 1000


def _config(method, task, dataset, profile, seed, protocol, split, epochs):
    """Return a configuration like those of `clear_bench.config.compose.compose`."""
    data = Data(split=split, label_set="all", **DATA_OF.get(protocol, {})).model_dump()
    section = {"model": {"type": method, "depth": 1},
               "train": Train(epochs=epochs, warmup_epochs=0).model_dump()}  # fmt: skip
    if task == "recognition":
        section["augment"] = Augment().model_dump()
    else:
        section |= {"parent": "clear", "text": Text().model_dump()}
    config = {
        "method": method, "dataset": dataset, "profile": profile, "seed": seed, "threads": 1,
        "data": data, "protocol": PROTOCOLS[protocol].model_dump(), task: section,
    }  # fmt: skip
    return json.loads(json.dumps(config))


def _put(config, key, value):
    *path, last = key.split(".")
    for part in path:
        config = config.setdefault(part, {})
    config[last] = value


def _history(task, seed, quality, epochs):
    """Return curves that rise to about what the quality gives."""
    name = "mA" if task == "recognition" else "mAP"
    return [
        {"epoch": e + 1.0, "loss": 3.0 / (e + 1) + 0.01 * seed, "seconds": 1.0,
         name: 0.4 + 0.1 * quality * (1 - 1 / (e + 2)) + 0.001 * seed}
        for e in range(epochs)
    ]  # fmt: skip


def _found(folder, config, task, dataset, seed, quality, images, names, distinct):
    """Write predictions and schema and return what the record says of them."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, int(digest(config)[:8], 16)])
    measure = _recognition if task == "recognition" else _retrieval
    metrics, attributes, arrays = measure(rng, config, dataset, quality, images, names, distinct)
    np.savez(folder / "predictions.npz", **arrays)
    write_text(folder / "schema.json", schema(names).to_json())
    kept = ("predictions.npz", "schema.json")
    return {
        "metrics": {"selected": metrics, "last": metrics},
        "per_attribute": attributes,
        "data": {"manifest_checksum": "c" * 64, "fingerprint": f"{dataset:c<64}",
                 "train_images": 3 * images, "val_images": images, "test_images": images},
        "cost": {
            "train_seconds": 60.0 + seed, "seconds_per_epoch": 10.0, "images_per_second": 500.0,
            "parameters": 2_000_000, "trainable_parameters": 1_500_000,
            "flops_per_image": 34_000_000, "peak_memory_bytes": 900_000_000,
            "gpu_peak_memory_bytes": 0, "threads": 1, "processes": 1, "device": "cpu",
            "wall_seconds": 70.0,
        },
        "artefacts": {n: file_sha256(folder / n) for n in kept},
    }  # fmt: skip
