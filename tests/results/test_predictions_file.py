"""Predictions from anywhere: whatever the file can be, one error, and no room before it is had."""

import io
import random
import zipfile

import numpy as np
import pytest
from fake_runs import fake_pair

from clear_bench.results.predictions import arrays_of, metrics_again
from clear_bench.runs.files import PREDICTIONS, folders_of_runs
from clear_bench.utils.arrays import read_arrays
from clear_bench.utils.errors import UserError


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    records = {r.run_id: r for r in fake_pair(root)}
    return [(folder, records[folder.name]) for folder in folders_of_runs(root)]


def test_it_reads_what_numpy_reads(world, tmp_path):
    for folder, _ in world:
        ours = arrays_of(folder)
        with np.load(folder / PREDICTIONS, allow_pickle=False) as theirs:
            assert sorted(ours) == sorted(theirs.files)
            for name in theirs.files:
                np.testing.assert_array_equal(ours[name], theirs[name])
                assert ours[name].dtype == theirs[name].dtype
    strange = {"f": np.asfortranarray(np.arange(12.0).reshape(3, 4)), "s": np.array("text"),
               "e": np.zeros((0, 3), np.int8)}  # fmt: skip
    np.savez_compressed(tmp_path / "x.npz", **strange)
    for name, values in read_arrays(tmp_path / "x.npz").items():
        np.testing.assert_array_equal(values, strange[name])


def npz(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def header(descr="<f8", shape="(3,)"):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", npz(x=b""), npz(x=b"\x93NUMPY\x09\x00"), npz(x=header()),
     npz(x=header(shape="(10**12,)")), npz(x=header(shape="(1000000000000,)")),
     npz(x=header(shape="(-1,)")), npz(x=header("|O") + bytes(24)), npz(x=header("<f99")),
     npz(x=header(shape="((((")), npz(x=header() + bytes(25)), npz(x=header(shape="(2**70,)"))],
)  # fmt: skip
def test_a_broken_file_is_one_line(tmp_path, content):
    (tmp_path / PREDICTIONS).write_bytes(content)
    with pytest.raises(UserError, match="not readable arrays") as caught:
        arrays_of(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "change"),
    [("test_probabilities", lambda a: a * np.nan), ("test_labels", lambda a: a[:-1]),
     ("test_labels", lambda a: a[:, :-1]), ("test_probabilities", lambda a: a[0]),
     ("test_labels", lambda a: a.astype(str)), ("queries", lambda a: a[:, :-1]),
     ("query_category", lambda a: a[:-1]), ("category", lambda a: a.astype(float))],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_said(world, tmp_path, name, change):
    for folder, _ in world:
        arrays = arrays_of(folder)
        if name in arrays:
            np.savez(tmp_path / PREDICTIONS, **(arrays | {name: change(arrays[name])}))
            with pytest.raises(UserError, match=name):
                arrays_of(tmp_path)


def check(world, folder, cases):
    rng, refused = random.Random(10), 0  # noqa: S311
    for _ in range(cases):
        source, record = rng.choice(world)
        content = bytearray((source / PREDICTIONS).read_bytes())
        for _ in range(rng.randint(1, 8)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        if rng.random() < 0.2:
            del content[rng.randrange(len(content)) :]
        (folder / PREDICTIONS).write_bytes(content)
        try:
            metrics_again(folder, record)
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > cases / 3


def test_damaged_predictions_are_one_error(world, tmp_path):
    check(world, tmp_path, 200)


@pytest.mark.slow
def test_damaged_predictions_are_one_error_many(world, tmp_path):
    check(world, tmp_path, 5000)
