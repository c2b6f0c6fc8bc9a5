"""One's own pictures: ``labels.csv`` as people write it."""

import numpy as np
import pytest
import yaml
from own_data import COLUMNS, YAML, complaint, edit, insert, labels_of, rows, write

from clear_bench.data.load import load_dataset
from clear_bench.data.unknown_labels import UNKNOWN
from clear_bench.data.verify import verify
from clear_bench.runs.run import Run
from clear_bench.training.plan import plan


def test_labels_splits_and_words_are_those_of_the_files(shop):
    dataset = load_dataset("csv:shop", shop)
    assert dataset.name == "csv:shop"
    assert dataset.schema.names == COLUMNS
    np.testing.assert_array_equal(dataset.labels, np.repeat(labels_of(40), 2, axis=0))
    hat, red = dataset.schema.attributes[0], dataset.schema.attributes[5]
    assert (hat.slot, hat.present, hat.absent, hat.group) == (
        "wearing",
        "a hat",
        "no hat",
        "top"[3:],
    )
    assert red.group == "top"
    by_person = dataset.manifest.groupby("person")["split"].nunique()
    assert (by_person == 1).all()
    counts = dataset.manifest["split"].value_counts().to_dict()
    assert counts == {"train": 56, "val": 8, "test": 16}
    assert dataset.signed[0] == "split:by-person"
    assert verify(dataset, {}).wrong == []
    other = load_dataset("csv", shop, "seed1")
    assert (other.manifest["split"] != dataset.manifest["split"]).any()
    assert other.signed[1] != dataset.signed[1]


def test_without_words_a_columns_name_is_its_phrase(shop):
    (shop / "attributes.yaml").unlink()
    attribute = load_dataset("csv", shop).schema.attributes[1]
    assert (attribute.slot, attribute.present, attribute.absent) == (
        "with", "long hair", "no long hair"
    )  # fmt: skip


@pytest.mark.parametrize("form", ["bom", "crlf", "cr", "quoted", "blank lines", "blanks"])
def test_the_same_table_in_another_form_is_the_same(shop, form):
    before = load_dataset("csv", shop).checksum
    text = (shop / "labels.csv").read_text("utf-8")
    text = {
        "bom": "\ufeff" + text,
        "crlf": text.replace("\n", "\r\n"),
        "cr": text.replace("\n", "\r"),
        "quoted": "\n".join(
            ",".join(f'"{cell}"' for cell in line.split(",")) for line in text.splitlines()
        ),
        "blank lines": text.replace("\n", "\n\n"),
        "blanks": text.replace(",", " , "),
    }[form]
    (shop / "labels.csv").write_bytes(text.encode())
    assert load_dataset("csv", shop).checksum == before


def test_no_word_of_yaml_becomes_anything_but_text(shop):
    table = [[{"hat": "no", "bag": "1e3"}.get(cell, cell) for cell in row] for row in rows(shop)]
    write(shop, table)
    said = yaml.safe_load(YAML)
    said = {{"hat": "no", "bag": "1e3"}.get(name, name): value for name, value in said.items()}
    (shop / "attributes.yaml").write_text(yaml.safe_dump(said).replace("'", ""), "utf-8")
    assert {"no", "1e3"} < set(load_dataset("csv", shop).schema.names)


def test_what_the_file_says_of_splits_stays(shop):
    table = rows(shop)
    insert("split", ["", "train", "val", "test"])(table)
    for row in table[1:]:
        row[table[0].index("person")] = ""
    write(shop, table)
    dataset = load_dataset("csv", shop)
    given = np.array([row[-1] for row in table[1:]])
    found = dataset.manifest["split"].to_numpy()
    assert (found[given != ""] == given[given != ""]).all()
    assert set(found[given == ""]) == {"train", "val", "test"}
    assert dataset.signed[0] == "split:given+by-picture"
    assert dataset.manifest["person"].nunique() == 80
    for k, row in enumerate(table[1:]):
        row[-1] = ("train", "test")[k % 2]
    write(shop, table)
    assert load_dataset("csv", shop).signed[0] == "split:given"
    assert "seed2 draws none" in complaint(shop, split="seed2")


def test_pictures_without_a_split_follow_their_person(shop):
    table = rows(shop)
    insert("split", ["test", ""])(table)  # of each person's two pictures the second
    write(shop, table)
    assert set(load_dataset("csv", shop).manifest["split"]) == {"test"}


def test_a_part_of_the_pictures(shop):
    (shop / "images/left/0003.png").unlink()
    assert "take the line out, or read what is there" in complaint(shop)
    part = load_dataset("csv", shop, partial=True)
    assert (len(part.manifest), sum(part.missing.values()), part.partial) == (79, 1, True)
    assert len(load_dataset("csv", shop, images=False).manifest) == 80


def test_unknown_labels_are_read_and_said(shop):
    table = rows(shop)
    edit(1, "hat", "")(table)
    write(shop, table)
    dataset = load_dataset("csv", shop)
    assert dataset.labels[0, 0] == UNKNOWN
    assert (dataset.labels[1:] != UNKNOWN).all()
    said = "of 1 images are unknown, most of them hat 1"
    assert any(said in note for note in verify(dataset, {}).notes)


def test_names_keep_tables_and_files_apart(shop, tmp_path):
    runs = [
        plan("likelihood", name, "smoke", 0, {}, root=tmp_path / "runs", data_root=shop)[-1]
        for name in ("csv", "csv:shop", "csv:street")
    ]
    assert len({run.id for run in runs}) == len({run.protocol for run in runs}) == 3
    assert all(":" not in run.folder.relative_to(tmp_path).as_posix() for run in runs)
    assert runs[1].protocol.startswith("csv:shop|seed0|attrs8:all|")
    assert "|split:by-person|data:" in runs[1].protocol
    assert runs[1].numbers["data.csv"] == 1
    table = rows(shop)
    edit(1, "hat", "1" if table[1][3] == "0" else "0")(table)
    write(shop, table)
    changed = load_dataset("csv:shop", shop)
    line = Run(runs[1].config, "retrieval", changed, tmp_path / "runs", runs[1].parent).protocol
    assert line != runs[1].protocol  # another label, another column
