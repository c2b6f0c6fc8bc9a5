"""A folder that is made once: whole or not there, whoever asks and however often it is killed."""

import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock


def made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """Return ``target``; ``make`` fills it, under another name, if it is not there.

    Several processes may ask at once; one makes, the others wait.
    """
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f"{target.name}.lock")):
        if not target.is_dir():
            temporary = target.with_name(f".making-{target.name}")
            shutil.rmtree(temporary, ignore_errors=True)  # left by a process that was killed
            temporary.mkdir()
            try:
                make(temporary)
                temporary.replace(target)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return target
