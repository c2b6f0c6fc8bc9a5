"""Images that keep their shape between black bars, against a loop over the same resampling."""

import numpy as np
import pytest
from PIL import Image

from clear_bench.data.images import PictureFiles, image_store, read_image
from clear_bench.data.load import load_dataset


@pytest.mark.parametrize(("shape", "inside"), [((90, 30), (48, 16)), ((20, 60), (16, 48))])
def test_the_picture_lies_in_the_middle(tmp_path, shape, inside):
    pixels = np.random.default_rng(0).integers(1, 256, (*shape, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    boxed = read_image(tmp_path / "a.png", (48, 48), letterbox=True)
    (height, width), bar = inside, [(48 - side) // 2 for side in inside]
    stretched = read_image(tmp_path / "a.png", inside)
    middle = boxed[bar[0] : bar[0] + height, bar[1] : bar[1] + width]
    np.testing.assert_array_equal(middle, stretched)
    assert boxed.sum(dtype=int) == middle.sum(dtype=int)  # all else is black


def test_decoded_data_know_how_they_were_read(market, tmp_path):
    dataset = load_dataset("market1501", market, "ids6", "30")
    stores = {
        (keep, box): image_store(dataset, (32, 32), tmp_path, keep=keep, letterbox=box)
        for keep in (True, False)
        for box in (True, False)
    }
    assert len({store.file for store in stores.values()}) == 4
    rows = np.arange(3)
    for box in (True, False):
        kept, again = (stores[keep, box].pixels[rows] for keep in (True, False))
        np.testing.assert_array_equal(kept, again)
        path = dataset.root / dataset.manifest["path"].iloc[0]
        np.testing.assert_array_equal(kept[0], read_image(path, (32, 32), letterbox=box))
    assert isinstance(stores[False, True].pixels, PictureFiles)
    assert (stores[True, True].pixels[0] != stores[True, False].pixels[0]).any()
