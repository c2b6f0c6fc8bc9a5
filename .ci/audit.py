"""Is what is installed what requirements.lock says, file by file?  Asks nobody; see make audit."""

import base64
import hashlib
import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

LOCK = Path(__file__).parents[1] / "requirements.lock"
OWN = {"clear-bench", "pip", "setuptools", "wheel"}
"""What a lock need not name: this project, and what an environment comes with."""


def plain(name: str) -> str:
    """Return a package's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text: str) -> dict[str, str]:
    """Return name -> version of a lock file; it names nothing but whole versions, each once."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        try:
            asked = Requirement(line)
        except InvalidRequirement:
            raise SystemExit(f"{LOCK.name}: line {number}: {line}: is no requirement") from None
        versions = [s.version for s in asked.specifier if s.operator == "=="]
        if len(asked.specifier) != 1 or not versions or plain(asked.name) in found:
            raise SystemExit(f"{LOCK.name}: line {number}: {line}: must be NAME==VERSION, once")
        if asked.marker is None or asked.marker.evaluate():
            found[plain(asked.name)] = versions[0]
    return found


def changed(package: Distribution) -> list[str]:
    """Return the files of a package that are not what its wheel held."""
    wrong = []
    for file in package.files or ():
        if file.hash is None or file.hash.mode != "sha256":  # RECORD itself, and compiled files
            continue
        path = Path(str(package.locate_file(file)))
        if not path.is_file():
            wrong.append(f"{file} is missing")
            continue
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != file.hash.value:
            wrong.append(f"{file} is another")
    return wrong


def main() -> int:
    """Print what differs and return how the process ends."""
    wanted = locked(LOCK.read_text(encoding="utf-8"))
    there = {plain(d.name): d for d in distributions()}
    said = [f"{n}: in the lock, not installed" for n in sorted(set(wanted) - set(there))]
    said += [f"{n}: installed, not in the lock" for n in sorted(set(there) - set(wanted) - OWN)]
    for name in sorted(set(there) & set(wanted)):
        if there[name].version != wanted[name]:
            said.append(f"{name}: {there[name].version} installed, {wanted[name]} in the lock")
        said += [f"{name}: {wrong}" for wrong in changed(there[name])]
    for line in said:
        print(line)
    print(f"{len(there)} packages, {len(said)} differences from {LOCK.name}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
