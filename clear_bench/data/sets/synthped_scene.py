"""Where synthped is filmed: cameras, backgrounds, things in the way, and what the lens loses."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clear_bench.data.sets.synthped_look import Color, Look, look_of
from clear_bench.data.sets.synthped_person import DrawnPerson, pose_of
from clear_bench.data.sets.synthped_traits import Traits, chance, draw_traits

HEIGHT, WIDTH = 128, 64
SCALE = 3  # drawn larger, then reduced


@dataclass(frozen=True)
class Camera:
    """One camera: its place and its picture.

    Args:
        wall: Colour of what stands behind.
        ground: Colour of the ground.
        horizon: Row where the ground ends, in drawn pixels.
        columns: Left edges, widths and colours of things on the wall.
        paving: Size of the slabs, in drawn pixels; 0 for none.
        gain: Per cent by which red, green and blue are multiplied.
        offset: Added to all three.
        resolution: Per cent of the pixels that the sensor has.
        blur: Tenths of a pixel.
        noise: Largest error of a pixel.
        quality: Of JPEG.
    """

    wall: Color
    ground: Color
    horizon: int
    columns: tuple[tuple[int, int, Color], ...]
    paving: int
    gain: tuple[int, int, int]
    offset: int
    resolution: int
    blur: int
    noise: int
    quality: int


def camera_of(rng: np.random.Generator) -> Camera:
    """Return a random camera."""

    def grayish(low: int, high: int) -> Color:
        level = int(rng.integers(low, high))
        red, green, blue = (level + int(v) for v in rng.integers(-16, 17, 3))
        return red, green, blue

    cast = rng.integers(-11, 12, 3)
    return Camera(
        wall=grayish(60, 200),
        ground=grayish(70, 190),
        horizon=int(rng.integers(SCALE * 20, SCALE * 96)),
        columns=tuple(
            (int(rng.integers(-60, SCALE * WIDTH + 60)), int(rng.integers(6, 66)), grayish(30, 225))
            for _ in range(int(rng.integers(3, 8)))
        ),
        paving=int(rng.integers(0, 3)) * int(rng.integers(14, 40)),
        gain=(100 + int(cast[0]), 100 + int(cast[1]), 100 + int(cast[2])),
        offset=int(rng.integers(-22, 23)),
        resolution=int(rng.integers(42, 100)),
        blur=int(rng.integers(0, 9)),
        noise=int(rng.integers(2, 10)),
        quality=int(rng.integers(62, 92)),
    )


def background(rng: np.random.Generator, camera: Camera) -> Any:
    """Return a drawn background: the camera's own, seen from a slightly other place."""
    from PIL import Image, ImageDraw

    width, height = SCALE * WIDTH, SCALE * HEIGHT
    image = Image.new("RGB", (width, height), camera.wall)
    draw = ImageDraw.Draw(image)
    shift = int(rng.integers(-70, 71))
    horizon = camera.horizon + int(rng.integers(-24, 25))
    for left, wide, color in camera.columns:
        draw.rectangle([left + shift, 0, left + shift + wide, horizon], fill=color)
    draw.rectangle([0, horizon, width, height], fill=camera.ground)
    dark = tuple(v * 4 // 5 for v in camera.ground)
    if camera.paving:
        for y in range(horizon, height, camera.paving):
            draw.line([(0, y), (width, y)], fill=dark, width=2)
        for x in range(shift % (2 * camera.paving), width, 2 * camera.paving):
            draw.line([(x, horizon), (x + (x - width // 2) // 2, height)], fill=dark, width=2)
    for _ in range(int(rng.integers(0, 7))):  # bushes, boxes, boards
        x, y = int(rng.integers(-20, width)), int(rng.integers(0, height))
        wide, high = int(rng.integers(8, 70)), int(rng.integers(8, 80))
        level = int(rng.integers(40, 200))  # streets are duller than clothes
        red, green, blue = (level + int(v) for v in rng.integers(-40, 41, 3))
        getattr(draw, ("rectangle", "ellipse")[int(rng.integers(2))])(
            [x, y, x + wide, y + high], fill=(red, green, blue)
        )
    return image


def passer_by(rng: np.random.Generator, image: Any, *, near: bool) -> None:
    """Draw somebody else, mostly outside the picture."""
    traits = draw_traits(rng)
    side = 1 if chance(rng, 50) else -1
    away = int(rng.integers(27, 40) if near else rng.integers(20, 40))
    feet = (SCALE * (WIDTH / 2 + side * away), SCALE * float(rng.integers(100, 140)))
    height = SCALE * float(rng.integers(96, 135) if near else rng.integers(60, 110))
    DrawnPerson(image, traits, look_of(rng, traits), pose_of(rng), feet, height, rng).draw()


def obstacle(rng: np.random.Generator, image: Any) -> None:
    """Draw something in front of the person: a pole, a bench, a bicycle, a bush."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image)
    red, green, blue = (int(v) for v in rng.integers(20, 210, 3))
    color = (red, green, blue)
    width, height = image.size
    kind = int(rng.integers(4))
    if kind == 0:
        x, wide = int(rng.integers(0, width)), int(rng.integers(8, 24))
        draw.rectangle([x, 0, x + wide, height], fill=color)
    elif kind == 1:
        top = int(rng.integers(height * 6 // 10, height * 9 // 10))
        draw.rectangle(
            [int(rng.integers(-90, 60)), top, int(rng.integers(110, 240)), top + 110], fill=color
        )
    elif kind == 2:
        x, y, r = int(rng.integers(10, width - 10)), height - 60, int(rng.integers(32, 50))
        for centre in (x, x + 2 * r + 10):
            draw.ellipse([centre - r, y - r, centre + r, y + r], outline=color, width=7)
        draw.line([(x, y), (x + r, y - 80), (x + 2 * r + 10, y)], fill=color, width=8)
    else:
        for _ in range(9):
            x, y, r = (
                int(rng.integers(*span)) for span in ((-20, width), (height - 90, height), (12, 38))
            )
            draw.ellipse([x - r, y - r, x + r, y + r], fill=color)


def film(image: Any, camera: Camera, rng: np.random.Generator) -> Any:
    """Return what the camera makes of a drawing, ``WIDTH`` x ``HEIGHT``: light, blur, noise."""
    from PIL import Image, ImageFilter

    small = image.reduce(SCALE)
    light = int(rng.integers(78, 119))
    table = [
        min(255, max(0, v * gain * light // 10000 + camera.offset))
        for gain in camera.gain
        for v in range(256)
    ]
    small = small.point(table)
    resolution = min(100, max(34, camera.resolution + int(rng.integers(-14, 15))))
    size = (WIDTH * resolution // 100, HEIGHT * resolution // 100)
    small = small.resize(size, Image.Resampling.BILINEAR).resize(
        (WIDTH, HEIGHT), Image.Resampling.BILINEAR
    )
    small = small.filter(ImageFilter.BoxBlur(camera.blur / 10))
    pixels = np.asarray(small).astype(np.int16)
    slope = int(rng.integers(-26, 27))  # light from one side
    pixels += (slope * (np.arange(WIDTH) - WIDTH // 2) // (WIDTH // 2)).astype(np.int16)[
        None, :, None
    ]
    grain = rng.integers(-camera.noise, camera.noise + 1, pixels.shape, dtype=np.int16)
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


def photograph(rng: np.random.Generator, traits: Traits, look: Look, camera: Camera) -> Any:
    """Return one ``WIDTH`` x ``HEIGHT`` RGB picture of a person in a slightly wrong box."""
    image = background(rng, camera)
    if chance(rng, 30):
        passer_by(rng, image, near=False)
    target = SCALE * float(rng.integers(98, 127))
    fill = 100 + (100 - look.height) * 7 // 10  # boxes are cut around people, tall or small
    feet = (
        SCALE * (WIDTH / 2 + float(rng.integers(-6, 7))),
        SCALE * float(rng.integers(117, 133)),
    )
    DrawnPerson(image, traits, look, pose_of(rng), feet, target * fill / 100, rng).draw()
    if chance(rng, 10):
        passer_by(rng, image, near=True)
    if chance(rng, 22):
        obstacle(rng, image)
    return film(image, camera, rng)
