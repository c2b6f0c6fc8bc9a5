"""Of which commit this code is: asked of git in a checkout, written down in a wheel.

It imports nothing that a build does not have: ``setup.py`` uses it.
"""

import hashlib
import subprocess
from pathlib import Path

FILE = "commit.txt"
"""In the library's folder of a wheel or source archive: the commit, and what differs from it."""

CODE = ("clear_bench", "baselines", "ablations", "pyproject.toml", "requirements.lock")


def commit_of(library: Path) -> tuple[str, str]:
    """Return the commit of the code, and "" or a short hash of what differs; outputs do not count.

    A repository that holds the code only by chance, as one's own does whose environment lies in
    it, is not asked.

    Args:
        library: Folder of `clear_bench`.

    Returns:
        ("unknown", "") where neither git nor a build says.
    """
    if (library / FILE).is_file():
        commit, _, difference = (library / FILE).read_text(encoding="utf-8").strip().partition(" ")
        return commit, difference
    library = library.resolve()  # a pipeline has a link
    if not _git(library, "ls-files", "--error-unmatch", "__init__.py"):
        return "unknown", ""
    difference = _git(library.parent, "diff", "HEAD", "--", *CODE)
    short = hashlib.sha256(difference.encode()).hexdigest()[:12] if difference else ""
    return _git(library, "rev-parse", "HEAD") or "unknown", short


def _git(folder: Path, *words: str) -> str:
    """Return what git says, or "" where there is none or it refuses."""
    try:
        answer = subprocess.run(
            ["git", *words], capture_output=True, text=True, check=True, cwd=folder
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()
