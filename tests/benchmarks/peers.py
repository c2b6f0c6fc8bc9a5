"""Install the extra ``bench`` of pyproject.toml, without dependencies, into a folder."""

import subprocess
import sys
import tomllib
from pathlib import Path

root = Path(__file__).parents[2]
project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
peers = project["optional-dependencies"]["bench"]
target = Path(sys.argv[1])
if not (target / "pytest_benchmark").exists():
    words = ["install", "--quiet", "--no-deps", "--target", str(target), *peers]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
