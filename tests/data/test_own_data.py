"""One's own pictures: ``labels.csv`` as people write it, and as nobody should."""

import os
import shutil

import numpy as np
import pytest
import yaml
from own_data import COLUMNS, YAML, labels_of, write_csv
from PIL import Image

from clear_bench.data.dataset import UNKNOWN
from clear_bench.data.load import load_dataset
from clear_bench.data.reading.csv_table import MOST_COLUMNS
from clear_bench.data.sets.csv import inside
from clear_bench.data.verify import verify
from clear_bench.runs.run import Run
from clear_bench.training.checks import require_known
from clear_bench.training.plan import plan
from clear_bench.utils.errors import UserError


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("own") / "shop"
    write_csv(root)
    return root


@pytest.fixture
def shop(written, tmp_path):
    """A copy whose tables a test may change; of the pictures there is one."""

    def copy(source, target):
        return (os.link if source.endswith(".png") else shutil.copy)(source, target)

    return shutil.copytree(written, tmp_path / "shop", copy_function=copy)


def rows(root):
    return [line.split(",") for line in (root / "labels.csv").read_text("utf-8").splitlines()]


def write(root, table):
    (root / "labels.csv").write_text("".join(",".join(row) + "\n" for row in table), "utf-8")


def complaint(root, **options):
    """The one line that reading ends with, which names a file of the folder."""
    with pytest.raises(UserError) as caught:
        load_dataset("csv", root, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert str(root) in line
    return line


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


def _edit(row, column, value):
    def change(table):
        table[row][table[0].index(column)] = value

    return change


def _insert(column, values):
    def change(table):
        for k, row in enumerate(table):
            row.append(column if not k else values[k % len(values)])

    return change


BAD = {
    "a label 2": (_edit(3, "hat", "2"), "line 4: hat is '2', must be 1, 0 or empty"),
    "a label -1": (_edit(3, "hat", "-1"), "line 4: hat is '-1', must be"),
    "a word": (_edit(3, "hat", "yes"), "line 4: hat is 'yes', must be"),
    "a missing picture": (_edit(5, "path", "no.png"), "line 6: no.png: no such picture"),
    "a double": (lambda t: t.append(list(t[2])), "is in line 3 already"),
    "above": (_edit(2, "path", "../x.png"), "line 3: path '../x.png' must be relative"),
    "absolute": (_edit(2, "path", "/etc/passwd"), "line 3: path '/etc/passwd' must be relative"),
    "a drive": (_edit(2, "path", "C:/x.png"), "line 3: path 'C:/x.png' must be relative"),
    "backslashes": (_edit(2, "path", "images\\x.png"), "must be relative"),
    "two spellings": (_edit(2, "path", "images//left/0001.png"), "must be relative"),
    "no path": (_edit(2, "path", ""), "line 3: path '' must be relative"),
    "the folder": (_edit(2, "path", "images"), "line 3: images is no file"),
    "an unknown column": (_insert("sock", "01"), "does not name the column 'sock'"),
    "a column too few": (lambda t: [r.pop() for r in t], "unknown column of labels.csv 'young'"),
    "a nameless column": (_insert("", "01"), "column 12 has no name"),
    "a column twice": (_insert("hat", "01"), "two columns are called 'hat'"),
    "an empty column": (_insert("sock", [""]), "does not name the column 'sock'"),
    "Person": (_insert("Person", ["a"]), "column 'Person': write 'person'"),
    "a bad name": (_insert("a=b", "01"), "column 'a=b': an attribute's name"),
    "a bad split": (_insert("split", ["tset"]), "unknown split 'tset'; did you mean test"),
    "a short row": (lambda t: t[4].pop(), "line 5: 10 cells, the header has 11"),
    "a torn person": (
        lambda t: [_insert("split", [""])(t), _edit(1, "split", "train")(t),
                   _edit(2, "split", "test")(t), _edit(3, "person", "p0")(t)],
        "person p0 is in several splits already",
    ),
    "no attribute": (lambda t: [r.__delitem__(slice(3, None)) for r in t], "no attribute"),
    "no pictures": (lambda t: t.__delitem__(slice(1, None)), "has column names but no rows"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_tables_are_one_line(shop, kind):
    change, said = BAD[kind]
    table = rows(shop)
    change(table)
    write(shop, table)
    assert said in complaint(shop)


BYTES = {
    "semicolons": (lambda b: b.replace(b",", b";"), "semicolons stand between its columns"),
    "tabs": (lambda b: b.replace(b",", b"\t"), "holds the control character '\\t'"),
    "empty": (lambda b: b"", "is empty"),
    "Latin-1": (lambda b: b + "é".encode("latin-1"), "is not UTF-8"),
    "UTF-16": (lambda b: b.decode().encode("utf-16"), "is not UTF-8"),
    "a NUL": (lambda b: b.replace(b"p3,", b"p\0,"), "holds the control character '\\x00'"),
    "an open quote": (lambda b: b.replace(b"p3,", b'"p3,', 1), "is a quote left open?"),
    "a page of quotes": (lambda b: b + b'"' + b"x\n" * 200_000, "field larger than field limit"),
    "many columns": (lambda b: b"path" + b",a" * MOST_COLUMNS, f"more than {MOST_COLUMNS} columns"),
    "10 million columns": (lambda b: b"," * 10_000_000, "line 1: longer than"),
    "a long line": (lambda b: b"x" * 2_000_000, "line 1: longer than"),
}


@pytest.mark.parametrize("kind", BYTES)
def test_what_is_no_table_is_one_line(shop, kind):
    change, said = BYTES[kind]
    file = shop / "labels.csv"
    file.write_bytes(change(file.read_bytes()))
    assert said in complaint(shop)


WORDS = {
    "no YAML": ("hat: [", "not YAML"),
    "a list": ("- hat", "must be a mapping"),
    "unknown": (YAML + "sock: {}\n", "unknown column of labels.csv 'sock'"),
    "missing": (YAML.replace("bag: {slot: carrying, present: a bag}\n", ""), "'bag'"),
    "twice": (YAML + "hat:\n", "line 9: 'hat' is there twice"),
    "a slot": (YAML.replace("slot: age", "slot: agee"), "unknown slot 'agee'"),
    "a key": (YAML.replace("slot: age", "slott: age"), "unknown key 'slott'"),
    "a value": (YAML.replace("slot: age", "slot: [age]"), "slot must be a text"),
    "truth": (YAML.replace("opposite: true", "opposite: 1"), "opposite is '1'"),
    "the same": (YAML.replace("absent: man", "absent: woman"), "are both 'woman'"),
    "a program": (YAML.replace("a hat", "!!python/object/apply:os.system [x]"), "must be a text"),
    "deep": ("[" * 100_000, "nested too deeply"),
    "long": (YAML.replace("a hat", "h" * 300), "at most 200"),
    "a loop": ("&a {hat: *a}", "present and absent|unknown key|must be a text|'hat'"),
}


@pytest.mark.parametrize("kind", WORDS)
def test_bad_words_are_one_line(shop, kind):
    text, said = WORDS[kind]
    (shop / "attributes.yaml").write_text(text, "utf-8")
    assert any(part in complaint(shop) for part in said.split("|"))


def test_no_word_of_yaml_becomes_anything_but_text(shop):
    table = [[{"hat": "no", "bag": "1e3"}.get(cell, cell) for cell in row] for row in rows(shop)]
    write(shop, table)
    said = yaml.safe_load(YAML)
    said = {{"hat": "no", "bag": "1e3"}.get(name, name): value for name, value in said.items()}
    (shop / "attributes.yaml").write_text(yaml.safe_dump(said).replace("'", ""), "utf-8")
    assert {"no", "1e3"} < set(load_dataset("csv", shop).schema.names)


def test_no_picture_outside_the_folder_is_read_through_links_either(shop, tmp_path):
    Image.new("RGB", (8, 16)).save(tmp_path / "secret.png")
    (shop / "link.png").symlink_to(tmp_path / "secret.png")
    (shop / "up").symlink_to(tmp_path)
    (shop / "within.png").symlink_to(shop / "images/left/0003.png")
    os.mkfifo(shop / "pipe.png")
    table = rows(shop)
    for name, said in {
        "link.png": "leads out of", "up/secret.png": "leads out of", "pipe.png": "is no file"
    }.items():  # fmt: skip
        _edit(2, "path", name)(table)
        write(shop, table)
        assert said in complaint(shop)
    _edit(2, "path", "within.png")(table)
    write(shop, table)
    assert "within.png" in set(load_dataset("csv", shop).manifest["path"])


@pytest.mark.parametrize(
    "path", ["a/../b", "./a", "a/.", "a/", "", ".", "..", "/a", "a\\b", "c:/a", "//a", "a//b"]
)
def test_paths_that_are_not_plain(path):
    assert not inside(path)
    assert inside("a/b.png")
    assert inside("..a/b..png")


def test_what_the_file_says_of_splits_stays(shop):
    table = rows(shop)
    _insert("split", ["", "train", "val", "test"])(table)
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
    _insert("split", ["test", ""])(table)  # of each person's two pictures the second
    write(shop, table)
    assert set(load_dataset("csv", shop).manifest["split"]) == {"test"}


def test_a_part_of_the_pictures(shop):
    (shop / "images/left/0003.png").unlink()
    assert "take the line out, or read what is there" in complaint(shop)
    part = load_dataset("csv", shop, partial=True)
    assert (len(part.manifest), sum(part.missing.values()), part.partial) == (79, 1, True)
    assert len(load_dataset("csv", shop, images=False).manifest) == 80


def test_unknown_labels_are_read_said_and_not_trained_on(shop, tmp_path):
    table = rows(shop)
    _edit(1, "hat", "")(table)
    write(shop, table)
    dataset = load_dataset("csv", shop)
    assert dataset.labels[0, 0] == UNKNOWN
    assert (dataset.labels[1:] != UNKNOWN).all()
    assert "hat is unknown of 1 images of 80" in verify(dataset, {}).notes
    assert verify(dataset, {}).attributes["train"]["hat"] <= 80
    with pytest.raises(UserError, match="1 labels are unknown, such as hat of images/right/0000"):
        require_known(dataset)


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
    _edit(1, "hat", "1" if table[1][3] == "0" else "0")(table)
    write(shop, table)
    changed = load_dataset("csv:shop", shop)
    line = Run(runs[1].config, "retrieval", changed, tmp_path / "runs", runs[1].parent).protocol
    assert line != runs[1].protocol  # another label, another column


@pytest.mark.parametrize("name", ["csv:", "csv:a-b", "csv:../x", "csv:a:b", "peta:mine", "cvs:x"])
def test_names_that_are_none(name):
    with pytest.raises(UserError) as caught:
        load_dataset(name)
    assert "\n" not in str(caught.value)


def test_words_that_are_no_file_are_said_and_not_waited_for(shop):
    file = shop / "attributes.yaml"
    for make in (os.mkfifo, os.mkdir, lambda path: path.symlink_to("nowhere")):
        file.rename(shop / f"before-{make.__name__}")
        make(file)
        assert "attributes.yaml: is no file" in complaint(shop)
