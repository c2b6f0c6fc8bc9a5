"""The field's other forms of an annotation, written from small official releases."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import loadmat


def field_pickle(root: Path, name: str) -> dict[str, Any]:
    """Return what the field's code makes of the MAT-file of a release; columns are in its order."""
    if name == "pa100k":
        raw = loadmat(root / "annotation.mat")
        parts = ("train", "val", "test")
        counts = np.cumsum([0, *(len(raw[f"{p}_label"]) for p in parts)])
        return {
            "image_name": [c.item() for p in parts for c in raw[f"{p}_images_name"].ravel()],
            "label": np.concatenate([raw[f"{p}_label"] for p in parts])[:, ::-1],
            "attr_name": [np.str_(c.item()) for c in raw["attributes"].ravel()][::-1],
            "partition": {
                p: np.arange(a, b) for p, a, b in zip(parts, counts[:-1], counts[1:], strict=True)
            },
        }
    if name == "peta":
        raw = loadmat(root / "PETA.mat")["peta"][0, 0]
        names = [f"{k + 1:05d}.png" for k in range(len(raw["data"]))]
        cells, suffix, keys = raw["partion_attribute"], "", ("train", "val", "test")
        labels, attributes = raw["data"][:, 4:], raw["attribute"]
    elif name == "rapv1":
        raw = loadmat(root / "RAP_annotation/RAP_annotation.mat")["RAP_annotation"][0, 0]
        names = [np.str_(c.item()) for c in raw["imagesname"].ravel()]
        cells, suffix, keys = raw["partion"], "_index", ("train", "test")
        labels, attributes = raw["label"], raw["attribute_eng"]
    else:
        raw = loadmat(root / "RAP_annotation/RAP_annotation.mat")["RAP_annotation"][0, 0]
        names = [np.str_(c.item()) for c in raw["name"].ravel()]
        cells, suffix, keys = raw["partition_attribute"], "_index", ("train", "val", "test")
        labels, attributes = raw["data"], raw["attribute"]
    parts = [c[0, 0] for c in cells.ravel()]
    called = {"train": "trainval"} if name == "rapv1" else {}
    return {
        "image_name": names,
        "label": labels[:, ::-1],
        "attr_name": [np.str_(c.item()) for c in attributes.ravel()][::-1],
        "label_idx": {"eval": list(range(35)), "extra": range(79, 105)},
        "partition": {
            called.get(k, k): [p[f"{k}{suffix}"].ravel().astype(int) - 1 for p in parts]
            for k in keys
        },
    }


def replace_by_pickle(root: Path, name: str) -> Path:
    """Put ``dataset_all.pkl`` in the place of the official annotation of a release."""
    content = field_pickle(root, name)
    for old in (*root.rglob("*.mat"), *root.glob("*.txt")):
        old.unlink()
    path = root / "dataset_all.pkl"
    path.write_bytes(pickle.dumps(content, 4))
    return path


def replace_by_tables(root: Path) -> None:
    """Put three tables in the place of ``annotation.mat``; columns are in another order."""
    content = field_pickle(root, "pa100k")
    for part, rows in content["partition"].items():
        table = pd.DataFrame(content["label"][rows], columns=list(content["attr_name"]))
        table.insert(0, "Image", [content["image_name"][k] for k in rows])
        table.to_csv(root / f"{part}.csv", index=False)
    (root / "annotation.mat").unlink()


def replace_by_lists(root: Path) -> None:
    """Put ALM's two lists in the place of PA-100K's ``annotation.mat``; lines are in no order."""
    content = field_pickle(root, "pa100k")
    rows = content["partition"]
    lists = {"train_val": np.concatenate([rows["val"], rows["train"]]), "test": rows["test"]}
    for part, chosen in lists.items():
        lines = [
            f"{content['image_name'][k]} {' '.join(map(str, content['label'][k][::-1]))}"
            for k in chosen
        ]
        (root / f"{part}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "annotation.mat").unlink()
