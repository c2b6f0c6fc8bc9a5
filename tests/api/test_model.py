"""``clear_bench.load``: the numbers of the commands, whatever form images have, in threads."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from calling import call
from PIL import Image

import clear_bench
from clear_bench import predict
from clear_bench.search.__main__ import app as search_app

QUERY = "gender=female, hat=no"


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """A folder of five pictures of the network's own size, and their pixels."""
    folder = tmp_path_factory.mktemp("api") / "crops"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 32, 3), dtype=np.uint8)
    for number, each in enumerate(pixels):
        Image.fromarray(each).save(folder / f"{number}.png")
    return folder, pixels


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return clear_bench.load(trained.records[1].run_id, runs=trained.root, cache=cache)


@pytest.fixture(scope="module")
def expected(model, crops):
    return model.predict(crops[0], arrays=True)


def test_predict_says_what_the_command_says(model, crops, trained, here, monkeypatch, capsys):
    words = ["--run", trained.records[0].run_id, "--runs", str(trained.root), str(crops[0])]
    assert call(monkeypatch, predict.app, *words, "--format=parquet", "--out=a.parquet") == 0
    theirs = pd.read_parquet("a.parquet").set_index("image")
    table = model.predict(crops[0])
    pd.testing.assert_frame_equal(table, theirs)
    capsys.readouterr()
    assert call(monkeypatch, predict.app, *words, "--format=csv", "--all") == 0
    present = table > model.threshold
    for row in csv.DictReader(io.StringIO(capsys.readouterr().out)):
        assert row["present"] == str(present.loc[row["image"], row["attribute"]])


