"""Thousands of damaged files of every format: each is read or is one line; never anything else."""

import shutil
import time
from collections import Counter

import pytest
from foreign_files import formats
from mutated import mutations

from clear_bench.training.cost import forget_peak_memory, peak_memory
from clear_bench.utils.errors import UserError

KINDS = ("archive", "arrays", "figures", "list", "mat", "params", "picture", "pickle", "record",
         "schema", "set", "split", "table")  # fmt: skip
HANG = 10.0  # seconds
BOUND = 600 << 20  # bytes more than before, of any damaged file that has some thousand


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return formats(tmp_path_factory.mktemp("formats"))


def fuzz(form, folder, count, seed):
    """Read so many damaged files; return how many ended in which way."""
    ends, file = Counter(), folder / form.name
    for content in mutations(form.originals, count, seed):
        file.write_bytes(content)
        began = time.process_time()
        try:
            form.read(file)
            ends["read"] += 1
        except UserError as error:
            assert "\n" not in str(error), str(error)
            assert len(str(error)) < 2000
            ends["ended the process" if "process that read it" in str(error) else "refused"] += 1
        ends["hung"] += time.process_time() - began > HANG
        shutil.rmtree(folder / "imported", ignore_errors=True)
    return ends


@pytest.mark.parametrize(
    ("seed", "count"), [(0, 200), pytest.param(1, 5000, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_is_one_line(known, tmp_path, kind, seed, count):
    forget_peak_memory()
    before = peak_memory()
    ends = fuzz(known[kind], tmp_path, count, seed)
    more = peak_memory() - before
    print(f"\n{kind}: {count} cases, {dict(ends)}, {more >> 20} MB more")
    assert ends["refused"]
    assert not ends["hung"]
    assert more < BOUND


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_read(known, tmp_path, kind):
    form = known[kind]
    for place, content in enumerate(form.originals):
        folder = tmp_path / str(place)
        folder.mkdir()
        (folder / form.name).write_bytes(content)
        form.read(folder / form.name)
