"""One kind of error for everything a user can put right, and the exit status that goes with it."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path


class UserError(Exception):
    """Something outside the code is wrong: a file, a value, a name.

    The message is one line that names the thing, the cause and what to do.  Commands print it
    and leave with status 2; everything else is a bug and keeps its traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(re.sub(r"[\r\n]+", " ", message))  # a name in it may be anything


class Unavailable(UserError):  # noqa: N818 - the word says it
    """Something that this machine does not have: weights, a package, a server.

    A study goes on without it and says so.
    """


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Return the error for a name that does not exist, with the nearest existing names.

    Args:
        kind: What was looked for, for example ``"attribute"``.
        name: What the user wrote.
        known: Every name that would have been right.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if not near:  # a dotted key is often right but for its prefix
        near = [n for n in names if n.rsplit(".", 1)[-1] == name.rsplit(".", 1)[-1]][:3]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return UserError(f"unknown {kind} '{name}'; {hint}")


def require_file(path: Path, advice: str) -> Path:
    """Return ``path`` if it is a file.

    Raises:
        UserError: If it is not; ``advice`` says what to do about it.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; {advice}")
    return path
