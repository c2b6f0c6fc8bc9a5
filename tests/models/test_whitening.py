"""Whitened text and the alignment of the text branch, each against a slow twin."""

import math

import numpy as np
import pytest
import torch
from retrieval_tables import as_batch, make_model, train, write_table
from torch.nn import functional as F

from clear_bench.models.losses import margin_softmax
from clear_bench.models.whitening import whitening
from clear_bench.utils.errors import UserError


def model_of(folder, **changes):
    return make_model("clear_soft", folder, **{"dim": 8, "width": 16, "align": 0.0, **changes})


def slow_whitening(vectors, directions):
    """The definition: eigenvectors of the covariance over the root of their eigenvalues."""
    count, size = len(vectors), len(vectors[0])
    mean = [sum(v[k] for v in vectors) / count for k in range(size)]
    covariance = np.zeros((size, size))
    for vector in vectors:
        for i in range(size):
            for j in range(size):
                covariance[i, j] += (vector[i] - mean[i]) * (vector[j] - mean[j]) / count
    values, axes = np.linalg.eigh(covariance)
    columns = []
    for place in np.argsort(-values)[:directions]:
        axis = axes[:, place]
        columns.append(axis * np.sign(axis[np.abs(axis).argmax()]) / math.sqrt(values[place]))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("directions", [1, 3, 5])
def test_whitening_is_that_of_the_covariance(directions):
    vectors = np.random.default_rng(0).normal(size=(40, 5)) @ np.diag([9, 3, 1, 0.3, 0.1]) + 4
    given = whitening(torch.tensor(vectors, dtype=torch.float32), directions)
    np.testing.assert_allclose(given, slow_whitening(vectors.tolist(), directions), rtol=1e-3)
    seen = (vectors - vectors.mean(axis=0)) @ given.numpy()
    np.testing.assert_allclose(np.cov(seen.T, ddof=0), np.eye(directions), atol=1e-3)


def test_directions_without_variance_are_left_out():
    vectors = torch.randn(30, 2, generator=torch.Generator().manual_seed(0)) @ torch.randn(2, 7)
    assert whitening(vectors, 6).shape == (7, 2)  # the rest is rounding
    assert whitening(vectors[:2], 6).shape == (7, 1)  # two points lie on a line
    assert torch.isfinite(whitening(vectors, 6)).all()


@torch.no_grad()
def test_the_adapter_reads_whitened_text_of_length_one(tmp_path):
    split = write_table(tmp_path)
    model = model_of(tmp_path, whiten=4).eval()
    axes = slow_whitening(split["text"].tolist(), 4)
    mean = split["text"].mean(axis=0)
    for row, text in enumerate(split["text"]):
        expected = (text - mean) @ axes
        seen = model.seen_text(torch.tensor(text[None]))[0]
        np.testing.assert_allclose(seen, expected / np.linalg.norm(expected), atol=1e-4)
        query = model.embed_queries(None, None, torch.tensor(text[None]))[0]
        np.testing.assert_allclose(query, F.normalize(model.text_adapter(seen), dim=0), atol=1e-5)
        assert query.shape == (8,), row


@torch.no_grad()
def test_what_was_whitened_in_training_stays_with_the_weights(tmp_path):
    """Whoever loads a checkpoint embeds queries as training did, whatever table lies there."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    text = torch.tensor(write_table(tmp_path / "a")["text"])
    write_table(tmp_path / "b")
    table = dict(np.load(tmp_path / "b/table.npz"))
    table["text"] = table["text"][::-1] * 3 + 1
    np.savez(tmp_path / "b/table.npz", **table)
    trained, opened = (model_of(tmp_path / n, whiten=4).eval() for n in ("a", "b"))
    assert not torch.allclose(trained.seen_text(text), opened.seen_text(text), atol=1e-3)
    opened.load_state_dict(trained.state_dict(), strict=True)
    torch.testing.assert_close(trained.seen_text(text), opened.seen_text(text))


def with_made(folder, made):
    """Give the table made queries: their code and text."""
    table = dict(np.load(folder / "table.npz"))
    rng = np.random.default_rng(1)
    table["made_one_hot"] = rng.integers(0, 2, (made, table["one_hot"].shape[1])).astype(np.float32)
    table["made_text"] = rng.normal(size=(made, table["text"].shape[1])).astype(np.float32)
    np.savez(folder / "table.npz", **table)
    return table


@pytest.mark.parametrize("made", [0, 5])
def test_alignment_by_hand(tmp_path, made):
    split = write_table(tmp_path)
    table = with_made(tmp_path, made)
    model = model_of(tmp_path, whiten=3, align=2.0, feature_dropout=0.0).eval()
    features, category = as_batch(split)  # 32 images, so all 8 + made queries are drawn
    losses = model.loss(features, category)
    text = [*table["text"], *table["made_text"]]
    code = [*table["one_hot"], *table["made_one_hot"]]
    with torch.no_grad():
        apart = []
        for t, c in zip(text, code, strict=True):
            soft = model.text_adapter(model.seen_text(torch.tensor(t[None])))[0]
            hard = model.attribute_adapter(torch.tensor(c[None]))[0]
            apart.append(1 - float(soft @ hard / soft.norm() / hard.norm()))
        images = model.embed_images(features, features)
        teacher = F.normalize(model.attribute_adapter(torch.tensor(table["one_hot"])), dim=1)
        rule = {"margin": model.margin, "scale": model.scale, "angular": True}
        taught = margin_softmax(images @ teacher.T, category, **rule)
    assert losses["align_loss"].item() == pytest.approx(2 * sum(apart) / len(apart), rel=1e-4)
    assert losses["teacher_loss"].item() == pytest.approx(taught.item(), rel=1e-5)


def test_the_teacher_does_not_move_towards_the_text(tmp_path):
    write_table(tmp_path)
    model = model_of(tmp_path, align=1.0)
    model.alignment(8).backward()
    assert all(p.grad is None for p in model.attribute_adapter.parameters())
    assert all(p.grad.abs().sum() > 0 for p in model.text_adapter.parameters())


def test_training_aligns(tmp_path):
    split = write_table(tmp_path)
    model = model_of(tmp_path, whiten=5, align=20.0)
    before = model.alignment(8).item()
    train(model, split, 100, lr=5e-3)
    assert model.alignment(8).item() < before / 3


def test_both_has_no_second_loss_of_the_teacher(tmp_path):
    features, category = as_batch(write_table(tmp_path))
    model = model_of(tmp_path, align=1.0, embedding="both")
    assert set(model.loss(features, category)) == {"loss", "align_loss"}


def test_without_words_both_switches_do_nothing(tmp_path):
    write_table(tmp_path)
    plain, switched = (
        model_of(tmp_path, embedding="hard", **more) for more in ({}, {"whiten": 3, "align": 2.0})
    )
    assert set(plain.state_dict()) == set(switched.state_dict())
    assert switched.align == 0 and not switched.whitened


def test_wrong_numbers_are_one_line(tmp_path):
    write_table(tmp_path)
    for name in ("whiten", "align"):
        with pytest.raises(UserError, match=f"^{name}=-1.*: must be a .*number"):
            model_of(tmp_path, **{name: -1})
    with pytest.raises(UserError, match="depth=0"):
        model_of(tmp_path, align=1.0, depth=0)
