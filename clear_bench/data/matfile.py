"""MAT-file structs with one kind of error; nothing in a MAT-file is executed by reading it."""

from pathlib import Path

import numpy as np

from clear_bench.errors import UserError, require_file


def load_struct(path: Path, name: str) -> np.void:
    """Return the 1x1 struct variable ``name`` of a MAT-file (version 7 or older).

    Its members are read with `member`; they are nested as `scipy.io.loadmat` leaves them.

    Raises:
        UserError: If there is no such file, it is not a readable MAT-file, or it holds no 1x1
            struct of that name.
    """
    from scipy.io import loadmat

    advice = "get the official release again"
    require_file(path, f"expected the official MAT-file with variable '{name}'")
    try:
        variables = loadmat(str(path), appendmat=False, variable_names=[name])
    except Exception as error:  # a parser of foreign bytes fails with whatever type it trips over
        cause = str(error).split("\n")[0] or type(error).__name__
        raise UserError(
            f"{path}: not a readable MAT-file with variable '{name}' ({cause}); "
            f"truncated or another format? {advice}"
        ) from error
    if name not in variables:
        raise UserError(f"{path}: no variable '{name}' in this MAT-file; {advice}")
    return only_struct(variables[name], f"{path}: variable '{name}'")


def member(struct: np.void, name: str, path: Path) -> np.ndarray:
    """Return one field of a struct that `load_struct` or `member_struct` gave.

    Raises:
        UserError: If the struct has no such field; ``path`` is the file to name.
    """
    known = struct.dtype.names or ()
    if name not in known:
        raise UserError(f"{path}: no field '{name}'; it has {', '.join(known)}")
    return struct[name]


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
