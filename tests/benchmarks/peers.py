"""Install the extra ``bench`` of pyproject.toml, without dependencies, into a folder."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def install(target: Path) -> None:
    """Install what the package index has, once."""
    if (target / "pytest_benchmark").exists():
        return
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    peers = tomllib.loads(text)["project"]["optional-dependencies"]["bench"]
    words = ["install", "--quiet", "--no-deps", "--upgrade", "--target", str(target), *peers]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)


if __name__ == "__main__":
    install(Path(sys.argv[1]).absolute())
