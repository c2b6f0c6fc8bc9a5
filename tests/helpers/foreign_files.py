"""Whole files of every format that comes from outside, and how each is read."""

import io
import json
import pickle
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.io
from fake_runs import fake_run
from PIL import Image

from clear_bench.config.dotted import parse_overrides
from clear_bench.data.images import read_image
from clear_bench.data.pictures import size_of
from clear_bench.data.reading.field_pickles import read_field_pickle
from clear_bench.data.reading.matfile import load_variables
from clear_bench.data.reading.plain_pickle import read_data_pickle
from clear_bench.data.reading.release_files import look_through
from clear_bench.data.reading.text_lists import read_list, read_table
from clear_bench.data.reading.zero_shot_splits import zero_shot_split
from clear_bench.data.schema import Schema
from clear_bench.report.figure_list import figures_of
from clear_bench.results.archive import export_runs, import_runs
from clear_bench.results.missing import Expected
from clear_bench.runs.record import Record
from clear_bench.training.exported import Manifest
from clear_bench.utils.arrays import read_arrays
from clear_bench.utils.json_model import read_model

NAMES = ("hat", "bag")
PARAMS = b"profile: default\ndatasets: [peta]\nbench:\n  method: [clear]\n  seeds: 3\n"


@dataclass
class Format:
    """One format.

    Args:
        name: Of the file.
        originals: Bytes of whole files.
        read: Takes the file's path.
    """

    name: str
    originals: list[bytes]
    read: Any


def pictures():
    """Return small pictures of every format and of many modes."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 12, 4), dtype=np.uint8)
    found = []
    exif = Image.Exif()
    exif[0x0112] = 6
    for form, modes, more in (
        ("PNG", ("RGB", "RGBA", "L", "P", "1", "LA", "I;16"), {"exif": exif}),
        ("JPEG", ("RGB", "L", "CMYK"), {"exif": exif}),
        ("BMP", ("RGB", "L", "1", "P"), {}),
        ("GIF", ("P", "L"), {}),
        ("TIFF", ("RGB", "L", "1", "RGBA", "I;16"), {"compression": "tiff_lzw"}),
        ("TIFF", ("RGB", "YCbCr"), {"compression": "jpeg"}),
        ("TIFF", ("RGB", "P"), {}),
        ("WEBP", ("RGB", "RGBA"), {"exif": exif}),
    ):
        for mode in modes:
            image = Image.fromarray(noise).convert("L" if mode.startswith("I") else mode)
            if mode == "I;16":
                image = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
            stream = io.BytesIO()
            image.save(stream, form, **more)
            found.append(stream.getvalue())
    return found


def mat_files():
    """Return MAT files with all that releases have in theirs, compressed and not."""
    cells = np.array([["00001.png", "00002.png", "é"]], object).T
    part = {"train_index": np.arange(4.0), "val_index": np.arange(2.0), "names": cells}
    content = {"all": {"label": np.eye(5, dtype=np.uint8), "parts": [part, part], "name": cells}}
    found = []
    for packed in (False, True):
        stream = io.BytesIO()
        scipy.io.savemat(stream, content, do_compression=packed)
        found.append(stream.getvalue())
    return found


def pickles():
    """Return pickles of data in every protocol."""
    content = {
        "image_name": [f"{k:05d}.png" for k in range(6)],
        "attr_name": list(NAMES),
        "label": np.arange(12).reshape(6, 2) % 2,
        "partition": {"train": np.arange(4), "test": [np.arange(4, 6)], "r": range(3)},
    }
    return [pickle.dumps(content, protocol) for protocol in (2, 3, 4, 5)]


def formats(folder):
    """Return every format; ``folder`` is for what making them needs."""
    schema = [{"name": n, "slot": "with", "present": n, "absent": f"no {n}", "opposite": False,
               "group": ""} for n in NAMES]  # fmt: skip
    arrays = io.BytesIO()
    np.savez(arrays, labels=np.eye(3, dtype=np.uint8), names=np.array(["a", "bc"]))
    fake_run(folder / "runs")
    record = next((folder / "runs").rglob("record.json")).read_bytes()
    said = {"run_id": "r", "method": "clear", "task": "recognition", "dataset": "csv:shop",
            "attributes": NAMES, "threshold": [0.5, 0.25], "image_size": [64, 32],
            "letterbox": False, "resampling": "pil-bilinear", "mean": [0.5] * 3,
            "deviation": [0.25] * 3, "files": {"run.json": "0" * 64}}  # fmt: skip
    manifest = json.dumps(said).encode()
    export_runs(folder / "runs", folder / "runs.zip", None, {})
    with zipfile.ZipFile(folder / "runs.zip") as packed:
        stored = io.BytesIO()
        with zipfile.ZipFile(stored, "w") as out:
            for name in packed.namelist():
                out.writestr(name, packed.read(name))
    drawn = [{"figure": "a", "title": "A", "stem": "a-b", "caption": "It.", "files": ["a-b.svg"],
              "width": 3.5, "height": 2, "note": "", "persons": False, "runs": ["r"]}]  # fmt: skip
    split = json.dumps({"train": [0, 1], "val": [2], "test": [3]}).encode()
    stems = [f"{k}" for k in range(4)]
    return {
        "picture": Format("a.png", pictures(), lambda p: (size_of(p), read_image(p, (16, 8)))),
        "mat": Format("a.mat", mat_files(), lambda p: load_variables(p, ["all"])),
        "pickle": Format("a.pkl", pickles(), lambda p: (read_data_pickle(p), read_field_pickle(p))),
        "schema": Format("schema.json", [json.dumps(schema).encode()], Schema.load),
        "arrays": Format("a.npz", [arrays.getvalue()], read_arrays),
        "record": Format("record.json", [record], Record.load),
        "manifest": Format(
            "config.json", [manifest], lambda p: read_model(Manifest, p, "manifest", "-")
        ),
        "archive": Format(
            "a.zip",
            [(folder / "runs.zip").read_bytes(), stored.getvalue()],
            lambda p: import_runs(p, p.parent / "imported"),
        ),
        "figures": Format(
            "figures.json", [json.dumps(drawn).encode()], lambda p: figures_of(p.parent)
        ),
        "split": Format(
            "zs.json", [split], lambda p: zero_shot_split(look_through(p.parent), stems)
        ),
        "list": Format("a.txt", [b"a b.png 0 1\nc.png 1 1\n" * 3], lambda p: read_list(p, NAMES)),
        "table": Format("a.csv", [b"Image,hat,bag\na.png,0,1\n" * 3], lambda p: read_table(p, "-")),
        "params": Format("params.yaml", [PARAMS], Expected.read),
        "set": Format(
            "set.txt",
            [b"data.split=random1", b"a.b=[1, {c: 5e-4}]", b"k={name: x, n: [1, 2, 3.5]}"],
            lambda p: parse_overrides([p.read_bytes().decode("utf-8", "surrogateescape")]),
        ),
    }