FORMS = {
    "path": lambda folder, pixels: [folder / f"{k}.png" for k in range(5)],
    "pattern": lambda folder, pixels: f"{folder}/*.png",
    "pictures": lambda folder, pixels: [Image.open(folder / f"{k}.png") for k in range(5)],
    "uint8": lambda folder, pixels: pixels,
    "float": lambda folder, pixels: pixels.astype(np.float32) / 255,
    "list": lambda folder, pixels: (each for each in pixels),
    "torch": lambda folder, pixels: torch.from_numpy(pixels).permute(0, 3, 1, 2),
    "torch float": lambda folder, pixels: torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255,
    "mixed": lambda folder, pixels: [
        str(folder / "0.png"), pixels[1], Image.fromarray(pixels[2]),
        torch.from_numpy(pixels[3]).permute(2, 0, 1).double() / 255, folder / "4.png",
    ],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_images_gives_the_same_numbers(model, crops, expected, form):
    table = model.predict(FORMS[form](*crops))
    assert np.array_equal(table.to_numpy(), expected)
    assert list(table.columns) == model.attributes
    assert table.index.name == "image"
    if form == "mixed":
        assert list(table.index) == [f"{crops[0]}/0.png", 1, 2, 3, f"{crops[0]}/4.png"]
    elif form not in ("path", "pattern"):
        assert list(table.index) == [0, 1, 2, 3, 4]


def test_one_image_is_one_row_and_none_are_none(model, crops, expected):
    folder, pixels = crops
    for one in (pixels[0], Image.fromarray(pixels[0]), folder / "0.png"):
        found = model.predict(one, arrays=True)
        assert found.dtype == np.float32
        assert found[0] == pytest.approx(expected[0], abs=1e-6)
    assert model.predict([]).shape == (0, len(model.attributes))


def test_any_size_is_resized_as_a_file_is(model, here):
    large = np.random.default_rng(1).integers(0, 256, (211, 97, 3), dtype=np.uint8)
    Image.fromarray(large).save("large.png")
    assert np.array_equal(
        model.predict("large.png", arrays=True), model.predict(large, arrays=True)
    )


WRONG = {
    "type": (lambda p: 3, "a int: images are paths"),
    "bytes": (lambda p: b"x", "a bytes: images are paths"),
    "member": (lambda p: [p[0], None], "image 1: a NoneType: images are"),
    "axes": (lambda p: p[0, 0], r"an array \(32, 3\): images are"),
    "numpy as torch": (lambda p: p[0].transpose(2, 0, 1), r"image 0: an array \(3, 64, 32\)"),
    "torch as numpy": (lambda p: torch.from_numpy(p), r"image 0: an array \(64, 32, 3\)"),
    "grey": (lambda p: p[..., :1], r"image 0: an array \(64, 32, 1\)"),
    "empty": (lambda p: p[:, :0], r"image 0: an array \(0, 32, 3\)"),
    "batch in list": (lambda p: [p], r"a batch \(5, 64, 32, 3\) in a list"),
    "integers": (lambda p: p.astype(np.int64), "image 0: int64; arrays are uint8"),
    "range": (lambda p: p.astype(np.float32), "float32 from 0 to 255; floats go from 0 to 1"),
    "normalised": (lambda p: p / 128.0 - 1, "float64 from -1 to .*; floats go from 0 to 1"),
    "nan": (lambda p: np.full((4, 4, 3), np.nan), "from nan to nan; floats go"),
    "none": (lambda p: "nowhere.png", "nowhere.png: no such image"),
    "32 bits": (lambda p: Image.new("I", (3, 3)), "image 0: has 32-bit pixels"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_image_is_refused_in_one_line(model, crops, kind):
    make, message = WRONG[kind]
    with pytest.raises(clear_bench.UserError, match=message):
        model.predict(make(crops[1]))


def test_a_broken_file_is_refused(model, here):
    (here / "a.png").write_bytes(b"broken")
    with pytest.raises(clear_bench.UserError, match=r"a\.png: not a readable image"):
        model.predict(["a.png"])


def test_search_ranks_as_the_command_does(model, crops, trained, here, monkeypatch):
    words = ["--run", model.run_id, "--runs", str(trained.root), "--gallery", str(crops[0])]
    assert call(monkeypatch, search_app, *words, "--attributes", QUERY, "--out=o") == 0
    table = model.search(crops[0], QUERY)
    with (here / "o/ranking.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [r["file"] for r in rows] == list(table["file"])
    assert [r["score"] for r in rows] == [f"{score:.6g}" for score in table["score"]]
    assert [r["attributes"] for r in rows] == [";".join(names) for names in table["attributes"]]
    assert list(table["rank"]) == [1, 2, 3, 4, 5]
    assert table.attrs["reading"].startswith("query: ")
    assert table.attrs["unreadable"] == []


def test_a_score_is_the_dot_product_of_embeddings(model, crops):
    images = model.embed_images(crops[0])
    assert np.linalg.norm(images, axis=1) == pytest.approx(1, abs=1e-5)
    asked = {"attributes": (QUERY, model.embed_attributes), "text": ("no hat", model.embed_text)}
    for name, (query, embed) in asked.items():
        table = model.search(crops[0], **{name: query}).sort_values("file")
        found = images @ embed([query, query]).T
        assert found[:, 0] == pytest.approx(table["score"].to_numpy(), abs=1e-5)
        assert np.array_equal(found[:, 0], found[:, 1])
        assert np.array_equal(embed(query)[0], embed([query])[0])


def test_full_vectors_are_embedded_as_the_words_that_say_all_of_them(model, trained):
    vectors = np.load(trained.runs[1].folder / "predictions.npz")["vectors"][:3]
    found = model.embed_attributes(vectors)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    said = [", ".join(f"{n}={'yes' if v else 'no'}" for n, v in zip(model.attributes, vector,
            strict=True)) for vector in vectors]  # fmt: skip
    assert found == pytest.approx(model.embed_attributes(said, unspecified="absent"), abs=1e-6)
    assert model.embed_attributes([]).shape == (0, found.shape[1])
    with pytest.raises(clear_bench.UserError, match="must be 0 and 1"):
        model.embed_attributes(vectors + 1)


def test_threads_share_a_model(trained, crops, expected, tmp_path):
    fresh = clear_bench.load(trained.records[1].run_id, runs=trained.root, cache=tmp_path)
    alone = [fresh.predict(crops[1][[k]], arrays=True) for k in range(5)]
    fresh = clear_bench.load(trained.records[1].run_id, runs=trained.root, cache=tmp_path)
    with ThreadPoolExecutor(8) as pool:  # the first one loads the network
        ranked = [pool.submit(fresh.search, crops[0], QUERY) for _ in range(3)]
        numbers = [k % 5 for k in range(40)]
        found = pool.map(lambda k: fresh.predict(crops[1][[k]], arrays=True), numbers)
        for number, probabilities in zip(numbers, found, strict=True):
            assert np.array_equal(probabilities, alone[number])
        tables = [future.result() for future in ranked]
    assert all(table["score"].equals(tables[0]["score"]) for table in tables)


def test_a_recognition_run_predicts_and_does_not_search(trained, crops, expected):
    opened = clear_bench.load(trained.records[0].run_id, runs=trained.root)
    assert opened.task == "recognition"
    assert "clear-recognition" in repr(opened)
    assert np.array_equal(opened.predict(crops[0], arrays=True), expected)
    for ask in (lambda: opened.search(crops[0], QUERY), lambda: opened.embed_text("a hat")):
        with pytest.raises(clear_bench.UserError, match="takes a retrieval run"):
            ask()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m, folder: m.search(folder), "give either attributes or text"),
        (lambda m, folder: m.search(folder, "hat", text="a hat"), "give either"),
        (lambda m, folder: m.search(folder / "none", "hat"), "no such folder"),
        (lambda m, folder: m.search(folder, "hta"), "unknown attribute 'hta'; did you mean hat"),
        (lambda m, folder: m.embed_attributes("hat", unspecified="no"), "unknown rule"),
        (lambda m, folder: m.embed_text([""]), "give either"),
    ],
)
def test_a_wrong_query_is_one_line(model, crops, ask, message):
    with pytest.raises(clear_bench.UserError, match=message):
        ask(model, crops[0])
