"""Studies as data: variants, what they change, and what a file of one holds."""

import pytest

from clear_bench.config.study import Study
from clear_bench.runs.study_result import SearchResult, StudyResult, VariantResult, results
from clear_bench.utils.errors import UserError

FACTORS = {
    "retrieval.train.lr": (1e-3, 3e-3),
    "query": {"soft": {"retrieval.model.embedding": "soft"}, "both": {}},
}


def study(**changes):
    given = {
        "task": "retrieval",
        "factors": FACTORS,
        "reference": {"retrieval.train.lr": 1e-3, "query": "both"},
        "metrics": ("mAP",),
    }
    return Study(**{**given, **changes})


def test_variants_are_all_combinations_with_one_reference():
    found = list(study(common={"threads": 2}).variants())
    assert [v.label for v in found] == ["0.001, soft", "0.001, both", "0.003, soft", "0.003, both"]
    assert [v.reference for v in found] == [False, True, False, False]
    assert found[0].overrides == {
        "threads": 2,
        "retrieval.train.lr": 1e-3,
        "retrieval.model.embedding": "soft",
    }
    assert found[1].overrides == {"threads": 2, "retrieval.train.lr": 1e-3}


def test_where_keeps_what_makes_sense_and_the_reference():
    found = study(where=({"query": ("soft",), "retrieval.train.lr": (3e-3,)},)).variants()
    assert [v.label for v in found] == ["0.001, both", "0.003, soft"]


def test_the_checkpoint_is_a_factor_that_changes_no_configuration():
    found = study(
        factors={"checkpoint": ("selected", "last")}, reference={"checkpoint": "selected"}
    ).variants()
    assert [(v.overrides, v.checkpoint) for v in found] == [({}, "selected"), ({}, "last")]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"reference": {"query": "both"}}, "reference"),
        ({"reference": {"retrieval.train.lr": 2.0, "query": "both"}}, "unknown level"),
        ({"reference": {"retrieval.train.lr": 1e-3, "query": "bth"}}, "did you mean both?"),
    ],
)
def test_a_study_without_a_right_reference_is_an_error(changes, word):
    with pytest.raises(UserError, match=word.replace("?", r"\?")):
        study(**changes)


def test_an_unknown_checkpoint_is_an_error():
    wrong = study(checkpoint="selcted")
    with pytest.raises(UserError, match="did you mean selected"):
        list(wrong.variants())


def test_a_result_comes_back_as_it_was(tmp_path):
    variant = VariantResult(
        label="soft", levels={"query": "soft"}, overrides={"a.b": [1, 2]}, status="failed",
        reason="no luck", runs={1: "x"},
    )  # fmt: skip
    result = StudyResult(
        study="s", question="q?", method="clear", task="retrieval", dataset="synthped",
        profile="smoke", metrics=["mAP"], factors=["query"], seeds=[0, 1], variants=[variant],
    )  # fmt: skip
    file = result.save(tmp_path)
    assert StudyResult.load(file) == result
    assert results(tmp_path, "smoke") == [result]
    file.write_text('{"study": 3}')
    with pytest.raises(UserError, match="not a study"):
        StudyResult.load(file)


def test_a_sweep_keeps_the_search_that_was_made_before(tmp_path):
    plain = StudyResult(
        study="s", question="q?", method="clear", task="retrieval", dataset="synthped",
        profile="smoke", metrics=["mAP"], factors=["query"], seeds=[0], variants=[],
    )  # fmt: skip
    search = SearchResult(metric="mAP", budget=1, trials=[])
    assert plain.with_earlier_search(tmp_path) == plain
    plain.model_copy(update={"search": search}).save(tmp_path)
    assert plain.with_earlier_search(tmp_path).search == search
