"""Label2Label against slow twins."""

import math

import pytest
import torch
from methods import batch, build_method, config_of, size, with_gradient

from baselines.label2label import Layer, sine_places
from clear_bench.engine.building import build
from clear_bench.models.losses import weighted_bce
from clear_bench.utils.errors import UserError


def naive_attention(attention, query, key, value):
    """Multi-head attention of one image, one head and one query at a time."""
    d, heads = query.shape[1], attention.num_heads
    q, k, v = (
        x @ w.T + b
        for x, w, b in zip(
            (query, key, value),
            attention.in_proj_weight.chunk(3),
            attention.in_proj_bias.chunk(3),
            strict=True,
        )
    )
    rows = []
    for i in range(len(query)):
        parts = []
        for h in range(heads):
            own = slice(h * d // heads, (h + 1) * d // heads)
            weights = (k[:, own] @ q[i, own] / math.sqrt(d // heads)).softmax(dim=0)
            parts.append(weights @ v[:, own])
        rows.append(attention.out_proj(torch.cat(parts)))
    return torch.stack(rows)


def test_layer_equals_a_loop_and_places_are_on_keys_alone():
    torch.manual_seed(0)
    layer = Layer(8, 2, 0.3, image=True).eval()
    words, image, places = torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.randn(5, 8)
    with torch.no_grad():
        got = layer(words, image, image + places)
        for i in range(2):
            x = layer.norm_words(words[i])
            seen = words[i] + naive_attention(layer.words, x, x, x)
            x = layer.norm_image(seen)
            seen = seen + naive_attention(layer.image, x, image[i] + places, image[i])
            norm, wide, gelu, _, back, _ = layer.feed
            torch.testing.assert_close(got[i], seen + back(gelu(wide(norm(seen)))))
    assert layer.feed[1].out_features == 8  # the feed-forward net is as wide as the words
    assert Layer(8, 2, 0.1, image=False).image is None


def test_places_by_hand():
    places = sine_places((3, 2), 8)
    for row in range(3):
        for column in range(2):
            expected = []
            for at, count in ((row, 3), (column, 2)):
                for pair in range(2):
                    angle = 2 * math.pi * (at + 1) / count / 10000 ** (2 * pair / 4)
                    expected += [math.sin(angle), math.cos(angle)]
            got = places[row * 2 + column].tolist()
            assert got == pytest.approx(expected, abs=1e-5)


def test_queries_meet_in_an_encoder_before_they_see_the_image(tmp_path):
    model = build_method("label2label", tmp_path).eval()
    image = torch.randn(2, 8, model.queries.shape[1])
    key = image + model.places
    queries = model.queries[None].expand(2, -1, -1)
    decoder = model.query_decoder
    x = model.query_norm(model.query_encoder(queries))
    for layer in decoder.layers:
        x = layer(x, image, key)
    x = decoder.norm(x)
    norm = decoder.logit_norm
    for i in range(2):
        for a in range(8):
            raw = x[i, a] @ decoder.head.weight[a, :, 0]
            scaled = (raw - norm.running_mean[a]) / torch.sqrt(norm.running_var[a] + norm.eps)
            expected = scaled * norm.weight[a] + norm.bias[a]
            torch.testing.assert_close(model.first(image, key)[i, a], expected)


def test_sentence_is_made_of_states_and_each_attribute_has_a_mask(tmp_path):
    model = build_method("label2label", tmp_path).eval()
    logits, masked = torch.randn(3, 8), torch.rand(3, 8) < 0.5
    sentence = model.sentence(logits, masked)
    for i in range(3):
        for a in range(8):
            word = model.words[a, int(logits[i, a] > 0)]
            assert torch.equal(sentence[i, a], model.masks[a] if masked[i, a] else word)
    image = torch.randn(3, 8, model.masks.shape[1])
    hidden = torch.ones(3, 8, dtype=torch.bool)
    blind = [
        model.language_model(model.sentence(x, hidden), image, image) for x in (logits, -logits)
    ]
    torch.testing.assert_close(*blind)
    seen = [model.language_model(model.sentence(x), image, image) for x in (logits, -logits)]
    assert not torch.allclose(*seen)


def test_supervises_both_and_masks_in_training_only(tmp_path):
    model = build_method("label2label", tmp_path)
    images, labels = batch(4)
    model.loss(images, labels)["loss_sentence"].backward()
    reached = with_gradient(model)
    assert {"trunk", "words", "masks", "language_model"} <= reached
    assert not {"queries", "query_encoder", "query_decoder"} & reached  # hard words pass none
    model.zero_grad()
    model.loss(images, labels)["loss_query"].backward()
    assert {"trunk", "queries", "query_encoder", "query_decoder"} <= with_gradient(model)
    assert "language_model" not in with_gradient(model)
    model.eval()
    losses = [model.loss(images, labels)["loss_sentence"].item() for _ in range(6)]
    assert len(set(losses)) > 1  # the loss masks words at random ...
    features = [model.features(images) for _ in range(2)]
    assert torch.equal(*features)  # ... the prediction does not
    _, image, key = model.see(images)
    expected = model.language_model(model.sentence(model.first(image, key)), image, key)
    torch.testing.assert_close(model.classify(features[0]), expected)
    assert model.loss(images, labels)["loss_query"] == weighted_bce(
        model.first(image, key), labels, model.positive_ratio
    )


def test_dropout_of_sentence_and_queries_and_the_published_widths(tmp_path):
    with torch.device("meta"):
        model = build(config_of("label2label", tmp_path, 35, profile="paper"))
    sentence, queries = model.language_model.layers, model.query_decoder.layers
    assert (len(sentence), len(queries)) == (2, 2)
    assert {layer.dropout.p for layer in sentence} == {0.3}
    assert {layer.dropout.p for layer in [*queries, model.query_encoder]} == {0.1}
    assert model.language_model.dropout.p == model.query_decoder.dropout.p == 0.1
    assert isinstance(model.project, torch.nn.Identity)  # 2048 all along
    width = 2048
    encoder, decoder = 6 * width**2, 10 * width**2  # attentions of 4 d^2, feed-forward of 2 d^2
    layers = sum(map(size, [model.query_encoder, *sentence, *queries]))
    assert layers == pytest.approx(encoder + 4 * decoder, rel=2e-3)
    assert model.query_encoder.words.num_heads == 4


def test_widths_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(UserError, match="dim=90 must be a multiple of 4 and of heads=4"):
        build_method("label2label", tmp_path, dim=90)
