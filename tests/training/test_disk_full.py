"""The disk is full: one line with folder and bytes, nothing half-written, and later it succeeds."""

import shutil
from zlib import crc32

import numpy as np
import pytest
from fake_runs import fake_bench, fake_pair
from small_disk import small_disk
from tiny import go, numbers

from clear_bench.data.images import image_store
from clear_bench.data.load import load_dataset
from clear_bench.report.load import load
from clear_bench.report.tables.build import build_all, write_tables
from clear_bench.report.write import write_all
from clear_bench.results.archive import export_runs, import_runs
from clear_bench.training.cache import Cache
from clear_bench.training.execute import execute
from clear_bench.training.plan import plan
from clear_bench.utils.disk import DiskFull
from clear_bench.utils.vector_store import open_store

KB = 1024


@pytest.fixture(scope="module")
def world(tmp_path_factory, market):
    """What is written to the small disks, from a large one."""
    root = tmp_path_factory.mktemp("large")
    fake_bench(root / "bench", recognition=("clear", "chance"), retrieval=(), seeds=(0,))
    fake_pair(root / "runs", images=2000)
    export_runs(root / "runs", root / "runs.zip", None, {})
    return root, market


def images(world, disk):
    dataset = load_dataset("market1501", world[1])
    return image_store(dataset, (256, 128), disk / "cache").pixels.shape


def vectors(world, disk):
    keys = [f"key {k}" for k in range(300)]
    with open_store(disk / "deep/x.sqlite", "t", "key", ("vector",)) as store:
        store.add(keys, [np.ones(500, np.float32)] * len(keys))
        return len(store.stored(keys))


def training(world, disk, seed=None):
    if seed is None:  # mmengine keeps one writer of a run's id, whose disk goes away here
        seed = crc32(str(disk).encode()) % 1000
    runs = plan("clear", "market1501", "smoke", seed, GO, root=disk / "runs", data_root=world[1])
    return [numbers(r) for r in execute(runs[:1], Cache(world[0] / "cache"))]


def report(world, disk):
    results = load(world[0] / "bench", None, {}, world[0] / "no params")
    write_all(results, disk / "out", figures=["per_attribute"])
    return len(write_tables(build_all(results), disk / "out"))


def export(world, disk):
    return export_runs(world[0] / "runs", disk / "deep/runs.zip", None, {})


def bring_in(world, disk):
    return sum(import_runs(world[0] / "runs.zip", disk / "runs"))


PLACES = (images, vectors, training, report, export, bring_in)
"""What writes."""

GO = {}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    from tiny import TINY

    monkeypatch.chdir(tmp_path)
    GO.update(TINY)


def check(world, tmp_path, place, size):
    """Return whether the disk was too small."""
    with small_disk(tmp_path / "disk", size) as grow:
        disk, full = tmp_path / "disk", False
        try:
            place(world, disk)
        except DiskFull as error:
            full = True
            assert str(disk) in str(error) and "\n" not in str(error)
            assert "bytes" in str(error)
            left = [f for f in disk.rglob("*") if f.name.endswith((".tmp", ".lock", "-journal"))]
            assert not left
        grow()
        assert place(world, disk)
        assert not [f for f in disk.rglob(".*.tmp*")]
    return full


def needed(world, tmp_path, place):
    """Return the bytes that a place writes."""
    with small_disk(tmp_path / "large", 1 << 28):
        before = shutil.disk_usage(tmp_path / "large").used
        place(world, tmp_path / "large")
        return shutil.disk_usage(tmp_path / "large").used - before


QUICK = [place for place in PLACES if place is not training]


@pytest.mark.parametrize("place", QUICK, ids=lambda p: p.__name__)
def test_a_full_disk_is_one_line(world, tmp_path, place):
    size = needed(world, tmp_path, place)
    for share in (0.01, 0.5):
        assert check(world, tmp_path / str(share), place, max(8 * KB, int(share * size)))


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=lambda p: p.__name__)
def test_a_full_disk_of_twenty_sizes(world, tmp_path, place):
    size = needed(world, tmp_path, place)
    # at work it takes more than it leaves behind
    sizes = [max(8 * KB, int(size * (k + 0.5) / 7)) for k in range(20)]
    full = [check(world, tmp_path / str(k), place, size) for k, size in enumerate(sizes)]
    assert full[0]
    assert not full[-1], "no size was enough"


def test_a_training_that_found_no_space_goes_on(world, tmp_path):
    straight = go(world[1], tmp_path / "straight")[1][0]
    with small_disk(tmp_path / "disk", 700 * KB) as grow:
        with pytest.raises(DiskFull, match="bytes"):
            training(world, tmp_path / "disk", 0)
        grow()
        assert training(world, tmp_path / "disk", 0) == [numbers(straight)]
