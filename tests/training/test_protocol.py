"""Protocols: names, signatures, and the published rules against loops that follow their code.

The loops below say what the evaluation code of SAL and ASMR does to one query after the other, as
the notes on code-level differences describe it.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clear_bench.config.compose import compose
from clear_bench.config.protocol import (
    CHECKPOINTS,
    PROTOCOLS,
    Protocol,
    is_oracle,
    named,
    said_of,
    signature,
)
from clear_bench.metrics.gallery_rules import gallery_order, removed_images
from clear_bench.metrics.retrieval import metrics_of_scores
from clear_bench.utils.errors import UserError

DATA = {"split": "ids6", "label_set": "30", "image_size": [128, 64], "identities": 1.0,
        "skip_unreadable": False}  # fmt: skip
FACTS = {"dataset": "market1501", "attributes": 30, "data": DATA, "resampling": "pil-bilinear",
         "version": 1}  # fmt: skip


def lines(rules):
    return [signature(rules, task, **FACTS) for task in ("recognition", "retrieval")]


def test_default_signatures():
    head = "market1501|ids6|attrs30:30|img128x64:pil-bilinear|train-ids100%"
    assert lines(Protocol()) == [
        f"{head}|select:val.mA|thr0.5|undefined:half|f1:of-means|v1",
        f"{head}|query:test-categories|gallery:test|removal:none|select:val-new-ids.mAP|ap:mean|"
        "ties:index|no-positives:error|v1",
    ]


CHANGES = {
    "threshold": 0.4,
    "undefined": "drop",
    "select": "last",
    "select_recognition": "f1",
    "select_retrieval": "rank1",
    "val_identities": "all",
    "queries": "unseen-categories",
    "queries_with": "hat",
    "query_template": "typed",
    "gallery_order": "sal",
    "removal": "sal",
    "ap": "trapezoid",
    "ties": "reversed",
    "no_positives": "zero",
    "madm": True,
}


def test_every_rule_changes_a_signature_and_the_name_does_not():
    assert set(CHANGES) == set(Protocol.model_fields) - {"name", "oracle"}
    seen = {tuple(lines(Protocol()))}
    for rule, value in CHANGES.items():
        seen.add(tuple(lines(Protocol(**{rule: value}))))
    assert len(seen) == 1 + len(CHANGES)
    assert lines(Protocol(name="other")) == lines(Protocol())


@pytest.mark.parametrize("key", ["split", "label_set", "image_size", "identities", "without"])
def test_data_settings_change_the_signature(key):
    other = {**DATA, key: {"image_size": [256, 128], "identities": 0.5}.get(key, "x")}
    for task in ("recognition", "retrieval"):
        assert signature(Protocol(), task, **{**FACTS, "data": other}) != signature(
            Protocol(), task, **FACTS
        )


def test_what_is_trained_on_and_bars_stand_in_the_signature():
    """An older record's data section says nothing of them, which is the default."""
    for key, value, part in (
        ("train_on", "train+val", "train:train+val"),
        ("letterbox", True, "letterbox"),
    ):
        other = {**FACTS, "data": {**DATA, key: value}}
        plain = {**FACTS, "data": {**DATA, key: {"train_on": "train"}.get(key, False)}}
        for task in ("recognition", "retrieval"):
            assert f"|{part}|" in signature(Protocol(), task, **other)
            assert signature(Protocol(), task, **plain) == signature(Protocol(), task, **FACTS)


def test_selection_on_test_is_called_oracle():
    for task, metric in (("recognition", "mA"), ("retrieval", "mAP")):
        line = signature(named("field-oracle"), task, **FACTS)
        assert f"|select:oracle-on-test.{metric}|" in line
        assert is_oracle(line) and said_of("selected", line) == CHECKPOINTS["oracle"]
        for other in ("clear-bench", "field"):
            line = signature(named(other), task, **FACTS)
            assert not is_oracle(line) and said_of("selected", line) == "selected"
    assert "|thr:val.f1|" in lines(Protocol(threshold="val", select_recognition="f1"))[0]


