"""Files that ask for more than there is, each refused before it has it."""

import json
import os
import pickle
import signal
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from clear_bench import ablate, train
from clear_bench.data.reading import mat_reader
from clear_bench.data.reading.mat_tree import Refused, decode, encode
from clear_bench.data.reading.matfile import load_variables
from clear_bench.data.reading.plain_pickle import ITEMS, read_data_pickle
from clear_bench.results.archive import import_runs
from clear_bench.training.cost import forget_peak_memory, peak_memory
from clear_bench.utils.errors import UserError
from clear_bench.utils.foreign import parse_json, read_json
from clear_bench.utils.kept_values import kept_in

CASE = Path(__file__).parents[3] / "shared/cases/damaged_annotation.mat"


def nested(levels, width):
    """Return the program of a list that holds one list so many times, and so on."""
    return b"\x80\x02" + b"]q\x00" + b"".join(
        b"](" + b"h" + bytes([level]) + (b"h" + bytes([level])) * (width - 1) + b"eq"
        + bytes([level + 1]) for level in range(levels)
    ) + b"."  # fmt: skip


def tuples(levels):
    """Return the program of a mapping whose key is a tuple of tuples of tuples."""
    steps = b"".join(b"h" + bytes([k]) + b"h" + bytes([k]) + b"\x86q" + bytes([k + 1])
                     for k in range(levels))  # fmt: skip
    return b"\x80\x02}q\xff)q\x00" + steps + b"K\x01s."


def copies(count):
    """Return the program that has a text of 1 MB written as bytes again and again."""
    text = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"q\x00"
    step = b"c_codecs\nencode\nh\x00U\x06latin1\x86R"
    return b"\x80\x02(" + text + step * count + b"l."


PICKLES = {
    "bytes that are not there": b"\x80\x05\x96" + struct.pack("<Q", 16 << 30) + b".",
    "a frame that is not there": b"\x80\x05\x95" + struct.pack("<Q", 16 << 30) + b".",
    "a long text": b"\x80\x05\x8d" + struct.pack("<Q", 16 << 30) + b".",
    "range": pickle.dumps({"train": range(10**12)}, 2),
    "a range beyond all": pickle.dumps({"train": range(10**30)}, 2),
    "shared lists": nested(18, 10),
    "deep lists": nested(60, 1),
    "a key of tuples": tuples(50),
    "a type of lists": b"\x80\x02cnumpy\ndtype\n" + nested(18, 10)[2:-1] + b"\x85R.",
    "copies": copies(400),
    "steps": b"\x80\x02" + b"N0" * 10_000 + b"N.",
    "items": b"\x80\x02(" + b"N" * (ITEMS // 8) + b"l.",
    "sets": pickle.dumps({1, 2, 3}, 4),
}


@pytest.mark.parametrize("bomb", sorted(set(PICKLES) - {"items"}))
def test_a_pickle_that_asks_for_more_than_there_is(tmp_path, bomb, monkeypatch):
    if bomb == "steps":
        monkeypatch.setattr("clear_bench.data.reading.plain_pickle.STEPS", 10_000)
    file = tmp_path / "dataset.pkl"
    file.write_bytes(PICKLES[bomb])
    forget_peak_memory()
    before, began = peak_memory(), time.process_time()
    with pytest.raises(UserError, match="not a pickle of plain data"):
        read_data_pickle(file)
    assert time.process_time() - began < 10
    assert peak_memory() - before < 700 << 20


@pytest.mark.slow
def test_a_large_pickle_is_read(tmp_path):
    (tmp_path / "a.pkl").write_bytes(PICKLES["items"])
    assert len(read_data_pickle(tmp_path / "a.pkl")) == ITEMS // 8


def claimed(side):
    """Return 200 bytes of a MAT file that claim a cell array of so many rows and columns."""
    head = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + struct.pack("<HH", 0x0100, 0x4D49)
    body = struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, side, side)
    body += struct.pack("<II", 1, 1) + b"a".ljust(8, b"\0")
    return (head + struct.pack("<II", 14, len(body) + 100) + body).ljust(200, b"\0")


