"""Every data set as its official release would be, small: what the contract tests run on."""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from layouts import cells, draw, person_labels, write_market, write_peta
from own_data import write_csv
from scipy.io import loadmat, savemat

from clear_bench.data.sets import pa100k, peta, peta_folders, rapv1, rapv2
from clear_bench.data.sets.peta_labels import NAMES
from clear_bench.data.sets.upar_labels import SCHEMA as UPAR

PETA_COUNT, RAP_COUNT, PA_PARTS = 80, 80, {"train": 40, "val": 16, "test": 16}


@dataclass(frozen=True)
class Release:
    """One small release.

    Args:
        write: Writes it into a folder that is not there yet.
        annotation: Its label file, relative to the folder.
        sizes: (module, constant, value): official sizes that the copy does not have.
    """

    write: Callable[[Path], None]
    annotation: str
    sizes: tuple[tuple[Any, str, Any], ...] = field(default=())

    def make(self, root: Path, monkeypatch: Any) -> Path:
        """Write the release and tell its reader how small it is."""
        for module, name, value in self.sizes:
            monkeypatch.setattr(module, name, value)
        self.write(root)
        return root


def write_pa100k(root: Path, *, folder: str = "release_data/release_data") -> None:
    """Write ``annotation.mat``, whose variables are no struct, and the pictures."""
    rng = np.random.default_rng(0)
    content: dict[str, Any] = {"attributes": cells(list(pa100k.SCHEMA.names))}
    number = 0
    for part, count in PA_PARTS.items():
        names = [f"{number + k:06d}.jpg" for k in range(1, count + 1)]
        number += count
        content[f"{part}_images_name"] = cells(list(names))
        content[f"{part}_label"] = person_labels(rng, count, len(pa100k.SCHEMA))
        for name in names:
            draw(root / folder / name, rng)
    savemat(root / "annotation.mat", content)


