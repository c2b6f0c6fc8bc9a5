"""A picture is data: known formats alone, in every command; nothing waits, nothing is a bomb."""

import ast
import os
import struct
import subprocess
import sys
import zlib
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clear_bench.data.images import read_image
from clear_bench.data.pictures import FORMATS, PIXELS, opened, size_of
from clear_bench.training.cost import forget_peak_memory, peak_memory
from clear_bench.utils.errors import UserError

ROOT = Path(__file__).parents[2]
SOURCES = [f for p in ("clear_bench", "baselines", "ablations", "reports") for f in
           (ROOT / p).rglob("*.py")]  # fmt: skip
LOOP = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n%%EndComments\n{ } loop showpage\n"


def png(width, height, body=b""):
    """Return a PNG of so many black pixels, or of another body."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(
            ">I", zlib.crc32(name + content))  # fmt: skip

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width)) for _ in range(height)) if not body else b""
    data = body or rows + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp_of_jumps(width):
    """Return a run-length encoded BMP that asks for 255 rows with each 4 bytes."""
    head = struct.pack("<IiiHHIIiiII", 40, width, 1, 1, 8, 1, 0, 0, 0, 2, 0)
    body = bytes([0, 2, 0, 255]) * 50 + bytes([0, 1])
    start = 14 + len(head) + 8
    return struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start) + head + bytes(8) + body


@pytest.mark.parametrize("name", ["x.png", "x.eps", "x.jpg"])
def test_a_picture_is_no_program(tmp_path, name, monkeypatch):
    (tmp_path / name).write_bytes(LOOP)
    monkeypatch.setattr(subprocess, "Popen", None)  # whatever would be started
    monkeypatch.setattr(os, "system", None)
    with pytest.raises(UserError, match=r"not a readable image \(unknown format or empty file"):
        read_image(tmp_path / name, (16, 8))
    with pytest.raises(UserError, match="not a readable image"):
        size_of(tmp_path / name)


@pytest.mark.parametrize("form", ["PPM", "ICO", "PCX", "TGA", "SGI", "JPEG2000", "PDF", "EPS"])
def test_other_formats_of_pillow_are_refused(tmp_path, form):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png", form)
    with pytest.raises(UserError, match=f"known are {', '.join(FORMATS)}"):
        read_image(tmp_path / "a.png", (16, 8))


@pytest.mark.parametrize("form", FORMATS)
def test_known_formats_are_known_by_content(tmp_path, form):
    Image.new("RGB", (6, 8), (250, 0, 0)).save(tmp_path / "a.dat", form, **(
        {"lossless": True} if form == "WEBP" else {}))  # fmt: skip
    assert size_of(tmp_path / "a.dat") == (6, 8)
    assert read_image(tmp_path / "a.dat", (8, 6))[..., 0].min() > 240


def test_every_picture_is_opened_in_one_place():
    """Neither Pillow nor matplotlib nor OpenCV opens one elsewhere."""
    opening = {"imread", "imdecode", "open_image", "decode_image", "read_file"}
    for file in SOURCES:
        if file == ROOT / "clear_bench/data/pictures.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                owner = getattr(node.value, "id", getattr(node.value, "attr", ""))
                assert not (node.attr == "open" and owner in ("Image", "PIL")), file
                assert node.attr not in opening, file


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    for path in (tmp_path / "a.png", tmp_path, Path("/dev/zero"), Path("a\0b.png")):
        with pytest.raises(UserError, match=r"is no regular file|cannot be read|is no name"):
            read_image(path, (16, 8))
    (tmp_path / "link.png").symlink_to(tmp_path / "nothing")
    with pytest.raises(UserError, match="no such file"):
        read_image(tmp_path / "link.png", (16, 8))


BOMBS = {
    "13,300 x 13,300": png(13_300, 13_300, zlib.compress(bytes(1000))),
    "65,000 x 65,000": png(65_000, 65_000, zlib.compress(bytes(1000))),
    "one row": png(100_000, 2),
    "jumps": bmp_of_jumps(PIXELS),
    "a row of jumps": bmp_of_jumps(65_000),
    "text": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 100) + b"zTXt" + zlib.compress(bytes(1 << 24)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_one_line_and_takes_no_memory(tmp_path, bomb):
    (tmp_path / "a.png").write_bytes(BOMBS[bomb])
    forget_peak_memory()
    before = peak_memory()
    with pytest.raises(UserError) if bomb != "a row of jumps" else nullcontext() as caught:
        read_image(tmp_path / "a.png", (16, 8))
    assert caught is None or "\n" not in str(caught.value)
    assert peak_memory() - before < 300 << 20


def test_a_large_photograph_is_read(tmp_path):
    (tmp_path / "a.png").write_bytes(png(4000, 3000))
    assert read_image(tmp_path / "a.png", (16, 8)).max() == 0


def test_a_large_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("clear_bench.data.pictures.LARGEST", 100)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9), np.uint8)).save(
        tmp_path / "a.png"
    )
    with (
        pytest.raises(UserError, match="has more than 100 bytes"),
        opened(tmp_path / "a.png"),
    ):
        pass


@pytest.mark.slow
def test_no_program_is_left_behind(tmp_path):
    """The whole command, with a Ghostscript that says that it was there."""
    tools, said = tmp_path / "bin", tmp_path / "was-here"
    tools.mkdir()
    (tools / "gs").write_text(f"#!/bin/sh\ntouch {said}\n")
    (tools / "gs").chmod(0o755)
    (tmp_path / "x.png").write_bytes(LOOP)
    code = (
        "from clear_bench.data.images import read_image; from pathlib import Path; "
        f"read_image(Path({str(tmp_path / 'x.png')!r}), (16, 8))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True,
    )
    assert ran.returncode == 1
    assert not said.exists()