def test_a_named_protocol_sets_its_rules_and_each_can_be_overridden():
    config = compose("clear", "peta", overrides={"protocol.name": "sal"})
    assert config["protocol"] == PROTOCOLS["sal"].model_dump()
    words = {"protocol.ap": "trapezoid", "protocol.name": "sal"}
    changed = compose("clear", "peta", overrides=words)["protocol"]
    assert changed == {**PROTOCOLS["sal"].model_dump(), "ap": "trapezoid"}
    section = compose("clear", "peta", overrides={"protocol": {"name": "asmr"}})["protocol"]
    assert section == PROTOCOLS["asmr"].model_dump()
    assert compose("clear", "peta")["protocol"] == named("clear-bench").model_dump()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"protocol.name": "sall"}, "unknown protocol 'sall'; did you mean sal"),
        ({"protocol.removal": "sla"}, "protocol.removal='sla'"),
        ({"protocol.name": "sal", "protocol.madm": True}, "madm is defined without removal"),
        ({"protocol.tie": "index"}, "did you mean protocol.ties"),
    ],
)
def test_wrong_rules(overrides, message):
    with pytest.raises(UserError, match=message):
        compose("clear", "peta", overrides=overrides)


# A small Market-1501: person, camera, whether a query image, category; in the data set's order.
def market(seed=0, people=12, categories=5):
    rng = np.random.default_rng(seed)
    person = np.repeat([f"{k:04d}" for k in range(people)], 5)
    camera = np.tile(list("12123"), people)
    category = np.repeat(rng.integers(0, categories, people), 5)
    query = np.tile([False, False, False, True, True], people)
    order = np.argsort(query, kind="stable")
    paths = np.array([f"{'query' if q else 'test'}/{p}_c{c}.jpg" for p, c, q in
                      zip(person, camera, query, strict=True)])  # fmt: skip
    _, category = np.unique(category, return_inverse=True)
    scores = rng.integers(0, 6, (category.max() + 1, len(person))).astype(np.float32)
    return [a[order] for a in (person, camera, category, query, paths)], scores


def average_precision(hits, kind):
    """Return average precision of a list of hits, by Market-1501's loop or SAL's sum."""
    total, found, area, before = sum(hits), 0, 0.0, 1.0
    for rank, hit in enumerate(hits, start=1):
        found += hit
        precision = found / rank
        if hit:
            area += precision if kind == "mean" else (precision + before) / 2
        before = precision
    return area / total


def sal_by_loop(tables, scores):
    """Return (mAP, rank-1, queries): SAL's test, one query after the other."""
    person, camera, category, query, _ = tables
    aps, firsts = [], []
    gallery = [i for i in range(len(person)) if not query[i]][::-1]
    gallery += [i for i in range(len(person)) if query[i]]
    for c in range(len(scores)):
        (representative, *_), hits = (
            [i for i in range(len(person)) if query[i] and category[i] == c],
            [],
        )
        own = f"{camera[representative]}_{person[representative]}"
        for i in sorted(gallery, key=lambda i: (-scores[c, i], gallery.index(i))):
            if category[i] == c and f"{camera[i]}_{person[i]}" == own:
                continue  # torchreid: same person seen by the same camera
            hits.append(category[i] == c)
        if any(hits):  # else the query is left out
            aps.append(average_precision(hits, "mean"))
            firsts.append(hits[0])
    return np.mean(aps), np.mean(firsts), len(aps)


def asmr_by_loop(tables, scores):
    """Return (mAP, rank-1, queries): ASMR's test, one query after the other."""
    _, _, category, _, paths = tables
    folders = sorted(range(len(paths)), key=lambda i: (category[i], paths[i].split("/")[1]))
    aps, firsts = [], []
    for c in range(len(scores)):
        rising = sorted(range(len(folders)), key=lambda k: (scores[c, folders[k]], k))
        hits = [category[folders[k]] == c for k in rising[::-1]]
        aps.append(average_precision(hits, "trapezoid") if any(hits) else 0.0)
        firsts.append(hits[0])
    return np.mean(aps), np.mean(firsts), len(scores)


def by_protocol(name, tables, scores):
    """Return what the library computes under a named protocol."""
    person, camera, category, query, paths = tables
    rules = named(name)
    order = gallery_order(rules.gallery_order, category, paths, query)
    removed = removed_images(rules.removal, category, person, camera, query)[order]
    pairs = category[order][removed], np.flatnonzero(removed)
    rule = {k: v for k, v in rules.ranking.items() if k != "madm"}
    found = metrics_of_scores(
        lambda start, stop: scores[start:stop, order], np.arange(len(scores)), category[order],
        removed=pairs, chunk=2, **rule,
    )  # fmt: skip
    return found.metrics["mAP"], found.metrics["rank1"], found.metrics["queries"]


