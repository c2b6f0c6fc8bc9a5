"""A shop's pictures with their tables, for tests of one's own data."""

import os
import shutil

import pytest
from own_data import write_csv


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("own") / "shop"
    write_csv(root)
    return root


@pytest.fixture
def shop(written, tmp_path):
    """A copy whose tables a test may change; of the pictures there is one."""

    def copy(source, target):
        return (os.link if source.endswith(".png") else shutil.copy)(source, target)

    return shutil.copytree(written, tmp_path / "shop", copy_function=copy)
