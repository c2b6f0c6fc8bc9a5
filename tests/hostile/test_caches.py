"""A damaged cache is made again, and said; nobody has to know which file to delete."""

import random

import numpy as np
import pytest

from clear_bench.utils.files import made_once
from clear_bench.utils.seal import SEAL, damage
from clear_bench.utils.vector_store import open_store

VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


def fill(folder):
    np.save(folder / "a.npy", np.arange(100_000))
    (folder / "below").mkdir()
    (folder / "below/b.json").write_text('{"a": 1}')


def cut(file):
    file.write_bytes(file.read_bytes()[:-7])


def longer(file):
    file.write_bytes(file.read_bytes() + b"x")


def head(file):
    file.write_bytes(b"X" + file.read_bytes()[1:])


def empty(file):
    file.write_bytes(b"")


@pytest.mark.parametrize("name", ["a.npy", "below/b.json", SEAL])
@pytest.mark.parametrize("harm", [cut, longer, head, empty, lambda file: file.unlink()])
def test_a_damaged_folder_is_made_again(tmp_path, capsys, name, harm):
    target = made_once(tmp_path / "kept", fill)
    assert damage(target) == ""
    harm(target / name)
    made_once(target, fill)
    whole = name == SEAL and harm not in (cut, longer, head, empty)
    said = capsys.readouterr().err
    assert said == ("" if whole else said)
    assert ("it is made again" in said) != whole
    assert np.load(target / "a.npy").tolist() == list(range(100_000))
    assert (target / "below/b.json").read_text() == '{"a": 1}'


def test_a_whole_folder_is_left_alone(tmp_path, capsys):
    target = made_once(tmp_path / "kept", fill)
    before = (target / "a.npy").stat().st_ino
    made_once(target, fill)
    (target / SEAL).unlink()  # of a version before seals
    made_once(target, fill)
    assert (target / "a.npy").stat().st_ino == before
    assert capsys.readouterr().err == ""


def store(file):
    return open_store(file, "image", "key", ("feature",))


def test_damaged_vectors_are_made_again(tmp_path, capsys):
    file = tmp_path / "a.sqlite"
    rng = random.Random(0)  # noqa: S311 - for tests
    for _ in range(40):
        with store(file) as base:
            base.add(["a", "b", "c"], VECTORS)
        content = bytearray(file.read_bytes())
        start = rng.randrange(len(content))
        content[start : start + 500] = rng.randbytes(500)
        file.write_bytes(content[: rng.choice((len(content), start))])
        with store(file) as base:  # what is there is whole, or nothing is
            for vectors in base.read(["a", "b", "c"]).values():
                assert vectors[0].shape == (4,)
            base.add(["a"], VECTORS[:1])
        file.unlink()
    assert "it is made again" in capsys.readouterr().err


def test_vectors_of_several_lengths_are_none(tmp_path):
    with store(tmp_path / "a.sqlite") as base:
        base.add(["a"], [VECTORS[0]])
        base.add(["b"], [VECTORS[0, :2]])
    with store(tmp_path / "a.sqlite") as base:
        assert base.stored(["a", "b"]) == set()
