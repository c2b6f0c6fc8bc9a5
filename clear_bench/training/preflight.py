"""What can be known of a retrieval model before its parent has trained for hours."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from clear_bench.config import plugins
from clear_bench.data.dataset import categories
from clear_bench.engine.building import build
from clear_bench.engine.optimizer import factors
from clear_bench.runs.files import PHRASES, TABLE
from clear_bench.runs.run import Run
from clear_bench.training.cache import Cache
from clear_bench.training.model_config import (
    recognition_config,
    retrieval_config,
    training_table,
)
from clear_bench.utils.files import save_arrays, scratch
from clear_bench.utils.hashing import digest


def check(runs: Sequence[Run], cache: Cache) -> None:
    """Build each retrieval model whose parent has yet to train, and throw it away.

    Its table has the right widths and a couple of rows.  What differs in nothing but the seed is
    built once.

    Args:
        runs: From `plan`.
        cache: For the text embeddings of those rows.

    Raises:
        UserError: If a model cannot be built, lacks a part that ``train.rates`` names, or its text
            encoder cannot be had.
    """
    built = set()
    for run in runs:
        parent = run.parent
        if parent is None or run.task != "retrieval" or run.finished or parent.finished:
            continue
        if not parent.trains:  # nothing is lost if it fails later
            continue
        key = digest([run.dataset.fingerprint, run.section, parent.section, parent.config["data"]])
        if key not in built:
            built.add(key)
            with scratch() as folder, torch.random.fork_rng(devices=[]):
                _build(run, parent, cache, folder)


def _build(run: Run, parent: Run, cache: Cache, folder: Path) -> None:
    """Build one model on a small table in a folder."""
    for each in (parent, run):
        plugins.load("method", each.config["method"])  # registers its models
    schema = run.dataset.schema
    if "text" in parent.section:
        save_arrays(folder / PHRASES, {"text": cache.phrases(schema, parent.section["text"])})
    recognition = recognition_config(parent.config, schema, folder)
    if "pretrained" in recognition:
        recognition["pretrained"] = False
    labels = categories(run.dataset.labels[run.dataset.rows("train")])[0][:2]
    queries = cache.queries(schema, labels, run.section.get("text"))
    mean = np.zeros(int(build(recognition).feature_dim), np.float32)
    save_arrays(folder / TABLE, training_table(run, queries, mean))
    factors(build(retrieval_config(run.config, folder, recognition)), run.section["train"]["rates"])
