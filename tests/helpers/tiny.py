"""A tiny CLEAR on a tiny Market-1501: train it, kill it, compare its numbers."""

import json
import sys
from pathlib import Path

import killed
from fresh import Fresh

from clear_bench.runs.record import Record
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.training.plan import plan

TINY = {
    "data.image_size": [64, 32],
    "recognition.train.epochs": 3,
    "recognition.train.warmup_epochs": 1,
    "recognition.train.batch_size": 16,
    "retrieval.train.epochs": 3,
    "retrieval.train.batch_size": 16,
    "recognition.model.vit": {
        "name": "vit_tiny_patch16_224", "embed_dim": 32, "depth": 1, "num_heads": 2
    },
    # Two stages of four: two thirds of a tiny run's time went into the others.
    "recognition.model.swin": {
        "name": "swin_tiny_patch4_window7_224", "embed_dim": 8, "depths": [1, 1],
        "num_heads": [1, 2], "channel_stages": [0, 1],
    },
    "recognition.model.dim": 32,
    "recognition.model.heads": 2,
    "text.encoder": "none",
}  # fmt: skip


def go(data, root, overrides=None, seed=0):
    changed = TINY | (overrides or {})
    runs = plan("clear", "market1501", "smoke", seed, changed, root=root, data_root=data)
    return runs, execute(runs, Cache(Path("cache")))


def numbers(record: Record) -> dict:
    """Return everything of a record that must be the same when it is made again."""
    history = [{k: v for k, v in row.items() if k != "seconds"} for row in record.history]
    return {"metrics": record.metrics, "history": history, "selected": record.selected_epoch,
            "table": record.per_attribute}  # fmt: skip


def words(data, overrides=None):
    """Return the command line of what `go` does."""
    changed = TINY | (overrides or {})
    where = ["--dataset=market1501", f"--data-root={data}", "--runs=runs", "--cache=cache"]
    return [*where, "--profile=smoke", *(f"--set={k}={json.dumps(v)}" for k, v in changed.items())]


def kill(data, where, number, overrides=None):
    """Train in another process until it dies, see ``killed.py``."""
    died = Fresh(killed.train, where, number, *words(data, overrides))
    assert died.wait() == -9, died.said()


def command(*known):
    """Call the command ``train`` with some words, in a process of its own; see `fresh`."""
    from clear_bench.train import app
    from clear_bench.utils.command_line import main

    sys.argv = ["train", *known]
    main(app)