@pytest.mark.parametrize("side", [pytest.param(9_000, marks=pytest.mark.slow), 30_000, 1_000_000])
def test_200_bytes_that_claim_many_cells(tmp_path, side):
    (tmp_path / "a.mat").write_bytes(claimed(side))
    forget_peak_memory()
    before = peak_memory()
    with pytest.raises(UserError, match=r"a\.mat: not a readable MAT-file"):
        load_variables(tmp_path / "a.mat", ["a"])
    assert peak_memory() - before < 100 << 20


def whole(folder):
    """Write a MAT file that can be read."""
    cells = np.array([["a", "bc"]], object)
    scipy.io.savemat(folder / "whole.mat", {"a": {"x": np.eye(3), "cells": cells}})
    return folder / "whole.mat"


def test_the_reader_is_kept_and_started_again_after_its_death(tmp_path, monkeypatch):
    file = whole(tmp_path)
    struct_ = load_variables(file, ["a"])["a"]
    assert struct_.dtype.names == ("x", "cells")
    assert (struct_.flat[0]["x"] == np.eye(3)).all()
    assert [str(c.item()) for c in struct_.flat[0]["cells"].flat] == ["a", "bc"]
    process = mat_reader._children[0].process
    load_variables(file, ["a"])
    assert mat_reader._children[0].process is process
    process.kill()
    with pytest.raises(UserError, match=r"whole\.mat: .*the process that read it ended: by SIGK"):
        load_variables(file, ["a"])
    assert load_variables(file, ["a"])["a"].size == 1
    monkeypatch.setattr(mat_reader, "WAIT", 0.0)
    mat_reader._children[0].process.send_signal(signal.SIGSTOP)  # else it may answer at once
    with pytest.raises(UserError, match="no answer in 0 s"):
        load_variables(file, ["a"])


def test_an_answer_is_kept_for_the_same_bytes_and_names(tmp_path):
    file = whole(tmp_path)
    with kept_in(tmp_path / "kept.json"):
        first = load_variables(file, ["a"])["a"]
        mat_reader._end()
    with kept_in(tmp_path / "kept.json"):
        again = load_variables(file, ["a"])["a"]
        assert not mat_reader._children  # nobody was asked
        assert (again.flat[0]["x"] == first.flat[0]["x"]).all()
        assert [str(c.item()) for c in again.flat[0]["cells"].flat] == ["a", "bc"]
        with pytest.raises(UserError, match="no variable 'b'"):  # other names: asked anew
            load_variables(file, ["b"])
        scipy.io.savemat(file, {"a": {"x": 2 * np.eye(3)}})
        assert load_variables(file, ["a"])["a"].flat[0]["x"].sum() == 6


def test_a_refusal_is_not_kept_nor_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    with kept_in(tmp_path / "kept.json"):
        (tmp_path / "bad.mat").write_bytes(b"MATLAB 5.0" + bytes(200))
        with pytest.raises(UserError, match=r"bad\.mat: not a readable MAT-file"):
            load_variables(tmp_path / "bad.mat", ["a"])
        file, ask = whole(tmp_path), mat_reader._Child.ask

        def changed(child, path, names):
            answer = ask(child, path, names)
            path.write_bytes(path.read_bytes() + bytes(8))
            return answer

        monkeypatch.setattr(mat_reader._Child, "ask", changed)
        with pytest.raises(UserError, match="it changed while it was read"):
            load_variables(file, ["a"])
    assert not (tmp_path / "kept.json").exists()


@pytest.mark.skipif(not CASE.is_file(), reason="the case is not here")
def test_a_crash_of_the_parser_is_one_line():
    with pytest.raises(UserError, match=r"the process that read it ended: by SIGSEGV\); damaged"):
        load_variables(CASE, ["attributes"])


