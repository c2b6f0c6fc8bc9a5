"""A digest of everything that figures can show and of everything that draws them.

It is rather too wide than too narrow: a figure of two methods is drawn anew when a third is added,
and none is ever taken for one that would be drawn otherwise now.  Nothing here imports matplotlib.
"""

import os
import platform
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clear_bench.data.load import usual_place
from clear_bench.report.figures.material import Material
from clear_bench.runs.code import sources
from clear_bench.utils.hashing import digest, file_sha256

LIBRARIES = ("matplotlib", "numpy", "scipy", "pillow", "fonttools", "contourpy", "pandas")


def everything(material: Material) -> str:
    """Return the sha256 of all that figures of this material come from."""
    found = [numbers_of(material), pictures_of(material), sources(), libraries(), fonts()]
    return digest(found)


def numbers_of(material: Material) -> list[Any]:
    """Return what says everything that records, predictions and studies' results hold.

    Where runs and data lie is in it too: messages name folders.
    """
    results = material.results
    runs = [
        [str(run.folder), run.record.model_dump_json(), run.stale, run.show_stale,
         repr(run.settings), repr(run.changes), run.predictions]
        for run in results.runs
    ]  # fmt: skip
    studies = [study.model_dump_json() for study in results.studies]
    chosen = [str(material.data), str(material.attention), material.publish, material.width]
    return [runs, studies, repr(results.expected), str(results.root), chosen]


def pictures_of(material: Material) -> list[Any]:
    """Return what tells pictures of persons from others.

    Attention maps are few and are told by their content.  A data set may have 100,000 files, which
    are told by name, size and time of the last change to file or permissions.
    """
    profiles = {run.record.profile for run in material.results.runs}
    maps = sorted(file for p in profiles for file in (material.attention / p).glob("*.npz"))
    roots = [usual_place(name, material.data) for name in material.results.datasets]
    return [
        [[str(file), _content(file)] for file in maps],
        [[str(root), sorted(_states(root))] for root in roots],
    ]


@cache
def libraries() -> list[str]:
    """Return the versions of Python and of what draws."""
    return [platform.python_version(), *(f"{name}=={version(name)}" for name in LIBRARIES)]


@cache
def fonts() -> list[str]:
    """Return what the letters look like: matplotlib brings the fonts along."""
    spec = find_spec("matplotlib")
    places = (spec and spec.submodule_search_locations) or ()
    files = [f for place in places for f in Path(place).glob("mpl-data/fonts/ttf/STIX*.ttf")]
    return [file_sha256(file) for file in sorted(files)]


def _content(file: Path) -> str:
    """Return the sha256 of a file, or why there is none."""
    try:
        return file_sha256(file)
    except OSError as error:  # a figure will say so
        return str(error)


def _states(root: Path) -> Iterator[tuple[str, int, int]]:
    """Yield path, size and time of change of all files below a folder."""
    seen = set()
    for folder, below, files in os.walk(root, followlinks=True):
        status = Path(folder).stat()
        if (place := (status.st_dev, status.st_ino)) in seen:  # a link to a folder above
            below.clear()
            continue
        seen.add(place)
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118 - called often
            status = os.stat(path)  # noqa: PTH116
            yield path, status.st_size, status.st_ctime_ns
