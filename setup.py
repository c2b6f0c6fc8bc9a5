"""Write down in a wheel and a source archive of which commit they are; see pyproject.toml."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from clear_bench.utils.commit import FILE, commit_of  # noqa: E402 - needs the path


def write_commit(folder: Path) -> None:
    """Write the commit into a copy of the code."""
    text = " ".join(commit_of(HERE / "clear_bench")).strip()
    (folder / "clear_bench" / FILE).write_text(f"{text}\n", encoding="utf-8")


class BuildPy(build_py):
    """Copies the code into a wheel."""

    def run(self) -> None:
        """Copy; what is installed to be edited asks git itself."""
        super().run()
        if not self.editable_mode:
            write_commit(Path(self.build_lib))


class Sdist(sdist):
    """Copies the code into a source archive, in which git is not there to be asked."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Copy."""
        super().make_release_tree(base_dir, files)
        write_commit(Path(base_dir))


setup(cmdclass={"build_py": BuildPy, "sdist": Sdist})
