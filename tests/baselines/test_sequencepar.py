"""What makes SequencePAR that method, against slow twins."""

import itertools
import math

import pytest
import torch
from methods import batch, build_method, config_of, size

from baselines.sequencepar import captions
from clear_bench.engine.building import build
from clear_bench.models.caption_decoder import Attention, sines
from clear_bench.utils.errors import UserError

END = -1  # in the slow twins; the begin word and the end word have no attribute


def lively(tmp_path, attributes=6, *, seed=0, **changes):
    """Return a model whose captions differ: words are more than a nuance apart."""
    model = build_method("sequencepar", tmp_path, attributes, seed=seed, **changes).eval()
    with torch.no_grad():
        for parameter in model.decoder.layers.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        model.decoder.write.weight *= 4
    return model


def generate(model, image):
    return model.decoder.generate(model.words(), image, model.beams)


def told(model, image, words):
    """Return log-probabilities of what follows words, in a list whose last is the end's."""
    attributes = model.attributes
    read = torch.tensor([[attributes, *words]])
    return model.decoder.teach(model.words(), read, image[None])[0, -1].tolist()


def test_captions_are_the_attributes_in_order_and_then_the_end():
    labels = torch.tensor([[0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0]]).float()
    read, written = captions(labels)
    for i, row in enumerate(labels.tolist()):
        present = [j for j, label in enumerate(row) if label]
        assert read[i, : len(present) + 1].tolist() == [4, *present]
        rest = [-100] * (written.shape[1] - len(present) - 1)
        assert written[i].tolist() == [*present, 4, *rest]
    assert read.shape == written.shape == (3, 4)
    every = captions(torch.ones(1, 4))
    assert [x.tolist() for x in every] == [[[4, 0, 1, 2, 3]], [[0, 1, 2, 3, 4]]]
    assert [x.tolist() for x in captions(torch.zeros(1, 4))] == [[[4]], [[4]]]