def test_what_is_no_plain_data_of_matlab_is_refused(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"a": scipy.sparse.eye(3, format="csc")})
    with pytest.raises(UserError, match="holds a sparse array; save it with full"):
        load_variables(tmp_path / "a.mat", ["a"])


@pytest.mark.parametrize(
    "tree",
    [
        b"[]", b"1", b"{", b'{"a": 1}', b'{"a": {"shape": [-1], "type": "<i4"}}',
        b'{"a": {"shape": [9], "type": "<i4"}}', b'{"a": {"shape": [1], "type": "O"}}',
        b'{"a": {"shape": [99999999999], "cells": []}}', b'{"a": {"shape": [2], "cells": [1]}}',
        b'{"a": {"shape": [1], "fields": ["x", "x"], "cells": [{"shape": [0], "type": "<i4"}, '
        b'{"shape": [0], "type": "<i4"}]}}',
    ],
)  # fmt: skip
def test_what_the_process_says_is_not_believed(tree):
    with pytest.raises(ValueError):
        decode(tree, b"")


def test_what_is_encoded_is_decoded():
    part = np.zeros((1, 2), [("x", object), ("y", object)])
    for k in range(2):
        part[0, k] = (np.eye(2) * k, np.array(["a", "é"]))
    content = {"part": part, "cells": np.array([[np.arange(3)], [np.array("")]], object)}
    found = decode(*encode(content))
    assert (found["part"][0, 1]["x"] == np.eye(2)).all()
    assert found["part"][0, 0]["y"].tolist() == ["a", "é"]
    assert found["cells"][0, 0].tolist() == [0, 1, 2]
    with pytest.raises(Refused, match="why"):
        decode(b'{"": "why"}', b"")


def test_a_manifest_of_a_gigabyte(tmp_path):
    file = tmp_path / "runs.zip"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out,
        out.open("manifest.json", "w") as stream,
    ):
        for _ in range(100):
            stream.write(b" " * (1 << 20))
    forget_peak_memory()
    before = peak_memory()
    with pytest.raises(UserError, match="which no archive of runs does; nothing was taken from"):
        import_runs(file, tmp_path / "runs")
    assert peak_memory() - before < 50 << 20
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize("command", [train, ablate])
def test_a_thousand_million_seeds(command, run_command):
    said = run_command(command.app, ["--seeds", "1000000000", "--dry-run"])
    assert said.status == 2
    assert "--seeds" in said.err


@pytest.fixture
def run_command(capsys, monkeypatch):
    """Return a function that runs a command and returns status and stderr."""
    from types import SimpleNamespace

    from clear_bench.utils.command_line import main

    def run(app, arguments):
        monkeypatch.setattr("sys.argv", ["command", *arguments])
        with pytest.raises(SystemExit) as caught:
            main(app)
        return SimpleNamespace(status=caught.value.code, err=capsys.readouterr().err)

    return run


def test_json_is_bounded(tmp_path):
    file = tmp_path / "a.json"
    for content, said in (
        (b"[" * 100_000, "nested too deep"),
        (b"[" * 200 + b"]" * 200, "nested too deep"),
        (b"NaN", "no number of JSON"),
        (b"1" * 5000, "not JSON"),
        (b"\xff", "not JSON"),
        (b"", "not JSON"),
    ):
        file.write_bytes(content)
        with pytest.raises(UserError, match=said):
            read_json(file, "make it again")
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps({"a": [1, None]}).encode())
    assert read_json(file, "-") == {"a": [1, None]}
    with pytest.raises(UserError, match="has more than 3 bytes"):
        read_json(file, "-", largest=3)
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(UserError, match="is no regular file"):
        read_json(tmp_path / "pipe.json", "-")
    assert parse_json("[[[]]]", "a", "-") == [[[]]]
