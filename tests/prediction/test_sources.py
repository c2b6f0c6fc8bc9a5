"""From words to crops: lists, patterns, boxes, videos."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from clear_bench.data.images import fitted, read_image
from clear_bench.prediction.batches import batches
from clear_bench.prediction.boxes import read_boxes
from clear_bench.prediction.sources import Bad, Crop, crops_of, files_of
from clear_bench.prediction.video import Sampling, parse_sampling, sampled
from clear_bench.utils.errors import UserError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("a.png", "crops/b.png", "crops/deep/c.png", "crops/.hidden.png", "d[1].png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 20, 3), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "crops/notes.txt").write_text("no picture")
    return tmp_path


@pytest.fixture
def clip(here):
    """Eleven frames, five a second, each of one grey that tells its number."""
    video = cv2.VideoWriter("clip.avi", cv2.VideoWriter.fourcc(*"MJPG"), 5, (32, 64))
    for number in range(11):
        video.write(np.full((64, 32, 3), 20 * number, np.uint8))
    video.release()
    return here / "clip.avi"


def test_files_folders_patterns_and_lists_in_order(here, monkeypatch):
    (here / "list.txt").write_text("a.png\n\n crops/b.png \ngone.png\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("a.png\nd[1].png\n"))
    words = ["a.png", "crops", "crops/**/c.png", "@list.txt", "-", "none.png", "x*.png"]
    files, bad = files_of(words)
    assert files == ["a.png", "crops/b.png", "crops/deep/c.png", "crops/deep/c.png", "a.png",
                     "crops/b.png", "a.png", "d[1].png"]  # fmt: skip
    assert [b.cause for b in bad] == [
        f"{n}: no such image" for n in ("gone.png", "none.png", "x*.png")
    ]


def test_lists_that_are_none(here):
    (here / "binary").write_bytes(bytes(range(256)))
    (here / "inner").write_text("@inner")
    (here / "empty").mkdir()
    for words, message in (
        ("@nothing", "no such list"), ("@binary", "is no list"), ("@inner", "names another list"),
        ("empty", "no pictures in it"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=message):
            files_of([words])


def test_a_box_is_that_part_of_the_upright_picture(here):
    pixels = np.random.default_rng(1).integers(0, 256, (60, 40, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(pixels).save("t.png", exif=exif)
    upright = np.rot90(pixels, -1)
    for box in ((5, 3, 20, 30), (-4, -2, 10, 10), (50, 30, 30, 30)):
        left, top = max(0, box[0]), max(0, box[1])
        part = upright[top : box[1] + box[3], left : box[0] + box[2]]
        expected = Image.fromarray(part).resize((16, 32), Image.Resampling.BILINEAR)
        assert np.array_equal(read_image(here / "t.png", (32, 16), box=box), np.asarray(expected))
    with pytest.raises(UserError, match=r"box 60,0,5,5 has nothing of the picture, which is 60x40"):
        read_image(here / "t.png", (32, 16), box=(60, 0, 5, 5))
    whole = np.asarray(fitted(Image.fromarray(upright), (32, 16)))
    assert np.array_equal(read_image(here / "t.png", (32, 16)), whole)


def test_boxes_choose_parts_and_say_what_lacks(here):
    (here / "boxes.csv").write_text(
        "image,x,y,width,height\na.png,1,2,3,4\na.png,5,6,7,8\nz.png,0,0,1,1\n"
    )
    boxes = read_boxes(here / "boxes.csv")
    found = list(crops_of(["a.png", "crops/b.png"], None, boxes))
    assert [c.box for c in found[:2]] == [(1, 2, 3, 4), (5, 6, 7, 8)]
    assert found[2] == Bad(f"crops/b.png: no box of it in {here / 'boxes.csv'}")
    assert boxes.unused == ["z.png"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,x,y\n", "no column width, height"),
        ("image,x,y,width,height\na,1,2,3,four\n", "line 2: x, y, width, height must be numbers"),
        ("image,x,y,width,height\na,1,2,0,4\n", "line 2: width and height must be greater"),
        ("image,x,y,width,height\na,1,2,inf,4\n", "line 2: width and height must be greater"),
        ("image,x,y,width,height,frame\na,1,2,3,4,x\n", "line 2"),
        (None, "no such table of boxes"),
    ],
)
def test_bad_boxes_are_one_line(here, text, message):
    if text is not None:
        (here / "b.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_boxes(here / "b.csv")


def number_of(picture):
    return round(float(np.asarray(picture).mean()) / 20)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("1s", [0, 5, 10]), ("400ms", [0, 2, 4, 6, 8, 10]), ("3f", [0, 3, 6, 9]), ("9s", [0])],
)
def test_a_video_is_sampled_evenly(clip, rule, expected):
    found = list(sampled(clip, parse_sampling(rule), None))
    assert [n for n, _, _ in found] == expected
    assert [number_of(p) for _, _, p in found] == expected
    assert [s for _, s, _ in found] == pytest.approx([n / 5 for n in expected])


@pytest.mark.parametrize("text", ["", "1", "0s", "-1s", "1.5f", "1 s", "s", "1h"])
def test_a_bad_rule_is_said(text):
    with pytest.raises(UserError, match="must be as 1s, 250ms or 10f"):
        parse_sampling(text)


def test_boxes_of_a_video_name_its_frames(clip, here):
    rows = [f"clip.avi,{frame},1,2,8,16" for frame in (0, 3, 3, 10)]
    (here / "b.csv").write_text("image,frame,x,y,width,height\n" + "\n".join(rows))
    every = list(crops_of(["clip.avi"], None, read_boxes(here / "b.csv")))
    assert [c.frame for c in every] == [0, 3, 3, 10]
    some = list(crops_of(["clip.avi"], Sampling(seconds=1.0), read_boxes(here / "b.csv")))
    assert [(c.frame, c.box) for c in some] == [(0, (1, 2, 8, 16)), (10, (1, 2, 8, 16))]


def test_what_is_no_video_is_one_line(here):
    (here / "no.mp4").write_bytes(b"no video")
    assert list(crops_of(["no.mp4", "a.png"], None, None)) == [
        Bad("no.mp4: not a video that opencv can read"),
        Crop("a.png", crops_of.__globals__["Path"]("a.png")),
    ]


def test_batches_keep_order_hand_bad_on_and_read_little_ahead():
    taken = []

    def asked():
        for number in range(1000):
            taken.append(number)
            yield Bad("seven") if number == 7 else Crop(str(number), number)

    def read(crop):
        if crop.picture % 100 == 50:
            raise UserError(f"{crop.name}: broken")
        return np.full((2, 1, 3), crop.picture % 256, np.uint8)

    found, most = [], 0
    for batch in batches(asked(), read, 64):
        found.append(batch)
        most = max(most, len(taken) - sum(len(b.crops) for b in found))
    good = [n for n in range(1000) if n != 7 and n % 100 != 50]
    assert [c.picture for b in found for c in b.crops] == good
    assert [int(p[0, 0, 0]) for b in found for p in b.pixels] == [n % 256 for n in good]
    assert [b.cause for batch in found for b in batch.bad] == [
        "seven", *(f"{n}: broken" for n in range(50, 1000, 100))
    ]  # fmt: skip
    assert all(len(b.crops) == 64 for b in found[:-1])
    assert most <= 4 * 64 + 32  # not a thousand
