"""One's own pictures: ``labels.csv`` and its words as nobody should write them."""

import os

import pytest
from own_data import YAML, complaint, edit, insert, rows, write
from PIL import Image

from clear_bench.data.load import load_dataset
from clear_bench.data.reading.csv_table import MOST_COLUMNS
from clear_bench.data.sets.csv import inside
from clear_bench.utils.errors import UserError

BAD = {
    "a label 2": (edit(3, "hat", "2"), "line 4: hat is '2', must be 1, 0 or empty"),
    "a label -1": (edit(3, "hat", "-1"), "line 4: hat is '-1', must be"),
    "a word": (edit(3, "hat", "yes"), "line 4: hat is 'yes', must be"),
    "a missing picture": (edit(5, "path", "no.png"), "line 6: no.png: no such picture"),
    "a double": (lambda t: t.append(list(t[2])), "is in line 3 already"),
    "above": (edit(2, "path", "../x.png"), "line 3: path '../x.png' must be relative"),
    "absolute": (edit(2, "path", "/etc/passwd"), "line 3: path '/etc/passwd' must be relative"),
    "a drive": (edit(2, "path", "C:/x.png"), "line 3: path 'C:/x.png' must be relative"),
    "backslashes": (edit(2, "path", "images\\x.png"), "must be relative"),
    "two spellings": (edit(2, "path", "images//left/0001.png"), "must be relative"),
    "no path": (edit(2, "path", ""), "line 3: path '' must be relative"),
    "the folder": (edit(2, "path", "images"), "line 3: images is no file"),
    "an unknown column": (insert("sock", "01"), "does not name the column 'sock'"),
    "a column too few": (lambda t: [r.pop() for r in t], "unknown column of labels.csv 'young'"),
    "a nameless column": (insert("", "01"), "column 12 has no name"),
    "a column twice": (insert("hat", "01"), "two columns are called 'hat'"),
    "an empty column": (insert("sock", [""]), "does not name the column 'sock'"),
    "Person": (insert("Person", ["a"]), "column 'Person': write 'person'"),
    "a bad name": (insert("a=b", "01"), "column 'a=b': an attribute's name"),
    "a bad split": (insert("split", ["tset"]), "unknown split 'tset'; did you mean test"),
    "a short row": (lambda t: t[4].pop(), "line 5: 10 cells, the header has 11"),
    "a torn person": (
        lambda t: [insert("split", [""])(t), edit(1, "split", "train")(t),
                   edit(2, "split", "test")(t), edit(3, "person", "p0")(t)],
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
        edit(2, "path", name)(table)
        write(shop, table)
        assert said in complaint(shop)
    edit(2, "path", "within.png")(table)
    write(shop, table)
    assert "within.png" in set(load_dataset("csv", shop).manifest["path"])


@pytest.mark.parametrize(
    "path", ["a/../b", "./a", "a/.", "a/", "", ".", "..", "/a", "a\\b", "c:/a", "//a", "a//b"]
)
def test_paths_that_are_not_plain(path):
    assert not inside(path)
    assert inside("a/b.png")
    assert inside("..a/b..png")


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
