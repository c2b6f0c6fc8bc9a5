"""Small faithful copies of official releases, written by the tests themselves."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from clear_bench.data.sets.peta_labels import NAMES


def cells(values: list[object]) -> np.ndarray:
    """Return a MATLAB cell column."""
    found = np.empty((len(values), 1), dtype=object)
    for row, value in enumerate(values):
        found[row, 0] = value
    return found


def person_labels(rng: np.random.Generator, images: int, attributes: int) -> np.ndarray:
    """Return labels of persons with two images each; the first two have nothing and everything."""
    labels = rng.integers(0, 2, (images // 2, attributes), dtype=np.uint8)
    labels[:2] = [[0], [1]]
    return np.repeat(labels, 2, axis=0)


def draw(path: Path, rng: np.random.Generator) -> None:
    """Write a tiny picture of noise; the suffix, of any case, gives its format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".png": "PNG", ".bmp": "BMP"}.get(path.suffix.lower(), "JPEG")
    pixels = rng.integers(0, 256, (24, 12, 3), dtype=np.uint8)
    with path.open("wb") as stream:
        Image.fromarray(pixels).save(stream, format=kind)


def write_peta(root: Path, count: int, *, suffix: str = ".png", seed: int = 0) -> None:
    """Write ``PETA.mat`` and ``count`` tiny images; the caller sets `peta.IMAGES` to ``count``."""
    rng = np.random.default_rng(seed)
    names = NAMES
    data = np.zeros((count, 4 + len(names)), np.uint16)
    data[:, 0] = np.arange(1, count + 1)
    data[:, 1] = np.arange(count) // 2 + 1
    data[:, 4:] = person_labels(rng, count, len(names))
    partitions = []
    for _ in range(5):
        order = rng.permutation(count)[:, None].astype(np.uint16) + 1
        a, b = count // 2, count // 2 + count // 4
        partitions.append({"train": order[:a], "val": order[a:b], "test": order[b:]})
    content = {
        "data": data,
        "attribute": cells(list(names)),
        "selected_attribute": np.arange(5, 40, dtype=np.uint8)[None],
        "partion_attribute": cells(partitions),
    }
    (root / "images").mkdir(parents=True)
    savemat(root / "PETA.mat", {"peta": content})
    for number in range(1, count + 1):
        draw(root / "images" / f"{number:05d}{suffix}", rng)


MARKET_FIELDS = {
    "train": "age backpack bag handbag downblack downblue downbrown downgray downgreen downpink "
    "downpurple downwhite downyellow upblack upblue upgreen upgray uppurple upred upwhite upyellow "
    "clothes down up hair hat gender",
    "test": "age backpack bag handbag clothes down up hair hat gender upblack upwhite upred "
    "uppurple upyellow upgray upblue upgreen downblack downwhite downpink downpurple downyellow "
    "downgray downblue downgreen downbrown",
}
"""The field orders of the official annotation file, which differ between its two structs."""


def market_codes(rng: np.random.Generator, persons: int) -> dict[str, np.ndarray]:
    """Return codes of every field ``(1, persons)``: one upper and lower colour, at most one bag."""
    fields = MARKET_FIELDS["train"].split()
    codes = {name: rng.integers(1, 3, (1, persons), dtype=np.uint8) for name in fields}
    codes["age"] = rng.integers(1, 5, (1, persons), dtype=np.uint8)
    for prefix in ("up", "down"):
        colors = [n for n in fields if n.startswith(prefix) and n != prefix]
        chosen = rng.integers(0, len(colors), persons)
        for k, name in enumerate(colors):
            codes[name] = np.uint8(1) + (chosen == k)[None].astype(np.uint8)
    bag = rng.integers(0, 4, persons)
    for k, name in enumerate(("backpack", "bag", "handbag")):
        codes[name] = np.uint8(1) + (bag == k)[None].astype(np.uint8)
    return codes


def write_market(
    root: Path, train: int = 24, test: int = 10, *, views: int = 3, plain: bool = False
) -> None:
    """Write a small Market-1501: pictures whose upper half tells the code of ``gender``.

    Else they are noise; plain ones, of a colour each, are quick to print in figures.
    """
    rng = np.random.default_rng(0)
    numbers = {"train": range(1, train + 1), "test": range(train + 1, train + test + 1)}
    content = {}
    for part, ids in numbers.items():
        texts = [f"{n:04d}" for n in ids]
        codes = market_codes(rng, len(texts))
        names = cells(list(texts)).T
        order = MARKET_FIELDS[part].split()
        content[part] = {**{n: codes[n] for n in order}, "image_index": names}
        for k, text in enumerate(texts):
            for view in range(views):
                folder = {"train": "bounding_box_train"}.get(part, "bounding_box_test")
                if part == "test" and view == 0:
                    folder = "query"
                pixels = rng.integers(0, 256, (32, 16, 3), dtype=np.uint8)
                if plain:
                    pixels[:] = pixels[0, 0]
                pixels[:16] = pixels[:16] // 4 + (150 if codes["gender"][0, k] == 2 else 0)
                (root / folder).mkdir(parents=True, exist_ok=True)
                name = f"{text}_c{1 + view}s1_{100 * k + view:06d}_00.jpg"
                Image.fromarray(pixels).save(root / folder / name, quality=95)
    (root / "attribute").mkdir()
    savemat(root / "attribute/market_attribute.mat", {"market_attribute": content})
