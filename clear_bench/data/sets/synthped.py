"""synthped, the embedded data set: generated pedestrians in Market-1501's official layout.

850 persons, each photographed by six cameras that differ in place, colour, sharpness and noise; the
attributes are Market-1501's, in its file format and with about its ratios, so that its reader reads
this too.  Test persons are never seen in training, and two thirds of their attribute combinations
are not either.  It is made to be hard: bodies of all shapes from four sides, people and things in
the way, colours that nearly touch, labels whose signs are a few pixels large.

The same seed gives the same bytes wherever the locked environment runs: whole-number drawing, one
generator an image, no clock.
"""

import io
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from clear_bench.data.dataset import Source
from clear_bench.data.sets.market1501 import read_market
from clear_bench.data.sets.synthped_look import look_of
from clear_bench.data.sets.synthped_scene import Camera, camera_of, photograph
from clear_bench.data.sets.synthped_traits import Traits, identities
from clear_bench.utils.progress import track

CAMERAS = 6
SCENES, LOOKS, PICTURES = 1, 2, 3
"""What a generator is for; the first number of its seed after that of the data set."""

COLORS = {
    "train": (
        "downblack downblue downbrown downgray downgreen downpink downpurple downwhite downyellow",
        "upblack upblue upgreen upgray uppurple upred upwhite upyellow",
    ),
    "test": (
        "upblack upwhite upred uppurple upyellow upgray upblue upgreen",
        "downblack downwhite downpink downpurple downyellow downgray downblue downgreen downbrown",
    ),
}
KINDS = "clothes down up hair hat gender"
FIELDS = {
    "train": f"age backpack bag handbag {' '.join(COLORS['train'])} {KINDS}".split(),
    "test": f"age backpack bag handbag {KINDS} {' '.join(COLORS['test'])}".split(),
}
"""Field order of the two structs of the official annotation file."""


def generate(root: Path, seed: int) -> None:
    """Write the full data set into an empty folder."""
    train, test = identities(seed)
    write(root, train, test, seed)


def write(root: Path, train: Mapping[str, Traits], test: Mapping[str, Traits], seed: int) -> None:
    """Write pictures and annotation of some persons in Market-1501's layout.

    Args:
        root: An empty folder.
        train: Identity to traits.
        test: The same; one picture of each goes to ``query``.
        seed: Of everything that is drawn.
    """
    for folder in ("bounding_box_train", "bounding_box_test", "query", "attribute"):
        (root / folder).mkdir()
    people = [("train", *pair) for pair in train.items()] + [("test", *p) for p in test.items()]
    parts = [people[start : start + 10] for start in range(0, len(people), 10)]
    with ProcessPoolExecutor() as pool:
        work = pool.map(partial(_write_people, root, seed), parts)
        for _, _ in zip(track(parts, "draw synthped"), work, strict=True):
            pass
    write_annotation(root / "attribute/market_attribute.mat", {"train": train, "test": test})


def _write_people(root: Path, seed: int, people: list[tuple[str, str, Traits]]) -> None:
    """Write the pictures of a few persons."""
    cameras = [camera_of(_generator(seed, SCENES, camera)) for camera in range(CAMERAS)]
    for part, person, traits in people:
        for number in range(CAMERAS):
            folder = {"train": "bounding_box_train"}.get(part, "bounding_box_test")
            if part == "test" and number == int(person) % CAMERAS:
                folder = "query"
            frame = int(_generator(seed, PICTURES, int(person), number).integers(1000000))
            name = f"{person}_c{number + 1}s1_{frame:06d}_00.jpg"
            picture = draw_picture(seed, int(person), number, traits, cameras[number])
            (root / folder / name).write_bytes(picture)


def draw_picture(seed: int, person: int, number: int, traits: Traits, camera: Camera) -> bytes:
    """Return one picture as JPEG; it depends on nothing but the arguments.

    Args:
        seed: Of the data set.
        person: Number of the identity.
        number: Of the camera, from 0.
        traits: What is labelled about the person.
        camera: The camera.
    """
    look = look_of(_generator(seed, LOOKS, person), traits)
    image = photograph(_generator(seed, PICTURES, person, number), traits, look, camera)
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=camera.quality)
    return stream.getvalue()


def write_annotation(path: Path, parts: Mapping[str, Mapping[str, Traits]]) -> None:
    """Write ``market_attribute.mat``, its structs nested and ordered as the official ones."""
    from scipy.io import savemat

    content = {}
    for part, people in parts.items():
        codes = [traits.codes() for traits in people.values()]
        struct: dict[str, object] = {
            name: np.array([[code[name] for code in codes]], np.uint8) for name in FIELDS[part]
        }
        struct["image_index"] = np.array([list(people)], dtype=object)
        content[part] = struct
    stream = io.BytesIO()
    savemat(stream, {"market_attribute": content})  # type: ignore[arg-type]
    text = b"MATLAB 5.0 MAT-file, made by clear-bench".ljust(116)  # scipy writes the time there
    path.write_bytes(text + stream.getvalue()[116:])


def _generator(*numbers: int) -> np.random.Generator:
    """Return the generator of one thing."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(numbers))))


SOURCE = Source(
    title="synthped",
    read=partial(read_market, name="synthped"),
    splits=("ids6",),
    label_sets=("30",),
    obtain="generated by this project: python -m clear_bench.data prepare synthped",
    cite="clear-bench, see CITATION.cff",
    official={
        "ids6/30": {
            "images": 5100,
            "images train": 3000,
            "images val": 600,
            "images test": 1500,
            "persons train+val": 600,
            "persons test": 250,
            "categories test": 165,
            "categories test, not in train+val": 110,
        }
    },
    publish_images=True,
    generate=generate,
)