def rap_names() -> list[str]:
    """Return picture names: two frames of each person of a clip."""
    stem = "CAM{0:02d}_2014-02-15_20140215161032-20140215162620_tarid{1}_frame{2}_line1.png"
    return [stem.format(k % 7 + 1, k // 2, 100 + k) for k in range(RAP_COUNT)]


def rap_labels(rng: np.random.Generator, width: int) -> np.ndarray:
    """Return labels of 0 and 1 with a few 2."""
    labels = person_labels(rng, RAP_COUNT, width)
    labels[rng.random(labels.shape) < 0.05] = 2
    return labels


def rap_parts(rng: np.random.Generator, names: tuple[str, ...], suffix: str) -> list[object]:
    """Return five partitions: structs of row vectors of image numbers."""
    found: list[object] = []
    for _ in range(5):
        order = rng.permutation(RAP_COUNT)[None].astype(np.uint16) + 1
        ends = np.linspace(0, RAP_COUNT, len(names) + 1).astype(int)
        pairs = zip(names, ends[:-1], ends[1:], strict=True)
        found.append({f"{n}{suffix}": order[:, a:b] for n, a, b in pairs})
    return found


def write_rapv1(root: Path) -> None:
    """Write RAP version 1; the fields and their odd spelling are those of its ReadMe."""
    rng = np.random.default_rng(1)
    names = rap_names()
    known = [*rapv1.SELECTED, *(f"extra-{k}" for k in range(92 - len(rapv1.SELECTED)))]
    content = {
        "partion": cells(rap_parts(rng, ("train", "test"), "_index")),
        "label": rap_labels(rng, 92),
        "attribute_chinese": cells(["男"] * 92),
        "attribute_eng": cells(list(known)),
        "position": np.zeros((RAP_COUNT, 16), np.int32),
        "imagesname": cells(list(names)),
        "attribute_exp": cells(list(rapv1.SELECTED)),
    }
    _write_rap(root, content, names, rng)
    for part, rows in (("train", range(20, RAP_COUNT)), ("test", range(20))):
        texts = [f"{names[k]} {' '.join(map(str, content['label'][k, :51] % 2))}" for k in rows]
        (root / f"{part}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")


def write_rapv2(root: Path) -> None:
    """Write RAP version 2, with the file of RAP-zs beside it."""
    rng = np.random.default_rng(2)
    names = rap_names()
    known = [f"extra-{k}" for k in range(152)]
    selected = np.sort(rng.permutation(152)[:54])
    for k, name in zip(selected, rapv2.SELECTED, strict=True):
        known[k] = name
    identity = np.repeat(np.arange(RAP_COUNT // 2), 2).astype(np.int32)
    identity[-6:] = -1
    content = {
        "name": cells(list(names)),
        "data": rap_labels(rng, 152),
        "attribute": cells(list(known)),
        "selected_attribute": selected[None].astype(np.uint8) + 1,
        "partition_attribute": cells(rap_parts(rng, ("train", "val", "test"), "_index")).T,
        "person_identity": identity[:, None],
    }
    _write_rap(root, content, names, rng)
    write_zero_shot(root, RAP_COUNT - 8)


def _write_rap(
    root: Path, content: dict[str, Any], names: list[str], rng: np.random.Generator
) -> None:
    for name in names:
        draw(root / "RAP_dataset" / name, rng)
    (root / "RAP_annotation").mkdir()
    savemat(root / "RAP_annotation/RAP_annotation.mat", {"RAP_annotation": content})


def write_zero_shot(root: Path, used: int) -> None:
    """Write a zero-shot split file: pairs of images stay together, the last are unused."""
    rows = list(range(used))
    parts = {"train": rows[: used // 2], "val": rows[used // 2 : used // 2 + 12]}
    parts["test"] = rows[used // 2 + 12 :]
    (root / "zs.json").write_text(json.dumps(parts))


def write_peta_numbered(root: Path) -> None:
    """Write the numbered layout with a zero-shot file and ALM's lists."""
    write_peta(root, PETA_COUNT)
    write_zero_shot(root, PETA_COUNT - 8)
    data = loadmat(root / "PETA.mat")["peta"][0, 0]["data"]
    write_peta_lists(
        root, [f"CUHK/archive/{k + 1:04d}.png" for k in range(PETA_COUNT)], data[:, 4:]
    )


def write_peta_lists(root: Path, pictures: list[str], labels: np.ndarray) -> None:
    """Write ALM's two lists: every third picture is of the test part, none is in order."""
    rng = np.random.default_rng(5)
    lines: dict[str, list[str]] = {"train": [], "test": []}
    for row in rng.permutation(len(pictures)):
        values = " ".join(map(str, labels[row][:35]))
        part = "test" if row % 3 == 0 else "train"
        lines[part].append(f"PETA_dataset/{pictures[row]} {values} \n")
    for part, text in lines.items():
        (root / f"PETA_{part}_list.txt").write_text("".join(text), encoding="utf-8")


PETA_FILES = {
    "3DPeS": "{0}_3_FRAME_{1}_RGB.bmp",
    "CAVIAR4REID": "{0:04d}_{1:03d}.jpg",
    "CUHK": "{0:04d}.png",
    "GRID": "{0:04d}_{1}_25004_107_32_106_221.jpeg",
    "i-LID": "{0:04d}_{1:03d}.JPG",
    "MIT": "{0:05d}_male_back.jpg",
    "PRID": "{0:04d}_a.png",
    "SARC3D": "{0:03d}_back.bmp",
    "TownCentre": "{0}_{1}.jpg",
    "VIPeR": "{0:03d}_45_{1}.bmp",
}
"""How the ten sources name pictures of a person."""


def write_peta_folders(root: Path, *, annotation: bool = True) -> np.ndarray:
    """Write the original layout and return the labels ``(80, 105)`` in the numbered order.

    Eight pictures a source, two a person where a name has a place for it.
    """
    rng = np.random.default_rng(3)
    rows = []
    for source in peta_folders.SOURCES:
        pattern = PETA_FILES[source]
        lone = "{1" not in pattern
        lines, files = [], []
        for person in range(9, 17 if lone else 13):  # 9 and 10: their text and number orders differ
            labels = rng.integers(0, 2, len(NAMES), dtype=np.uint8)
            names = [name for name, value in zip(NAMES, labels, strict=True) if value]
            lines.append(" ".join([str(person), *names, "accessoryShawl"]))
            for view in range(1 if lone else 2):
                key = f"{peta_folders.SOURCES.index(source):02d}/{person:03d}"
                files.append((pattern.format(person, view + 9), key, labels))
        folder = root / "PETA dataset" / source / "archive"
        for name, _, _ in files:
            draw(folder / name, rng)
        (folder / "Label.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        rows += sorted(files, key=lambda row: row[0].encode())
    if annotation:
        order = [rng.permutation(PETA_COUNT)[:, None].astype(np.uint16) + 1 for _ in range(5)]
        parts = [{"train": o[:40], "val": o[40:50], "test": o[50:]} for o in order]
        data = np.zeros((PETA_COUNT, 4 + len(NAMES)), np.uint16)
        data[:, 4:] = [labels for _, _, labels in rows]
        persons = sorted({key for _, key, _ in rows})
        data[:, 1] = [persons.index(key) + 1 for _, key, _ in rows]
        content = {
            "data": data,
            "attribute": cells(list(NAMES)),
            "selected_attribute": np.arange(5, 40, dtype=np.uint8)[None],
            "partion_attribute": cells(list(parts)),
        }
        savemat(root / "PETA.mat", {"peta": content})
    return np.array([labels for _, _, labels in rows])


UPAR_FILES = {
    "Market1501": ("bounding_box_train/{0:04d}_c1s1_00000{1}_00.jpg",
                   "query/{0:04d}_c2s1_00000{1}_00.jpg"),
    "PA100k": ("release_data/release_data/{0:03d}{1:03d}.jpg",) * 2,
    "PETA": ("images/{2:05d}.png",) * 2,
    "RAP2": ("RAP_dataset/CAM01_2014_1-2_tarid{0}_frame{1}_line1.png",) * 2,
    "MEVID": ("imgs/{0:04d}_{1}.jpg",) * 2,
}  # fmt: skip


def upar_table(domains: tuple[str, ...], part: int, start: int) -> list[str]:
    """Return the pictures of a table: six persons with two pictures a domain."""
    found = []
    for domain in domains:
        for k in range(12):
            person = start + k // 2
            name = UPAR_FILES[domain][part].format(person, k % 2 + 1, 2 * person + k % 2)
            found.append(f"{domain}/{name}")
    return found


def write_upar(root: Path, *, first: str = "# image,", short: bool = False) -> None:
    """Write the tables and the sub-data sets' pictures.

    Args:
        root: A new folder.
        first: How the header begins; one release has no name for the picture's column.
        short: Whether the tables lie in the root and not where the release has them.
    """
    rng = np.random.default_rng(4)
    written: dict[str, list[str]] = {}
    every = []
    known = ("Market1501", "PA100k", "PETA", "RAP2")
    parts = {"train": (known, 0, 1), "val": (known, 1, 11), "test": (("MEVID",), 0, 21)}
    for part, (domains, kind, start) in parts.items():
        paths = upar_table(domains, kind, start)
        labels = person_labels(rng, len(paths), len(UPAR))
        lines = [first + ",".join(UPAR.names)]
        for path, row in zip(paths, labels, strict=True):
            lines.append(",".join([path, *map(str, row)]))
            draw(root / path, rng)
        place = root / (f"{part}.csv" if short else f"annotations/task1/{part}/gt.csv")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("\n".join(lines) + "\n", encoding="utf-8")
        written[part] = paths
        every.append(labels)
    write_upar_pickle(root, written, np.concatenate(every))


def write_upar_pickle(root: Path, parts: dict[str, list[str]], labels: np.ndarray) -> None:
    """Write ``dataset_all.pkl``: partition k uses every picture, test a list of one array each."""
    paths = [path for part in parts.values() for path in part]
    ends = np.cumsum([0, *map(len, parts.values())])
    rows = {p: np.arange(a, b) for p, a, b in zip(parts, ends[:-1], ends[1:], strict=True)}
    content = {
        "image_name": paths,
        "label": labels[:, ::-1],
        "attr_name": UPAR.names[::-1],
        "partition": {
            "train": [rows["train"]] * 9,
            "test": [[rows["val"][:20], rows["val"][20:]]] * 9,
        },
        "dataset_ids": np.zeros(len(paths), np.int64),
    }
    (root / "dataset_all.pkl").write_bytes(pickle.dumps(content, 3))


MARKET = "attribute/market_attribute.mat"
RELEASES = {
    "market1501": Release(write_market, MARKET),
    "peta": Release(write_peta_numbered, "PETA.mat", ((peta, "IMAGES", PETA_COUNT),)),
    "pa100k": Release(write_pa100k, "annotation.mat", ((pa100k, "PARTS", PA_PARTS),)),
    "rapv1": Release(write_rapv1, "RAP_annotation/RAP_annotation.mat",
                     ((rapv1, "IMAGES", RAP_COUNT),)),
    "rapv2": Release(write_rapv2, "RAP_annotation/RAP_annotation.mat",
                     ((rapv2, "IMAGES", RAP_COUNT),)),
    "upar": Release(write_upar, "annotations/task1/train/gt.csv"),
    "csv": Release(write_csv, "labels.csv"),
}  # fmt: skip
"""Data set to its small release.  A new data set needs a line here: the contract test says so."""
