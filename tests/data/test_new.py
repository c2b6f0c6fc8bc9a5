"""``data new``: both files of one's own data, from pictures alone or from another annotation."""

import csv

import numpy as np
import pytest
from calling import call
from own_data import labels_of, write_pictures
from releases import RELEASES

from clear_bench.data import __main__ as command
from clear_bench.data.load import load_dataset
from clear_bench.data.new import begin
from clear_bench.utils.errors import UserError


def table(root):
    with (root / "labels.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def test_pictures_alone(tmp_path, monkeypatch, capsys):
    paths = write_pictures(tmp_path / "Größe", 6)
    (tmp_path / "Größe/Thumbs.db").touch()
    root = tmp_path / "Größe"
    assert call(monkeypatch, command.app, "new", str(root), "--attributes=hat, red_top") == 0
    assert "6 pictures, 2 attributes" in capsys.readouterr().out
    assert [row["path"] for row in table(root)] == sorted(paths)
    assert {tuple(row.values())[1:] for row in table(root)} == {("",) * 5}
    assert call(monkeypatch, command.app, "verify", "csv", f"--data-root={root}") == 2
    assert "column 'hat' is empty; fill it in" in capsys.readouterr().err
    assert call(monkeypatch, command.app, "new", str(root)) == 2
    assert "is there already, nothing was written" in capsys.readouterr().err
    file = root / "labels.csv"
    file.write_text(file.read_text("utf-8").replace(",,,,,", ",,,,1,0"), "utf-8")
    dataset = load_dataset("csv", root)
    assert dataset.labels.tolist() == [[1, 0]] * 6
    assert dataset.schema.attributes[0].present == "a hat"


def test_usual_attributes_where_none_is_named(tmp_path):
    write_pictures(tmp_path, 3)
    assert begin(tmp_path)[:2] == (3, 5)
    assert list(table(tmp_path)[0])[4:] == ["female", "long_hair", "hat", "backpack", "bag"]


@pytest.mark.parametrize(
    ("separator", "ending"), [(",", "\n"), (";", "\r\n"), ("\t", "\n"), ("|", "\n")]
)
def test_a_table_with_names_of_its_own(tmp_path, separator, ending):
    paths = write_pictures(tmp_path, 6)
    colours = ["red", "dark blue", "", "red", "red", "dark blue"]
    lines = [["ID", "image", "subset", "hat", "backpack", "top", "score"]]
    for k, path in enumerate(paths):
        name = path.rpartition("/")[2]
        split = ["Train", "validation", "test"][k % 3]
        lines.append([f"p{k // 2}", name, split, ["yes", "no"][k % 2], ["1.0", ""][k % 2],
                      colours[k], f"0.{k}"])  # fmt: skip
    file = tmp_path / "mine.tsv"
    file.write_text("".join(separator.join(line) + ending for line in lines), "utf-8-sig")
    count, attributes, said = begin(tmp_path, str(file), ["bag"])
    assert (count, attributes) == (6, 5)
    assert said == [
        "column 'image' is path", "column 'subset' is split", "column 'ID' is person",
        "column 'top' becomes 2 attributes that exclude each other",
        "column 'score' is left out: numbers, neither yes or no nor a few kinds",
    ]  # fmt: skip
    rows = table(tmp_path)
    assert [row["path"] for row in rows] == paths
    assert [row["split"] for row in rows] == ["train", "val", "test"] * 2
    assert [row["person"] for row in rows] == ["p0", "p0", "p1", "p1", "p2", "p2"]
    assert [row["hat"] for row in rows] == ["1", "0"] * 3
    assert [row["backpack"] for row in rows] == ["1", ""] * 3
    assert [row["top_red"] for row in rows] == ["1", "0", "", "1", "1", "0"]
    assert [row["bag"] for row in rows] == [""] * 6
    for row in rows:
        row["bag"] = "1"
    with (tmp_path / "labels.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    dataset = load_dataset("csv", tmp_path)
    top = dataset.schema.attributes[dataset.schema.index("top_dark_blue")]
    assert (top.group, top.present) == ("top", "dark blue top")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "no column is called as pictures are"),
        ("file,hat\nx.png,1\n", "line 2: x.png: no such picture"),
        ("file,hat\n../0000.png,1\nimages/right/0000.png,1\n", "attribute|doubled|"),
        ("file,set,hat\n0000.png,dev,1\n", "line 2: split 'dev', must be"),
        ("file,age\n0000.png,12\n", "no column is an attribute"),
        ("", "is empty"),
    ],
)
def test_tables_that_cannot_be_taken(tmp_path, text, said):
    write_pictures(tmp_path, 2)
    (tmp_path / "t.csv").write_text(text)
    if "../" in text:  # the last part is looked for among the pictures, nowhere else
        begin(tmp_path, str(tmp_path / "t.csv"))
        assert {row["path"] for row in table(tmp_path)} == {"images/right/0000.png"}
        return
    with pytest.raises(UserError, match=said):
        begin(tmp_path, str(tmp_path / "t.csv"))
    assert not (tmp_path / "labels.csv").exists()
    assert not (tmp_path / "attributes.yaml").exists()


@pytest.mark.parametrize("name", ["market1501", "pa100k", "csv"])
def test_a_release_becomes_ones_own_with_the_same_labels_splits_and_words(
    tmp_path, monkeypatch, name
):
    root = RELEASES[name].make(tmp_path / name, monkeypatch)
    before = load_dataset(name, root)
    for file in ("labels.csv", "attributes.yaml"):
        if (root / file).exists():
            with pytest.raises(UserError, match="is there already"):
                begin(root, name)
            return
    begin(root, name)
    after = load_dataset("csv", root)
    assert after.schema == before.schema
    np.testing.assert_array_equal(after.labels, before.labels)
    assert after.manifest.equals(before.manifest)
    assert after.signed[0] == "split:given"


@pytest.mark.parametrize("name", ["=cmd.png", "@x.png", "a\nb.png", " a.png"])
def test_names_that_cannot_stand_in_a_table(tmp_path, name):
    write_pictures(tmp_path, 2)
    (tmp_path / name).write_bytes((tmp_path / "images/left/0001.png").read_bytes())
    with pytest.raises(UserError, match="cannot stand in a table") as caught:
        begin(tmp_path)
    assert "\n" not in str(caught.value)


def test_nothing_where_there_are_no_pictures(tmp_path):
    with pytest.raises(UserError, match="no pictures in it"):
        begin(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        begin(tmp_path / "none")
    with pytest.raises(UserError, match="unknown data set 'peeta'; did you mean peta"):
        begin(tmp_path, "peeta")


def test_labels_of_persons_are_not_constant():
    assert 0 < labels_of(40).mean() < 1
