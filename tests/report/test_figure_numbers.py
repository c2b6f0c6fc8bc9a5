"""The arithmetic behind figures, each against a slow twin."""

import numpy as np
import pytest
from fake_runs import fake_run
from matplotlib.figure import Figure
from paired import paired_test
from sklearn.decomposition import PCA

from clear_bench.report.figures.cost import pareto
from clear_bench.report.figures.labels import place, shared_area
from clear_bench.report.figures.pairs import corrected, win_shares
from clear_bench.report.figures.rankings import (
    LEVELS,
    order,
    precision_at_recall,
    principal_plane,
)
from clear_bench.report.figures.studies import position
from clear_bench.results.predictions import arrays_of
from clear_bench.results.statistics import holm


def test_pareto_front_is_what_nothing_beats():
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = rng.integers(0, 6, (12, 2)).astype(float)
        points = {str(k): (x, y) for k, (x, y) in enumerate(values)}
        front = {points[name] for name in pareto(points)}
        slow = {
            (x, y)
            for x, y in points.values()
            if not any((a <= x and b > y) or (a < x and b >= y) for a, b in points.values())
        }
        assert front == slow
        costs = [points[name][0] for name in pareto(points)]
        assert costs == sorted(costs)


def arrays(seed, queries=9, images=40, dim=5):
    rng = np.random.default_rng(seed)
    return {
        "queries": rng.integers(-1, 2, (queries, dim)).astype(np.float32),
        "images": rng.integers(-1, 2, (images, dim)).astype(np.float32),
        "query_category": np.arange(queries),
        "category": rng.integers(0, queries + 3, images),
    }


@pytest.mark.parametrize("hidden", [0, 60])
@pytest.mark.parametrize("ties", ["index", "reversed"])
def test_precision_at_recall(ties, hidden):
    for seed in range(4):
        kept_arrays = arrays(seed)
        gone = set()
        if hidden:
            pairs = np.random.default_rng(seed).integers(0, (9, 40), (hidden, 2))
            kept_arrays["removed_query"], kept_arrays["removed_image"] = pairs.T
            gone = {tuple(pair) for pair in pairs.tolist()}
        ranked = order(kept_arrays, 2, 7, ties)
        rows = []
        for q, vector in enumerate(kept_arrays["queries"]):
            scores = [float(vector @ image) for image in kept_arrays["images"]]
            sign = 1 if ties == "index" else -1
            seen = [n for n in range(len(scores)) if (q, n) not in gone]
            ranks = sorted(seen, key=lambda n: (-scores[n], sign * n))
            if 2 <= q < 7:
                assert ranked[q - 2, : len(seen)].tolist() == ranks
            hits = [kept_arrays["category"][n] == q for n in ranks]
            total = sum(hits)
            if not total:
                continue
            pairs = [(sum(hits[:k]) / total, sum(hits[:k]) / k) for k in range(1, len(hits) + 1)]
            rows.append([max(p for r, p in pairs if r >= level - 1e-9) for level in LEVELS])
        assert precision_at_recall(kept_arrays, ties) == pytest.approx(np.mean(rows, axis=0))


@pytest.mark.parametrize("protocol", ["clear-bench"])
def test_rankings_give_the_average_precision_of_the_record(tmp_path, protocol):
    record = fake_run(tmp_path, "clear", "retrieval", protocol=protocol)
    kept_arrays = arrays_of(tmp_path / "default/synthped/clear" / record.run_id)
    ranks = order(kept_arrays, 0, len(kept_arrays["queries"]), record.config["protocol"]["ties"])
    for q, row in enumerate(ranks):
        hits = kept_arrays["category"][row] == kept_arrays["query_category"][q]
        places = np.flatnonzero(hits) + 1
        mean = np.mean([hits[:p].sum() / p for p in places])
        assert kept_arrays["average_precision"][q] == pytest.approx(mean)


def test_principal_plane_is_that_of_scikit_learn():
    points = np.random.default_rng(1).normal(size=(60, 7)) * np.arange(1, 8)
    plane, share = principal_plane(points)
    twin = PCA(2).fit(points)
    assert share == pytest.approx(twin.explained_variance_ratio_)
    assert np.abs(plane) == pytest.approx(np.abs(twin.transform(points)))
    assert principal_plane(-points)[0] == pytest.approx(-plane)  # axes do not flip with the data
    flat = np.ones((3, 4))
    assert principal_plane(flat)[1].tolist() == [0, 0]


def test_wins_and_p_values_of_pairs():
    rng = np.random.default_rng(2)
    scores = rng.integers(0, 5, (4, 30)) / 4
    scores[3] += 1.0
    shares, p_values = win_shares(scores), corrected(scores)
    raw, pairs = [], []
    for a in range(4):
        for b in range(4):
            points = [(x > y) + 0.5 * (x == y) for x, y in zip(scores[a], scores[b], strict=True)]
            assert shares[a, b] == pytest.approx(sum(points) / 30)
            if a < b:
                raw.append(paired_test(scores[a], scores[b]))
                pairs.append((a, b))
    for (a, b), slow in zip(pairs, holm(raw), strict=True):
        assert p_values[a, b] == p_values[b, a] == pytest.approx(slow, abs=0.03)
    assert (p_values[3, :3] < 0.05).all()
    assert np.diag(p_values).tolist() == [1.0] * 4


def test_shared_area():
    rng = np.random.default_rng(3)
    boxes = np.concatenate([low := rng.integers(0, 6, (8, 2)), low + rng.integers(1, 6, (8, 2))], 1)
    cells = [{(x, y) for x in range(a, c) for y in range(b, d)} for a, b, c, d in boxes]
    slow = [[len(one & other) for other in cells] for one in cells]
    assert shared_area(boxes[:, None], boxes[None]).tolist() == slow


def test_names_do_not_cover_each_other_nor_points():
    figure = Figure(figsize=(6.7, 5))
    axis = figure.subplots()
    points = {f"method {k}": (float(k % 3), 0.02 * k) for k in range(9)}
    axis.plot(*zip(*points.values(), strict=True), "o")
    axis.margins(0.3)
    figure.draw_without_rendering()
    assert place(axis, points)
    figure.draw_without_rendering()
    boxes = np.array([text.get_window_extent().extents for text in axis.texts])
    area = shared_area(boxes[:, None], boxes[None])
    np.fill_diagonal(area, 0)
    assert area.max() < 1
    assert sorted(text.get_text() for text in axis.texts) == sorted(points)


def test_where_a_level_stands_on_an_axis():
    assert position(0.3) == 0.3
    assert position([64, 32]) == 64
    assert position("minilm") is None
    assert position(True) is None
    assert position([]) is None
