"""What data sets and pictures of a version give, see `probes`."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from releases import RELEASES

from clear_bench.data.images import read_image
from clear_bench.data.load import find_source, load_dataset
from clear_bench.data.sets import synthped
from clear_bench.data.sets.synthped_scene import camera_of
from clear_bench.data.sets.synthped_traits import identities
from clear_bench.utils.hashing import digest

Values = dict[str, list[float] | str]


def data(name: str, folder: Path) -> Values:
    """Return the checksums of a small release under every split and label set.

    Of an embedded data set: of its labels, and what some pictures look like.
    """
    source = find_source(name)
    if source.generate is not None:
        return embedded()
    with pytest.MonkeyPatch.context() as patch:
        root = RELEASES[name].make(folder / "release", patch)
        return {
            f"{split}/{labels}": load_dataset(name, root, split, labels).checksum
            for split in source.splits
            for labels in source.label_sets
        }


def embedded() -> Values:
    """Return what synthped draws: labels of all persons, and the mean colours of some pictures."""
    parts = identities(0)
    codes = [{person: traits.codes() for person, traits in part.items()} for part in parts]
    values: Values = {"labels": digest(json.loads(json.dumps(codes, default=int)))}
    for person, traits in list(parts[0].items())[:3]:
        for number in (0, 3):
            camera = camera_of(synthped._generator(0, synthped.SCENES, number))
            picture = synthped.draw_picture(0, int(person), number, traits, camera)
            values[f"{person}/{number}"] = looks(decode(picture))
    return values


def decode(picture: bytes) -> np.ndarray:
    """Return the pixels of a picture file."""
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def looks(pixels: np.ndarray) -> list[float]:
    """Return means and deviations of the colours of an image's quarters, from top to bottom."""
    parts = np.array_split(pixels.astype(float), 4)
    return [float(x) for part in parts for x in (*part.mean((0, 1)), *part.std((0, 1)))]


def images(folder: Path) -> Values:
    """Return what a larger and a smaller picture become."""
    values: Values = {}
    for name, shape in (("larger", (97, 41, 3)), ("smaller", (20, 9, 3))):
        pixels = np.random.default_rng(len(name)).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
        values[name] = looks(read_image(folder / f"{name}.png", (64, 32)))
    return values
