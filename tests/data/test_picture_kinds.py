"""Pictures that are not 8-bit RGB: scaled right, over a stated background, upright, or refused."""

from pathlib import Path

import numpy as np
import pytest
from foreign_files import pictures
from PIL import Image

from clear_bench.data.images import BACKGROUND, colours_of, fitted, read_image
from clear_bench.utils.errors import UserError

SIZE = (20, 10)
RAMP = np.linspace(0, 65535, 200).astype(np.uint16).reshape(SIZE)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path, suffix):
    path = tmp_path / f"thermal.{suffix}"
    Image.fromarray(RAMP).save(path)
    pixels = read_image(path, SIZE)
    expected = np.array([[round(v / 257) for v in row] for row in RAMP.tolist()])
    assert np.abs(pixels - expected[..., None]).max() == 0
    assert pixels.min() == 0
    assert pixels.max() == 255


def test_16_bit_grey_big_endian_and_negative(tmp_path):
    Image.fromarray(RAMP.astype(">u2")).save(tmp_path / "big.tif")
    Image.fromarray(RAMP).save(tmp_path / "negative.tif", tiffinfo={262: 0})
    plain = (RAMP.astype(float) / 257).round()
    assert (read_image(tmp_path / "big.tif", SIZE)[..., 0] == plain).all()
    negative = read_image(tmp_path / "negative.tif", SIZE)[..., 0].astype(int)
    assert np.abs(negative - (255 - plain)).max() <= 1


@pytest.mark.parametrize(("kind", "said"), [(np.int32, "32-bit pixels"), (np.float32, "32-bit fl")])
def test_32_bit_pixels_are_refused_by_name(tmp_path, kind, said):
    path = tmp_path / "infrared.tif"
    Image.fromarray(RAMP.astype(kind)).save(path)
    with pytest.raises(UserError, match=rf"infrared\.tif: has {said}.*save it with 8 or 16 bits"):
        read_image(path, SIZE)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_transparency_shows_the_background(tmp_path, mode):
    half = Image.new("RGBA", (10, 20), (40, 40, 40, 255))
    half.paste((40, 40, 40, 0), (0, 0, 10, 10))
    path = tmp_path / "cut.png"
    if mode in ("P", "PA"):
        drawn = np.full((20, 10), 1, np.uint8)
        drawn[:10] = 0
        palette = Image.fromarray(drawn, "P")
        palette.putpalette([9, 9, 9, 40, 40, 40])
        palette.save(path, transparency=0)
    else:
        half.convert(mode).save(path)
    pixels = read_image(path, SIZE)
    assert pixels[2, 5].tolist() == list(BACKGROUND)
    assert pixels[18, 5].tolist() == [40, 40, 40]


def test_an_opaque_alpha_changes_no_pixel(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 20, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "plain.png")
    Image.fromarray(noise).convert("RGBA").save(tmp_path / "opaque.png")
    plain, opaque = (read_image(tmp_path / f"{n}.png", SIZE) for n in ("plain", "opaque"))
    assert (plain == opaque).all()


def test_a_picture_is_turned_as_its_exif_says(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (20, 10, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by 90 degrees
    Image.fromarray(np.rot90(noise)).save(tmp_path / "phone.png", exif=exif)
    assert (read_image(tmp_path / "phone.png", SIZE) == noise).all()


def test_bytes_at_hand_are_read_as_their_file_is(tmp_path):
    for content in pictures():
        (tmp_path / "a").write_bytes(content)
        given = colours_of(Path("what was sent"), content)
        assert given.mode == "RGB"
        assert (fitted(given, SIZE) == read_image(tmp_path / "a", SIZE)).all()
    with pytest.raises(UserError, match=r"^what was sent: not a readable image"):
        colours_of(Path("what was sent"), b"")
