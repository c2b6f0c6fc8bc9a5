"""How cost grows, each over a factor of at least 16."""

import numpy as np
from rankings import ranking
from training import Job

from clear_bench.metrics.recognition import recognition_metrics
from clear_bench.metrics.retrieval import retrieval_metrics


def test_images(growth, tmp_path):
    jobs = {n: Job(tmp_path / str(n), "vit", images=n) for n in (256, 1024, 4096)}
    growth("training images of an epoch", lambda n: jobs[n].fitted(), list(jobs), rounds=1)


def test_image_size(growth, tmp_path):
    """Height times width; the branches' grids grow with it."""
    sizes = {h * h // 2: (h, h // 2) for h in (64, 128, 256)}
    jobs = {a: Job(tmp_path / str(a), images=64, size=s) for a, s in sizes.items()}
    growth("pixels of an image", lambda a: jobs[a].fitted(), list(jobs), rounds=1)


def test_gallery(growth):
    sizes = [4_000, 16_000, 64_000]
    data = {n: ranking(100, n, 100) for n in sizes}
    growth("images of a gallery", lambda n: (retrieval_metrics(*data[n]), None)[1], sizes)


def test_attributes(growth, tmp_path):
    jobs = {a: Job(tmp_path / str(a), "vit", images=512, attributes=a) for a in (8, 32, 128)}
    growth("attributes, training", lambda a: jobs[a].fitted(), list(jobs), rounds=1)


def test_attributes_measured(growth):
    random = np.random.default_rng(0)
    sizes = [8, 32, 128]
    data = {a: (random.random((20_000, a), dtype=np.float32),
                (random.random((20_000, a)) < 0.3).astype(np.uint8)) for a in sizes}  # fmt: skip
    growth("attributes, metrics", lambda a: (recognition_metrics(*data[a]), None)[1], sizes)


def test_variants(growth, tmp_path):
    """A study is its runs: nothing is shared between variants but what is cached."""
    job = Job(tmp_path, "vit", images=128)

    def study(variants):
        for _ in range(variants):
            job.fitted(epochs=1, warmup_epochs=0)

    growth("variants of a study", study, [1, 4, 16], rounds=1)
