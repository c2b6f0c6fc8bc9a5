"""MAT-file structs with one kind of error; a process of its own reads them, see `mat_child`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clear_bench.data.reading.mat_reader import read_mat
from clear_bench.data.reading.split_rules import whole
from clear_bench.utils.errors import UserError, require_file

LARGEST = 256 << 20
"""Bytes of a file; releases have 2 to 20 million."""


def load_struct(path: Path, name: str) -> np.void:
    """Return the 1x1 struct variable ``name`` of a MAT-file (version 7 or older).

    Its members are read with `member`; they are nested as `scipy.io.loadmat` leaves them.

    Raises:
        UserError: If there is no such file, it is not a readable MAT-file, or it holds no 1x1
            struct of that name.
    """
    return only_struct(load_variables(path, [name])[name], f"{path}: variable '{name}'")


def load_variables(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return variables of a MAT-file (version 7 or older).

    Raises:
        UserError: If there is no such file, it is not a readable MAT-file, or it lacks one.
    """
    wanted = ", ".join(f"'{name}'" for name in names)
    advice = "get the official release again"
    require_file(path, f"expected the official MAT-file with variable {wanted}")
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: {path.stat().st_size} bytes are too many; {advice}")
    _refuse_hdf5(path)
    variables = read_mat(path, names, advice)
    for name in names:
        if name not in variables:
            raise UserError(f"{path}: no variable '{name}' in this MAT-file; {advice}")
    return {name: variables[name] for name in names}


def _refuse_hdf5(path: Path) -> None:
    """Raise a `UserError` if a file is of MATLAB's version 7.3, which is HDF5."""
    with path.open("rb") as stream:
        head = stream.read(520)
    if head.startswith(b"MATLAB 7.3") or b"\x89HDF\r\n\x1a\n" in (head[:8], head[512:]):
        raise UserError(
            f"{path}: a MATLAB 7.3 (HDF5) file, which is not read; save it with -v7, in MATLAB: "
            f"all = load('{path.name}'); save('{path.name}', '-struct', 'all', '-v7')"
        )


def member(struct: np.void, name: str, path: Path) -> np.ndarray:
    """Return one field of a struct that `load_struct` or `member_struct` gave.

    Raises:
        UserError: If the struct has no such field; ``path`` is the file to name.
    """
    fields = struct.dtype.names or ()
    if name not in fields:
        raise UserError(f"{path}: no field '{name}'; it has {', '.join(fields)}")
    return struct[name]


def first_member(struct: np.void, names: Sequence[str], path: Path) -> np.ndarray:
    """Return the first field of some names that a struct has; releases differ in the spelling.

    Raises:
        UserError: If it has none of them.
    """
    fields = struct.dtype.names or ()
    return member(struct, next((n for n in names if n in fields), names[0]), path)


def member_struct(struct: np.void, name: str, path: Path) -> np.void:
    """Return a field that is itself a 1x1 struct.

    Raises:
        UserError: If there is no such field or it is something else.
    """
    return only_struct(member(struct, name, path), f"{path}: field '{name}'")


def only_struct(value: object, what: str) -> np.void:
    """Return the one element of a 1x1 struct array.

    Raises:
        UserError: If the value is something else; ``what`` names it.
    """
    # scipy puts a text where it could not read a variable, so the type is not to be trusted
    if isinstance(value, np.ndarray) and value.dtype.names and value.size == 1:
        return value.flat[0]
    raise UserError(f"{what} is not a 1x1 struct; get the official release again")


def texts(cells: np.ndarray, what: str) -> list[str]:
    """Return the texts of a cell array.

    Raises:
        UserError: If it holds something else; ``what`` names it.
    """
    try:
        return [str(cell.item()) for cell in cells.reshape(-1)]
    except (AttributeError, ValueError):
        raise UserError(
            f"{what} is not a cell array of texts; get the official release again"
        ) from None


def whole_numbers(values: np.ndarray, what: str) -> NDArray[np.intp]:
    """Return values as whole numbers, in their own shape.

    Raises:
        UserError: If one is anything else; ``what`` names them.
    """
    return whole(values, f"{what}: not whole numbers; get the official release again")


def person_numbers(values: np.ndarray, where: str) -> list[str]:
    """Return numbers of persons as text.

    Args:
        values: ``(N,)`` from 1, in the order of the images.
        where: What to name.

    Raises:
        UserError: If one is not a whole number from 1; it names the image.
    """
    numbers = np.asarray(values, np.float64).reshape(-1)
    bad = np.flatnonzero(~(np.isfinite(numbers) & (numbers >= 1) & (numbers == np.floor(numbers))))
    if len(bad):
        raise UserError(
            f"{where}: image {bad[0] + 1:05d}: its person is {numbers[bad[0]]:g}, must be a whole "
            "number from 1; get the official release again"
        )
    return [str(int(number)) for number in numbers]


def check_labels(labels: np.ndarray, names: Sequence[str], highest: int, where: str) -> None:
    """Raise a `UserError` that names image and attribute of the first label out of range.

    Args:
        labels: ``(N, A)``.
        names: ``(A,)``.
        highest: Largest label allowed; the smallest is 0.
        where: What to name.
    """
    if labels.dtype.kind not in "biuf":
        raise UserError(f"{where}: labels are no numbers; get the official release again")
    bad = np.argwhere(~np.isin(labels, np.arange(highest + 1)))
    if len(bad):
        row, column = bad[0]
        allowed = "0 or 1" if highest == 1 else f"0 to {highest}"
        raise UserError(
            f"{where}: image {row + 1:05d}: {names[column]} is {labels[row, column]}, must be "
            f"{allowed}; get the official release again"
        )
