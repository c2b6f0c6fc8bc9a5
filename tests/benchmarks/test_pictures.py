"""What reads pictures: limited by decoding them, or by the network that sees them."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from test_pipeline import command
from training import Job

from clear_bench.data.load import load_dataset
from clear_bench.data.verify import verify
from clear_bench.engine.building import build
from clear_bench.engine.inference import BATCH, encode
from clear_bench.prediction.predictor import open_recogniser, predict
from clear_bench.prediction.sources import crops_of
from clear_bench.runs.files import RECORD
from clear_bench.utils.foreign import read_bytes

ROOT = Path(__file__).parents[2]
SYNTHPED = ROOT / "data/synthped"
MANY, CROPS = 100_000, 10_000


@pytest.fixture(scope="module")
def dataset():
    if not SYNTHPED.exists():
        command("clear_bench.data", "prepare", "synthped")
    return load_dataset("synthped", SYNTHPED)


def test_verify(versus, dataset):
    """Against its pictures decoded to the same size and hashed, in as many threads, and no more."""
    import hashlib

    from clear_bench.data.images import read_image
    from clear_bench.data.verify import HASHED

    paths = [dataset.root / path for path in dataset.manifest["path"]]

    def one(path):
        read_image(path, HASHED)
        hashlib.sha256(read_bytes(path, "")).hexdigest()

    def decoded():
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(one, paths):
                pass

    share = len(paths) / MANY
    versus(f"`verify`, {MANY:,} pictures", {
        "clear_bench": lambda: (verify(dataset, {}), None)[1],
        "decoding in all cores": decoded,
    }, {"decoding in all cores": ("at most", 1.25)}, rounds=2,
        share={"clear_bench": share, "decoding in all cores": share})  # fmt: skip


def test_predict(versus, dataset, tmp_path):
    """Against the network alone on pixels that are there; one thread computes, another decodes."""
    command("clear_bench.train", "--method=clear", "--task=recognition",
            "--set=recognition.train={epochs: 1, warmup_epochs: 0}",
            f"--runs={tmp_path / 'runs'}", f"--cache={tmp_path / 'cache'}")  # fmt: skip
    (record,) = (tmp_path / "runs").rglob(RECORD)
    opened = open_recogniser(record.parent, tmp_path / "runs")
    paths = [str(dataset.root / path) for path in dataset.manifest["path"]]
    names = (paths * -(-CROPS // len(paths)))[:CROPS]
    found = [batch.pixels for batch, _ in predict(opened, crops_of(names, None, None))]
    pixels = np.stack([picture for batch in found for picture in batch])

    def whole():
        for _ in predict(opened, crops_of(names, None, None)):
            pass

    versus(f"`predict`, {CROPS:,} crops by CLEAR", {
        "clear_bench": whole,
        "the model alone": lambda: (encode(opened.model, pixels, np.arange(len(pixels))), None)[1],
    }, {"the model alone": ("at most", 1 / 0.9)}, rounds=3)  # fmt: skip


def test_inference_loop(versus, tmp_path):
    """Against a loop like that of timm's `validate.py`: a loader of tensors, and no gradient."""
    job = Job(tmp_path, "vit", images=2048)
    model, pixels = build(job.model).eval(), np.load(tmp_path / "images.npy")
    rows = torch.utils.data.TensorDataset(torch.from_numpy(pixels))

    def validated():
        found = []
        with torch.inference_mode():
            for (images,) in torch.utils.data.DataLoader(rows, batch_size=BATCH):
                batch = model.data_preprocessor({"images": images}, False)
                found.append(model.features(batch["images"]))
        return torch.cat(found)

    versus("inference of ViT, 2048 images", {
        "clear_bench": lambda: (encode(model, pixels, np.arange(len(pixels))), None)[1],
        "a loop like timm's validate": lambda: (validated(), None)[1],
    }, {"a loop like timm's validate": ("at most", 1.05)}, rounds=3)  # fmt: skip
