"""The reader of plain-data pickles: reads what the field distributes, runs nothing."""

import pickle
import pickletools
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from clear_bench.data.reading.plain_pickle import LARGEST, read_data_pickle
from clear_bench.data.reading.release_files import look_through
from clear_bench.data.reading.zero_shot_splits import zero_shot_split
from clear_bench.utils.errors import UserError


@pytest.fixture
def easydict(monkeypatch):
    """A module ``easydict`` with an ``EasyDict`` that pickles like the real one."""

    class EasyDict(dict):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            super().__setitem__(name, value)

    EasyDict.__module__, EasyDict.__qualname__ = "easydict", "EasyDict"
    module = types.ModuleType("easydict")
    module.EasyDict = EasyDict
    monkeypatch.setitem(sys.modules, "easydict", module)
    return EasyDict


def field_file(easydict, count=20):
    """Return what `dataset_zs_run0.pkl` holds."""
    content = easydict()
    content.description = "peta"
    content.image_name = [f"{k + 1:05d}.png" for k in range(count)]
    content.label = np.arange(count * 3).reshape(count, 3) % 2
    content.label_idx = easydict()
    content.label_idx.extra = range(1, 3)
    content.partition = easydict()
    content.partition.train = np.arange(10)
    content.partition.val = np.arange(10, 14, dtype=np.int32)
    content.partition.test = np.asfortranarray(np.arange(14, 20))
    content.partition.trainval = np.arange(14)
    content.weight_train = [np.ones(3, np.float32), np.float64(0.5)]
    return content


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_reads_the_fields_own_form(easydict, tmp_path, protocol):
    content = field_file(easydict)
    path = tmp_path / "dataset_zs_run0.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    arrays = read_data_pickle(path)
    assert arrays["image_name"] == content.image_name
    assert (arrays["label"] == content.label).all()
    assert list(arrays["label_idx"]["extra"]) == [1, 2]
    for part in ("train", "val", "test", "trainval"):
        assert arrays["partition"][part].tolist() == content.partition[part].tolist()
    assert arrays["weight_train"][0].tolist() == [1, 1, 1]
    assert float(arrays["weight_train"][1]) == 0.5
    stems = [f"{k + 1:05d}" for k in range(20)]
    split = zero_shot_split(look_through(tmp_path), stems)
    assert split.tolist() == ["train"] * 10 + ["val"] * 4 + ["test"] * 6
    with pytest.raises(UserError, match="lists other images than the release"):
        zero_shot_split(look_through(tmp_path), stems[::-1])


class Runs:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def crafted(tmp_path, module="os", name="system"):
    text = f"touch {tmp_path}/owned"
    return f"c{module}\n{name}\n(S'{text}'\ntR.".encode()


@pytest.mark.parametrize(
    "make",
    [
        lambda p: pickle.dumps(Runs(Path.touch, p / "owned")),
        lambda p: pickle.dumps({"partition": [Runs(exec, f"open('{p}/owned', 'w')")]}),
        crafted,
        lambda p: crafted(p, "builtins", "eval"),
        lambda p: crafted(p, "numpy", "memmap"),
        lambda p: crafted(p, "numpy", "core.multiarray._reconstruct"),
        lambda p: crafted(p, "clear_bench.data.reading.plain_pickle", "read_data_pickle"),
        # Instances and extension codes are looked up in the same place.
        lambda p: b"(ios\nsystem\n.",
        lambda p: b"\x80\x02\x82\x01.",
        lambda p: b"Pabc\n.",
        # A stand-in is not the file's to change: BUILD on the class itself.
        lambda p: b"ceasydict\nEasyDict\nN}S'x'\nI1\ns\x86b.",
        lambda p: b"cbuiltins\nrange\n}S'x'\nI1\nsb.",
    ],
)
def test_runs_nothing(tmp_path, make):
    path = tmp_path / "bad.pkl"
    path.write_bytes(make(tmp_path))
    with pytest.raises(UserError, match=r"not a pickle of plain data .* nothing in it was run"):
        read_data_pickle(path)
    assert not (tmp_path / "owned").exists()


def test_refuses_arrays_of_objects_and_strange_values(tmp_path, easydict):
    path = tmp_path / "x.pkl"
    for value in (
        np.array([{}, []], dtype=object),
        np.array([b"a"]),
        np.zeros(2, "V4"),
        {"a": b"bytes"},
        {"a": {1, 2}},
        {"a": 1j},
    ):
        path.write_bytes(pickle.dumps(value, 3))
        with pytest.raises(UserError, match="not a pickle of plain data"):
            read_data_pickle(path)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_texts_of_numpy_are_texts(tmp_path, protocol):
    """`loadmat` gives texts of numpy, as the pickles of PA-100K and RAP have."""
    path = tmp_path / "x.pkl"
    value = {"name": [np.str_("000001.jpg"), np.str_("é")], "grid": np.array([["a", "bcd"]])}
    path.write_bytes(pickle.dumps(value, protocol))
    assert read_data_pickle(path) == {"name": ["000001.jpg", "é"], "grid": [["a", "bcd"]]}


def test_damaged_and_huge_files(tmp_path, easydict):
    path = tmp_path / "x.pkl"
    whole = pickle.dumps(field_file(easydict), 3)
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError):
            read_data_pickle(path)
    path.write_bytes(b"r\xff\xff\xff\xff.")  # a memo index that the C machine would make room for
    with pytest.raises(UserError):
        read_data_pickle(path)
    with path.open("wb") as stream:
        stream.truncate(LARGEST + 1)
    with pytest.raises(UserError, match="has more than"):
        read_data_pickle(path)
    nested = None
    for _ in range(40):
        nested = [nested]
    path.write_bytes(pickle.dumps(nested))
    with pytest.raises(UserError, match="nested too deeply"):
        read_data_pickle(path)


def test_every_opcode_that_calls_goes_through_the_lookup():
    """Should Python add an opcode that fetches names, this list must be thought about again."""
    fetching = {"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID"}
    calling = {"REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "BUILD"}
    names = {op.name for op in pickletools.opcodes}
    assert fetching | calling <= names
    assert len(names) == 68
