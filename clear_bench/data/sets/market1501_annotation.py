"""Market-1501's annotation file as tables: one row an identity, one column an attribute."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clear_bench.data.reading.matfile import load_struct, member, member_struct
from clear_bench.data.sets.market1501_labels import SCHEMA, coded_field
from clear_bench.utils.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

_AGAIN = "get the official market_attribute.mat again"


def read_attributes(path: Path) -> "dict[str, pd.DataFrame]":
    """Return the labels of ``train`` and ``test`` of ``market_attribute.mat``.

    Args:
        path: The annotation file.

    Returns:
        One row an identity (index: its text, "0002"), uint8 columns of 0 and 1 in schema order.

    Raises:
        UserError: If the file or a field is broken, missing or holds a value out of range.
    """
    both = load_struct(path, "market_attribute")
    return {part: _labels(both, part, path) for part in ("train", "test")}


def _labels(both: np.void, part: str, path: Path) -> "pd.DataFrame":
    """Return the labels of one struct of the two."""
    import pandas as pd

    struct = member_struct(both, part, path)
    ids = _identities(member(struct, "image_index", path), f"{path}: {part}")
    columns = {}
    for name in SCHEMA.names:
        field, code = coded_field(name)
        values = member(struct, field, path).reshape(-1)
        allowed = (1, 2, 3, 4) if field == "age" else (1, 2)
        _check_codes(values, ids, allowed, f"{path}: {part}.{field}")
        columns[name] = (values == code).astype(np.uint8)
    return pd.DataFrame(columns, index=ids)


def _identities(cells: np.ndarray, where: str) -> "pd.Index":
    """Return the identities of a struct from its cell array of texts."""
    import pandas as pd

    try:
        ids = pd.Index([str(cell.item()) for cell in cells.reshape(-1)])
    except (AttributeError, ValueError):
        raise UserError(f"{where}.image_index: not a cell array of texts; {_AGAIN}") from None
    odd = ids[~ids.str.fullmatch(r"\d{4}")]
    if len(odd):
        raise UserError(f"{where}.image_index: '{odd[0]}' is no identity like 0002; {_AGAIN}")
    if not ids.is_unique:
        raise UserError(f"{where}.image_index: {ids[ids.duplicated()][0]} is there twice; {_AGAIN}")
    return ids


def _check_codes(values: np.ndarray, ids: "pd.Index", allowed: tuple[int, ...], where: str) -> None:
    """Raise unless there is one allowed code an identity."""
    if len(values) != len(ids):
        raise UserError(f"{where}: {len(values)} values for {len(ids)} identities; {_AGAIN}")
    wrong = np.flatnonzero(~np.isin(values, allowed))
    if len(wrong):
        value, identity = values[wrong[0]], ids[wrong[0]]
        raise UserError(f"{where}: identity {identity} has {value}, must be in {allowed}; {_AGAIN}")
