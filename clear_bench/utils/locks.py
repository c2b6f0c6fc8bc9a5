"""One process at a time: locks that end with their holder, and whose files do too."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PATIENCE = 1.0  # seconds of waiting before it is said


@contextmanager
def locked(
    file: Path, say: Callable[[], None] = lambda: None, timeout: float = -1
) -> Iterator[None]:
    """Hold a lock, whose file is there only as long as somebody holds it or has died holding it.

    `FileLock` never takes a file that was removed meanwhile, so the holder may remove it.

    Args:
        file: Of the lock.
        say: Called once if another process holds it for more than a moment.
        timeout: Seconds to wait at most; negative waits for ever.

    Raises:
        Timeout: If it was waited for in vain.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    first = PATIENCE if timeout < 0 else min(PATIENCE, timeout)
    try:
        lock.acquire(timeout=first)
    except Timeout:
        say()
        lock.acquire(timeout=timeout if timeout < 0 else timeout - first)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        lock.release()


def forget_lock(file: Path) -> None:
    """Remove the file of a lock that nobody holds."""
    try:
        with locked(file, timeout=0):
            return
    except Timeout:
        return
