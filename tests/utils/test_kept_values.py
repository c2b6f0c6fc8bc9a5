"""Values that are kept from one command to the next: equal to the last bit, or made anew."""

import math

import pytest

from clear_bench.utils import kept_values
from clear_bench.utils.kept_values import kept, kept_in


def ask(key, value, made):
    return kept(lambda: key, lambda: made.append(key) or value)


def test_a_value_is_made_once_and_is_the_same_to_the_last_bit(tmp_path):
    file, made = tmp_path / "values.json", []
    value = {"p": [0.1 + 0.2, 5e-324, 1e300, None], "ä": True}
    for _ in range(3):
        with kept_in(file):
            assert ask(["a", 1], value, made) == value
            assert ask(["a", 2], "other", made) == "other"
    assert made == [["a", 1], ["a", 2]]
    assert [f.name for f in tmp_path.iterdir()] == ["values.json"]


def test_outside_everything_is_made(tmp_path):
    made = []
    for _ in range(2):
        ask(["a"], 1, made)
    with kept_in(tmp_path / "values.json"):
        ask(["a"], 1, made)
    assert made == [["a"]] * 3


def test_what_json_cannot_hold_is_not_kept(tmp_path):
    file, made = tmp_path / "values.json", []
    for _ in range(2):
        with kept_in(file):
            assert math.isnan(ask(["a"], float("nan"), made))
    assert made == [["a"], ["a"]]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"sha256": "0", "values": {}}', "\0", "changed"]
)
def test_a_damaged_file_is_said_and_made_again(tmp_path, capsys, content):
    file, made = tmp_path / "values.json", []
    with kept_in(file):
        ask(["a"], 12345, made)
    whole = file.read_text()
    file.write_text(whole.replace("12345", "12346") if content == "changed" else content)
    with kept_in(file):
        assert ask(["a"], 12345, made) == 12345
    assert str(file) in capsys.readouterr().err
    assert file.read_text() == whole
    assert made == [["a"], ["a"]]


def test_what_was_of_use_last_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_values, "MOST", 2)
    file, made = tmp_path / "values.json", []
    with kept_in(file):
        for key in (1, 2, 1, 3):
            ask(key, key, made)
    with kept_in(file):
        for key in (1, 3, 2):
            ask(key, key, made)
    assert made == [1, 2, 3, 2]


def test_what_was_made_before_an_error_is_kept(tmp_path):
    file, made = tmp_path / "values.json", []
    with pytest.raises(ZeroDivisionError), kept_in(file):
        ask("a", 1, made)
        raise ZeroDivisionError
    with kept_in(file):
        ask("a", 1, made)
    assert made == ["a"]


def test_where_nothing_can_be_written_it_is_said(tmp_path, capsys):
    (tmp_path / "folder").write_text("is a file")
    file = tmp_path / "folder/values.json"
    with kept_in(file):
        assert ask("a", 1, []) == 1
    assert f"{file}: not kept (" in capsys.readouterr().err
