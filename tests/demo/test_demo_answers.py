"""What the demo answers: the same as predict and search say, and nothing is kept."""

import base64
import io
import json

import numpy as np
import pytest
from demo_client import app_of
from foreign_files import pictures
from PIL import Image

from clear_bench.data.images import read_image
from clear_bench.demo import answers
from clear_bench.demo.work import KEPT
from clear_bench.engine.inference import encode
from clear_bench.training.trained_model import open_model


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def client(trained, market, cache):
    return app_of(trained, market, cache).test_client()


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def picture():
    return png(np.random.default_rng(0).integers(0, 256, (90, 40, 3), dtype=np.uint8))


def inside(address):
    """Return the picture that an address holds."""
    head, _, data = address.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_picture_has_the_probabilities_of_predict(client, trained, picture, tmp_path):
    recognition = trained.records[0]
    answer = client.post(f"/recognise/{recognition.run_id}", data=picture).json
    (tmp_path / "a.png").write_bytes(picture)
    opened = open_model(recognition.run_id, trained.root)
    pixels = read_image(tmp_path / "a.png", opened.image_size)
    (wanted,) = encode(opened.model, pixels[None].copy(), np.arange(1))[1]
    found = {each["name"]: each["probability"] for each in answer["attributes"]}
    assert found == pytest.approx(dict(zip(opened.schema.names, wanted.tolist(), strict=True)))
    values = [each["probability"] for each in answer["attributes"]]
    assert values == sorted(values, reverse=True)
    for each in answer["attributes"]:
        assert each["present"] == (each["probability"] > each["threshold"])
    assert inside(answer["picture"]).size == (40, 90)
    assert [m["title"] for m in answer["maps"]] == list(answers.MAPS.values())
    assert {inside(m["picture"]).size for m in answer["maps"]} == {(128, 256)}
    assert answer["note"] == ""


def test_pictures_of_several_formats_are_read_and_nothing_is_kept(
    client, trained, cache, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    before = sorted(cache.rglob("*"))
    for content in pictures()[::6]:  # the reader of all of them has tests of its own
        answer = client.post(f"/recognise/{trained.records[0].run_id}", data=content)
        assert answer.status_code == 200, answer.json
    assert sorted(cache.rglob("*")) == before
    assert not list(tmp_path.iterdir())


BOMB = png(np.zeros((1, 1), np.uint8)).replace(
    (1).to_bytes(4, "big") * 2, (60_000).to_bytes(4, "big") * 2
)


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS-Adobe-3.0 EPSF-3.0\n",
     b"<script>alert(1)</script>", png(np.zeros((9, 9, 3), np.uint8))[:42], BOMB],
    ids=["empty", "svg", "postscript", "html", "cut", "bomb"],
)  # fmt: skip
def test_what_is_no_picture_is_one_line(client, trained, content):
    answer = client.post(f"/recognise/{trained.records[0].run_id}", data=content)
    assert answer.status_code == 400
    assert answer.json["error"].startswith("the picture: ")
    assert "\n" not in answer.json["error"]


def test_a_file_that_is_too_large_is_not_read(client, trained, monkeypatch):
    monkeypatch.setitem(client.application.config, "MAX_CONTENT_LENGTH", 1000)
    answer = client.post(f"/recognise/{trained.records[0].run_id}", data=bytes(1001))
    assert answer.status_code == 413
    assert "make it smaller" in answer.json["error"]


def said(schema, vector):
    return dict(zip(schema.names, vector.astype(bool).tolist(), strict=True))


def test_a_ranking_is_the_runs_own(client, trained):
    run, record = trained.runs[1], trained.records[1]
    kept = np.load(run.folder / "predictions.npz")
    vector = kept["vectors"][0]
    asked = {"run": record.run_id, "attributes": said(run.dataset.schema, vector)}
    answer = client.post("/search", json=asked).json
    manifest = run.dataset.manifest
    scores = {
        manifest["path"][row]: sum(float(a) * float(b) for a, b in zip(image, kept["queries"][0],
                                                                     strict=True))
        for row, image in zip(kept["rows"], kept["images"], strict=True)
    }  # fmt: skip
    hits = {hit["file"]: hit["score"] for hit in answer["hits"]}
    assert len(hits) == min(answers.TOP, answer["images"])
    for file in set(hits) & set(scores):  # the run's own gallery leaves out some
        assert hits[file] == pytest.approx(scores[file], abs=1e-5)
    assert len(set(hits) & set(scores)) > len(hits) / 2
    assert [hit["rank"] for hit in answer["hits"]] == list(range(1, len(hits) + 1))
    assert list(hits.values()) == sorted(hits.values(), reverse=True)
    by_path = manifest.drop_duplicates("path").set_index("path")
    true = {file: (by_path.loc[file, run.dataset.schema.names] == vector).all() for file in hits}
    assert {hit["file"]: hit["right"] for hit in answer["hits"]} == true
    test = manifest[manifest["split"] == "test"].drop_duplicates("path")
    assert answer["images"] == len(test)
    assert answer["right"] == (test[run.dataset.schema.names] == vector).all(axis=1).sum()


