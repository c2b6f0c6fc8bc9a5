"""What .ci/site.py finds wrong with a built site."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site():
    spec = importlib.util.spec_from_file_location("site_check", ROOT / ".ci/site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_whole_site_has_nothing_wrong(site, tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="x">..</p><a href="b.html#y">b</a><a href="#x">x</a><a href="https://c.org">c</a>'
        '<img src="d.png"><link rel="stylesheet" href="s.css">'
    )
    (tmp_path / "b.html").write_text('<h2 id="y">y</h2><a href="a.html">a</a>')
    (tmp_path / "d.png").write_bytes(b"")
    (tmp_path / "s.css").write_text("p { background: url(d.png) }")
    assert site.wrong(tmp_path) == []


@pytest.mark.parametrize(
    "text, words",
    [
        ('<a href="b.html">', "no such file: b.html"),
        ('<a href="#x">', "no such place: #x"),
        ('<a href="a.html#x">', "no such place: a.html#x"),
        ('<a href="http://">', "no address: http://"),
        ('<a href="javascript:x">', "no address: javascript:x"),
        ('<img src="b.png">', "no such file: b.png"),
        ('<script src="https://cdn.org/x.js"></script>', "loads https://cdn.org/x.js"),
        ('<link href="//fonts.org/f.css">', "loads //fonts.org/f.css"),
    ],
)
def test_what_leads_nowhere_is_named(site, tmp_path, text, words):
    (tmp_path / "a.html").write_text(text)
    assert site.wrong(tmp_path) == [f"a.html: {words}"]


def test_a_style_that_loads_from_a_network(site, tmp_path):
    (tmp_path / "a.html").write_text("<p>")
    (tmp_path / "s.css").write_text("@import 'https://fonts.org/f.css'; p {background: url(//x.y)}")
    assert site.wrong(tmp_path) == ["s.css: loads //x.y", "s.css: loads https://fonts.org/f.css"]


def test_an_empty_site_is_wrong(site, tmp_path):
    assert len(site.wrong(tmp_path)) == 1
