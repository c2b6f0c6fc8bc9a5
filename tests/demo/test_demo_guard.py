"""Who may ask the demo, how it begins and ends, and that its page is whole."""

import re
import socket
import threading
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from calling import call
from demo_client import app_of
from fake_runs import fake_pair

from clear_bench.demo import __main__ as demo
from clear_bench.demo.at_hand import MAKE, runs_at_hand
from clear_bench.demo.server import PAGE, listening
from clear_bench.utils.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def client(trained, market, tmp_path_factory):
    return app_of(trained, market, tmp_path_factory.mktemp("guard")).test_client()


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1:8000", "[::1]:9", "192.168.0.9:80"])
def test_an_address_of_ours_is_answered(client, host):
    assert client.get("/about", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:80", "127.0.0.1.nip.io", "a b"]
)
def test_a_name_that_leads_here_is_not(client, host):
    for path in ("/", "/about", "/style.css"):
        assert client.get(path, headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"},
     {"Origin": "http://evil.example"}, {"Origin": "http://localhost:1"}],
    ids=str,
)  # fmt: skip
def test_another_site_makes_it_do_nothing(client, trained, headers):
    recognise = client.post(f"/recognise/{trained.records[0].run_id}", data=b"x", headers=headers)
    assert (recognise.status_code, recognise.json["error"]) == (403, "asked by another site")
    assert client.post("/search", data=b"{}", headers=headers).status_code == 403
    assert client.get("/about", headers=headers).status_code == 403


def test_the_page_itself_may_ask_and_a_link_may_lead_to_it(client):
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
    assert client.get("/about", headers=own).status_code == 200
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    assert client.get("/", headers={"Sec-Fetch-Site": "none"}).status_code == 200


def test_nobody_may_embed_or_read_it(client):
    for path in ("/", "/about", "/nothing"):
        headers = client.get(path).headers
        assert "Access-Control-Allow-Origin" not in headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"
    assert client.options("/about", headers={"Origin": "http://evil.example"}).status_code == 403


def test_the_page_is_whole_goes_into_a_wheel_and_needs_no_network(client):
    folder = files("clear_bench.demo").joinpath("page")
    assert {file.name for file in folder.iterdir()} == set(PAGE)
    package_data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert package_data["package-data"]["clear_bench.demo"] == ["page/*"]
    for name in PAGE:
        answer = client.get("/" if name == "index.html" else f"/{name}")
        assert answer.status_code == 200
        assert not re.search(r"(https?:)?//[a-z]|innerHTML|insertAdjacent|eval\(", answer.text)
        for used in re.findall(r"""(?:src|href|from)[= ]["'](?:\./)?([a-z.]+)["']""", answer.text):
            assert used in PAGE
    for path in ("/server.py", "/..%2fserver.py", "/page/index.html", "/../../README.md"):
        assert client.get(path).status_code in (403, 404)


def test_without_runs_one_line_says_what_makes_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, demo.app) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert (
        f"runs: no finished run of a recipe whose numbers count; make some in a few minutes: {MAKE}"
        in said
    )


def test_which_runs_are_shown(tmp_path):
    pair = fake_pair(tmp_path, "clear")
    changed = fake_pair(tmp_path, "clear", seed=1)
    assert len(runs_at_hand(tmp_path, [])) == 2  # the newest of each task
    named = runs_at_hand(tmp_path, ["clear"])
    assert {each.record.task for each in named.values()} == {"recognition", "retrieval"}
    retrieval = next(r for r in (*pair, *changed) if getattr(r, "task", "") == "retrieval")
    with_parent = runs_at_hand(tmp_path, [retrieval.run_id])
    assert set(with_parent) == {retrieval.run_id, retrieval.parent}
    with pytest.raises(UserError, match="no such finished run"):
        runs_at_hand(tmp_path, ["nope"])


def test_a_port_that_is_taken_is_one_line_and_a_free_one_answers(client):
    server = listening(client.application, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with pytest.raises(UserError, match=f"--port {server.port}: .*; --port 0 takes a free one"):
            listening(client.application, "127.0.0.1", server.port)
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
            line.sendall(b"GET /about HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 403")
    finally:
        server.shutdown()
        thread.join()
    with pytest.raises(UserError, match=r"--host 203\.0\.113\.7"):
        listening(client.application, "203.0.113.7", 0)


def test_ctrl_c_ends_it(trained, market, tmp_path, monkeypatch, capsys):
    def stopped(self, poll_interval):
        raise KeyboardInterrupt

    monkeypatch.setattr("socketserver.BaseServer.serve_forever", stopped)
    words = ["--run", trained.records[1].run_id, "--runs", str(trained.root)]
    assert call(monkeypatch, demo.app, *words, "--cache", str(tmp_path)) == 0
    said = capsys.readouterr()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+ shows 2 runs; Ctrl-C ends it\n", said.out)