def test_places_are_sines_and_cosines_from_one():
    places = sines(3, 8)
    for p in range(3):
        for k in range(4):
            angle = (p + 1) / 10000 ** (2 * k / 8)
            assert places[p, 2 * k].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert places[p, 2 * k + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def naive_attention(layer, x, context, seen):
    """Attend a head, a query and a key at a time; ``seen(t)`` says how many keys query t sees."""
    width = layer.query.out_features // layer.heads
    query, key, value = layer.query(x), layer.key(context), layer.value(context)
    rows = []
    for t in range(len(x)):
        parts = []
        for h in range(layer.heads):
            own = slice(h * width, (h + 1) * width)
            scores = [float(query[t, own] @ key[n, own]) / width**0.5 for n in range(seen(t))]
            total = sum(math.exp(s) for s in scores)
            parts.append(sum(math.exp(s) / total * value[n, own] for n, s in enumerate(scores)))
        rows.append(layer.out(torch.cat(parts)))
    return torch.stack(rows)


@torch.no_grad()
def test_the_decoder_equals_loops_and_sees_no_later_word(tmp_path):
    model = lively(tmp_path)
    image, read = torch.randn(5, 128), [6, 2, 4, 0]
    x = torch.stack([
        (torch.ones(128) if w == 6 else model.read(model.phrases[w])) + model.decoder.places[t]
        for t, w in enumerate(read)
    ])  # fmt: skip
    for layer in model.decoder.layers:
        x = layer.norms[0](x + naive_attention(layer.among_words, x, x, lambda t: t + 1))
        x = layer.norms[1](x + naive_attention(layer.to_image, x, image, lambda t: 5))
        first, second = layer.feed_forward[0], layer.feed_forward[3]
        x = layer.norms[2](x + second(torch.nn.functional.gelu(first(x))))
    expected = (x @ model.decoder.write.weight.T).log_softmax(dim=1)
    fast = model.decoder.teach(model.words(), torch.tensor([read]), image[None])[0]
    torch.testing.assert_close(fast, expected, atol=1e-4, rtol=1e-4)
    changed = torch.tensor([[6, 2, 4, 5]])
    other = model.decoder.teach(model.words(), changed, image[None])[0]
    torch.testing.assert_close(other[:3], fast[:3])
    assert not torch.allclose(other[3], fast[3])


def test_attention_starts_at_xavier_without_bias():
    layer = Attention(12, 2, 5)
    bound = math.sqrt(6 / (12 + 10))
    for linear in (layer.query, layer.key, layer.value, layer.out):
        assert 0.9 * bound < linear.weight.abs().max() <= bound
        assert not linear.bias.any()


def test_the_loss_is_the_mean_over_the_batchs_words(tmp_path):
    model = lively(tmp_path)
    images, labels = batch(3, 6)
    image, costs = model.see(images), []
    for i in range(3):
        words = [j for j in range(6) if labels[i, j]]
        for t, word in enumerate([*words, END]):
            costs.append(-told(model, image[i], words[:t])[word])
    assert len(costs) == int(labels.sum()) + 3
    loss = model.loss(images, labels)["loss"]
    assert loss.item() == pytest.approx(sum(costs) / len(costs), rel=1e-4)


def naive_search(model, image, beams):
    """Keep the best captions in lists, as the released code's rules are read; no caches."""
    live, done = [(0.0, [])], []
    for _ in range(model.attributes):
        candidates = [
            (score + p, words, j if j < model.attributes else END)
            for score, words in live
            for j, p in enumerate(told(model, image, words))
        ]
        candidates = sorted(candidates, key=lambda c: -c[0])[: 2 * beams]
        live = []
        for rank, (score, words, word) in enumerate(candidates):
            if word == END and rank < beams:
                done.append((score, words, True))
            elif word != END and len(live) < beams:
                live.append((score, [*words, word]))
        done = sorted(done, key=lambda c: -c[0])[:beams]
        if len(done) == beams and done[-1][0] >= candidates[0][0]:
            live = []
            break
    done += [(score, words, False) for score, words in live]
    _, words, ended = max(done, key=lambda c: c[0])
    steps = [told(model, image, words[:t]) for t in range(len(words) + ended)]
    chance = [max(math.exp(step[j]) for step in steps) for j in range(model.attributes)]
    return words, chance


@torch.no_grad()
@pytest.mark.parametrize("beams", [1, 2, 3])
def test_decoding_equals_a_search_in_lists(beams, tmp_path):
    model = lively(tmp_path, beams=beams)
    image = 3 * torch.randn(12, 4, 128)
    said, chance = generate(model, image)
    lengths = set()
    for i in range(12):
        words, expected = naive_search(model, image[i], beams)
        assert said[i].nonzero().flatten().tolist() == sorted(set(words))
        torch.testing.assert_close(chance[i], torch.tensor(expected), atol=1e-5, rtol=1e-3)
        lengths.add(len(words))
    assert len(lengths) > 1  # captions of several lengths were searched


@torch.no_grad()
def test_enough_beams_find_the_likeliest_caption_of_all(tmp_path):
    model = lively(tmp_path, 3, beams=27)
    image = 3 * torch.randn(4, 4, 128)
    said, _ = generate(model, image)
    for i in range(4):
        best = (-math.inf, ())
        for length in range(4):
            for words in itertools.product(range(3), repeat=length):
                score = sum(told(model, image[i], words[:t])[w] for t, w in enumerate(words))
                if length < 3:  # a caption of all places needs no end
                    score += told(model, image[i], words)[END]
                best = max(best, (score, words))
        assert said[i].nonzero().flatten().tolist() == sorted(set(best[1]))


def test_a_threshold_of_a_half_gives_the_captions_own_decisions(tmp_path):
    model = lively(tmp_path)
    images, _ = batch(6, 6)
    said, chance = generate(model, model.see(images))
    _, probabilities = model(images, None, None)
    assert torch.equal(probabilities > 0.5, said)
    assert said.any() and not said.all()
    torch.testing.assert_close(probabilities, (said + chance) / 2, atol=1e-5, rtol=1e-4)


def test_the_text_is_frozen_and_the_paper_has_clip_and_six_layers(tmp_path):
    model = build_method("sequencepar", tmp_path)
    assert "phrases" not in dict(model.named_parameters())
    assert torch.equal(model.words()[-1], torch.ones(128))
    with torch.device("meta"):
        paper = build(config_of("sequencepar", tmp_path, 35, profile="paper"))
    assert round(size(paper.vit.trunk) / 1e6) == 303
    heads, width = 8 * 64, 768
    attention = 3 * (width + 1) * heads + (heads + 1) * width
    feed_forward = (width + 1) * 2048 + (2048 + 1) * width
    assert size(paper.decoder.layers) == 6 * (2 * attention + feed_forward + 3 * 2 * width)
    assert paper.decoder.write.weight.shape == (36, width) and paper.decoder.write.bias is None


def test_no_beam_is_refused(tmp_path):
    with pytest.raises(UserError, match="beams=0, must be at least 1"):
        build_method("sequencepar", tmp_path, beams=0)