@pytest.mark.parametrize("seed", range(12))
def test_sal_and_asmr_equal_their_loops(seed):
    tables, scores = market(seed)
    assert by_protocol("sal", tables, scores) == pytest.approx(sal_by_loop(tables, scores))
    assert by_protocol("asmr", tables, scores) == pytest.approx(asmr_by_loop(tables, scores))


def test_the_rules_differ_where_the_published_code_does():
    tables, scores = market()
    values = {name: by_protocol(name, tables, scores)[0] for name in ("clear-bench", "sal", "asmr")}
    assert len(set(values.values())) == 3


def test_sals_gallery_is_reversed_and_ends_with_the_query_images():
    (_, _, category, query, paths), _ = market()
    order = gallery_order("sal", category, paths, query)
    count = int((~query).sum())
    assert order[:count].tolist() == list(range(count))[::-1]
    assert order[count:].tolist() == list(range(count, len(query)))
    everywhere = np.ones_like(query)  # PETA: every image is a query image too
    assert (
        gallery_order("sal", category, paths, everywhere).tolist() == list(range(len(query)))[::-1]
    )
    assert gallery_order("manifest", category, paths, query).tolist() == list(range(len(query)))


def test_sal_on_peta_removes_the_representative_alone():
    person = np.array(list("aabbc"))
    category = np.array([0, 0, 1, 1, 0])
    rule = "sal", category, person
    known = removed_images(*rule, np.array(list("11111")), np.ones(5, bool))
    assert known.tolist() == [True, True, True, True, False]
    unknown = removed_images(*rule, np.full(5, ""), np.ones(5, bool))
    assert unknown.tolist() == [True, False, True, False, False]
    assert not removed_images("none", *rule[1:], np.full(5, ""), np.ones(5, bool)).any()


def test_a_category_without_query_image_loses_nothing():
    category, query = np.array([0, 1, 1]), np.array([True, False, False])
    person, camera = np.array(list("abb")), np.array(list("111"))
    assert removed_images("sal", category, person, camera, query).tolist() == [True, False, False]


def test_unknown_rules():
    one = np.zeros(1, int), np.array(["a"]), np.ones(1, bool)
    with pytest.raises(UserError, match="unknown gallery order 'sall'; did you mean sal"):
        gallery_order("sall", *one)
    with pytest.raises(UserError, match="unknown removal rule 'sall'"):
        removed_images("sall", one[0], one[1], one[1], one[2])


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_removed_images_might_as_well_not_be_there(seed, chunk):
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 3, (4, 9)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.1] = -np.inf
    category = rng.integers(0, 4, 9)
    gone = rng.random(scores.shape) < 0.3
    for ties in ("index", "reversed"):
        rule = {"no_positives": "zero", "ties": ties, "chunk": chunk}
        found = metrics_of_scores(
            lambda a, b: scores[a:b], np.arange(4), category, removed=np.nonzero(gone), **rule
        )
        for q in range(4):
            kept = ~gone[q]
            if not kept.any():
                assert found.average_precision[q] == 0
                continue
            alone = metrics_of_scores(
                lambda a, b, q=q, kept=kept: scores[q : q + 1, kept], np.array([q]), category[kept],
                **rule,
            )  # fmt: skip
            assert found.average_precision[q] == alone.average_precision[0]
            assert found.rank_of_first[q] == alone.rank_of_first[0]


def test_reversed_ties_are_the_index_ties_of_the_reversed_gallery():
    rng = np.random.default_rng(0)
    scores, category = rng.integers(0, 3, (5, 40)).astype(float), rng.integers(0, 5, 40)
    one = metrics_of_scores(lambda a, b: scores[a:b], np.arange(5), category, ties="reversed")
    other = metrics_of_scores(lambda a, b: scores[a:b, ::-1], np.arange(5), category[::-1])
    assert one.metrics == other.metrics
    with pytest.raises(UserError, match="did you mean reversed"):
        metrics_of_scores(lambda a, b: scores[a:b], np.arange(5), category, ties="reverse")