def test_what_a_query_became(client, trained):
    run, record = trained.runs[1], trained.records[1]
    name = run.dataset.schema.names[0]
    asked = {"run": record.run_id, "attributes": {name: True}}
    query = client.post("/search", json=asked).json["query"]
    table = np.load(run.folder / "table.npz")
    fits = table["vectors"][:, 0] == 1
    mean = np.average(table["vectors"][fits], axis=0, weights=table["counts"][fits])
    assert [each["share"] for each in query["vector"]] == pytest.approx(mean.tolist(), abs=1e-6)
    assert next(each["name"] for each in query["vector"] if each["said"]) == name
    assert query["stands_for"] == fits.sum()
    assert query["reading"].startswith(f"query: {name}; the ")
    assert (query["encoder"], query["descriptions"]) == ("", [])  # the tiny one reads no text
    absent = client.post("/search", json={**asked, "unspecified": "absent"}).json["query"]
    assert sum(each["share"] for each in absent["vector"]) == 1


@pytest.mark.parametrize(
    "body, words",
    [
        (b"{", "no query"),
        (b'{"run": 1}', "no query"),
        (b'{"run": "RUN", "more": 1}', "no query"),
        (b'{"run": "RUN"}', "nothing is asked"),
        (b'{"run": "RUN", "text": "x", "attributes": {"hat": true}}', "nothing is asked"),
        (b'{"run": "nope", "text": "x"}', "unknown retrieval run 'nope'"),
        (b'{"run": "RUN", "attributes": {"hut": true}}', "did you mean hat"),
        (b'{"run": "RUN", "attributes": {"hat": true}, "unspecified": "x"}', "unknown rule"),
        (b'{"run": "RUN", "text": "<b>zebra</b>"}', "reads no text"),
        (b'{"run": "RUN", "attributes": {"upred": true, "upblue": true}}', "contradicts"),
        (b'{"run": "RUN", "text": "' + b"x" * 1001 + b'"}', "no query"),
        (b"[" * 100_000, "no query"),
    ],
)
def test_a_query_that_means_nothing_is_one_line(client, trained, body, words):
    sent = body.replace(b"RUN", trained.records[1].run_id.encode())
    answer = client.post("/search", data=sent)
    assert answer.status_code == 400
    assert words in answer.json["error"]
    assert "\n" not in answer.json["error"]


def test_pictures_of_the_gallery(client, trained):
    recognition, retrieval = (record.run_id for record in trained.records)
    run = trained.runs[1]
    name = run.dataset.manifest["path"][run.dataset.rows("test")[3]]
    shown = Image.open(io.BytesIO(client.get(f"/picture/{retrieval}/3").data))
    original = run.dataset.root / name
    with Image.open(original) as there:
        assert np.array_equal(np.asarray(shown), np.asarray(there.convert("RGB")))
    one = client.post(f"/recognise/{recognition}/{retrieval}/3").json
    assert one == client.post(f"/recognise/{recognition}", data=original.read_bytes()).json
    assert client.post(f"/recognise/{recognition}/{retrieval}/any").json["attributes"]
    for row in ("-1", "999999", "..", "x", "9" * 5000):
        answer = client.get(f"/picture/{retrieval}/{row}")
        assert answer.status_code in (400, 404)
        assert "no such" in answer.json["error"]


def test_what_can_be_chosen(client, trained):
    about = client.get("/about").json
    assert [each["id"] for each in about["recognition"]] == [trained.records[0].run_id]
    (gallery,) = about["galleries"]
    assert gallery["title"] == "market1501, test split"
    assert gallery["runs"] == [{"id": trained.records[1].run_id, "title": "CLEAR (smoke, seed 0)"}]
    assert [a["name"] for a in gallery["attributes"]] == trained.runs[1].dataset.schema.names
    assert KEPT > 1


def test_a_folder_of_ones_own_has_no_labels(trained, market, cache, tmp_path, picture):
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops/<b>.png").write_bytes(picture)
    (tmp_path / "crops/bad.png").write_bytes(b"no")
    own = app_of(trained, market, cache, tmp_path / "crops").test_client()
    asked = {"run": trained.records[1].run_id, "attributes": {"hat": True}}
    answer = own.post("/search", json=asked).json
    assert [hit["file"] for hit in answer["hits"]] == ["<b>.png"]
    assert (answer["right"], answer["hits"][0]["right"]) == (None, None)
    assert answer["unreadable"] == 1
    assert own.get("/about").json["galleries"][0]["title"].startswith("crops, by the attributes")


def test_a_bug_keeps_its_traceback_to_itself(client, trained, monkeypatch, caplog):
    monkeypatch.setattr(answers, "recognised", lambda *_: 1 / 0)
    answer = client.post(f"/recognise/{trained.records[0].run_id}", data=b"x")
    assert answer.status_code == 500
    assert json.dumps(answer.json).count("ZeroDivisionError") == 0
    assert "ZeroDivisionError" in caplog.text
