"""100,000 images: loading a manifest takes under 500 MB."""

from pathlib import Path

import pytest
from large_manifest import load_manifest, write_manifest


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from /proc")
def test_manifest_of_100_000_images(tmp_path):
    positives = write_manifest(tmp_path)
    measured = load_manifest(tmp_path)
    assert measured["rows"] == {"train": 80_000, "val": 10_000, "test": 10_000}
    assert measured["positives"] == positives
    assert measured["megabytes"] < 500, measured
