"""What a network reads: mean and deviation are settings."""

import numpy as np
import torch
from methods import config_of

from clear_bench.config.compose import compose
from clear_bench.engine.building import build
from clear_bench.models.preprocessing import PersonPreprocessor


def test_mean_and_deviation_are_subtracted_and_divided_by():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 3, 3), dtype=np.uint8)
    mean, deviation = (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)
    for settings, (m, d) in (
        ({"mean": mean, "deviation": deviation}, (mean, deviation)),
        ({}, ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
    ):
        reader = PersonPreprocessor(pad=0, flip=False, **settings)
        found = reader({"images": torch.from_numpy(pixels)})["images"]
        expected = (pixels / 255 - np.array(m)) / np.array(d)
        np.testing.assert_allclose(found, expected.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-5)


def test_a_recipe_says_how_its_images_are_normalised(tmp_path):
    """VTB's and PromptPAR's code take 0.5; a part of the model's configuration like any other."""
    paper = compose("vtb", "synthped", "paper")["recognition"]["augment"]
    assert paper == {"pad": 10, "flip": True, "mean": [0.5] * 3, "deviation": [0.5] * 3}
    model = build(config_of("vtb", tmp_path, augment=paper))
    assert model.data_preprocessor.deviation.flatten().tolist() == [127.5] * 3
