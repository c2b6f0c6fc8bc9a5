"""Install the extra ``bench`` of pyproject.toml, without dependencies, into a folder.

The compiled rankers of two repositories are on no package index.  Their one file each is taken from
a git server at a fixed commit and compiled; without one they are left out, and a line says so.  A
file that lies there already, ``FOLDER/rankers/NAME.pyx``, is used as it is.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
RANKERS = {  # name: repository, commit, file
    "fast_reid": (
        "https://github.com/JDAI-CV/fast-reid",
        "c9bc3ceb2f7a6438b62fb515ea3df6d1e999e95d",
        "fastreid/evaluation/rank_cylib/rank_cy.pyx",
    ),
    "torchreid_cython": (
        "https://github.com/KaiyangZhou/deep-person-reid",
        "f8cd150fdf77e8d9e1ed143b7f308c2c609ded50",
        "torchreid/metrics/rank_cylib/rank_cy.pyx",
    ),
}


def install(target: Path) -> None:
    """Install what pip can install, once."""
    if (target / "pytest_benchmark").exists() and (target / "Cython").exists():
        return
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    peers = tomllib.loads(text)["project"]["optional-dependencies"]["bench"]
    words = ["install", "--quiet", "--no-deps", "--upgrade", "--target", str(target), *peers]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)


def source(name: str, folder: Path) -> Path:
    """Return one ranker's file, taken from its repository if it is not there yet.

    Raises:
        CalledProcessError: If there is no git server.
    """
    url, commit, path = RANKERS[name]
    file = folder / f"{name}.pyx"
    if not file.exists():
        clone = ["git", "-C", str(folder)]
        for words in (["init", "-q", name], ["-C", name, "fetch", "-q", "--depth=1", url, commit]):
            subprocess.run([*clone, *words], check=True, timeout=120)
        found = subprocess.run([*clone, "-C", name, "show", f"{commit}:{path}"], check=True,
                               capture_output=True)  # fmt: skip
        file.write_bytes(found.stdout)
    return file


def compile_ranker(name: str, target: Path) -> None:
    """Build one ranker in place, once."""
    import numpy as np
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    folder = target / "rankers"
    folder.mkdir(exist_ok=True)
    if list(folder.glob(f"{name}.*.so")):
        return
    file = source(name, folder)
    extension = Extension(name, [str(file)], include_dirs=[np.get_include()])
    built = Distribution({"ext_modules": cythonize([extension], quiet=True, language_level=3)})
    command = built.get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(folder), str(folder / "build")
    command.ensure_finalized()
    command.run()


if __name__ == "__main__":
    there = Path(sys.argv[1]).absolute()
    install(there)
    sys.path.insert(0, str(there))
    for ranker in RANKERS:
        try:
            compile_ranker(ranker, there)
        except (subprocess.SubprocessError, OSError) as error:
            print(f"{ranker} is not measured: {error}", file=sys.stderr)
