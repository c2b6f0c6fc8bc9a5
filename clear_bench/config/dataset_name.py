"""What a data set is called: the file name of its reader, and for one's own data a name behind it.

``peta`` is the same everywhere.  ``csv`` is what somebody keeps in a folder, so that everybody's is
another: ``csv:shop`` and ``csv:street`` are two data sets of one reader.
"""

import re
from typing import Any

from clear_bench.config import plugins
from clear_bench.utils.errors import UserError

NAME = re.compile(r"[A-Za-z0-9_]{1,60}")
"""No hyphen, which stands between the words of file names, nor anything that means something."""


def reader_of(name: str) -> str:
    """Return the file name of the reader of a data set."""
    return name.partition(":")[0]


def in_files(name: str) -> str:
    """Return a data set's name as it stands in names of files and folders, and in links."""
    return name.replace(":", "+")  # in a link "csv:" would be a scheme, on other disks a stream


def source_of(name: str) -> Any:
    """Return the `clear_bench.data.dataset.Source` of a data set.

    Args:
        name: Say ``peta`` or ``csv:shop``.

    Raises:
        UserError: If there is no such reader, or it knows no names, or it is no name.
    """
    reader, colon, own = name.partition(":")
    source = plugins.load("data set", reader).SOURCE
    if colon and not source.own:
        raise UserError(
            f"data set '{name}': {reader} is one for all and has no names; leave :{own} out"
        )
    if colon and not NAME.fullmatch(own):
        raise UserError(
            f"data set '{name}': behind the colon must be 1 to 60 letters (a to z), digits or _"
        )
    return source
