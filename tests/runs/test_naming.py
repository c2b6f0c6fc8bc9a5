"""What users call runs, and runs that go."""

import json
from pathlib import Path

import pytest
from fake_runs import fake_pair, fake_run, fake_study

from clear_bench.runs.files import LOCK, RECORD
from clear_bench.runs.naming import find_run, newest_of_recipes
from clear_bench.runs.removing import remove, require_removable
from clear_bench.utils.errors import UserError
from clear_bench.utils.locks import locked


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Recipes of two methods on two data sets, seeds 0 to 2, and a study of margins."""
    root = tmp_path_factory.mktemp("naming")
    for seed in (0, 1, 2):
        for dataset in ("synthped", "peta"):
            fake_pair(root, "clear", dataset=dataset, seed=seed)
    fake_run(root, "clear_hard", "retrieval", seed=0)
    fake_study(root, "margin", factors={"retrieval.model.margin": (0.1, 0.2, 0.3)})
    return root


def dated(root, run_id, when):
    """Give a run a date and return its folder."""
    (file,) = root.rglob(f"{run_id}/{RECORD}")
    content = json.loads(file.read_text())
    content["finished_at"] = when
    file.write_text(json.dumps(content))
    return file.parent


def ids(root, start, recipe=True):
    names = [f.parent.name for f in root.rglob(RECORD) if f.parent.name.startswith(start)]
    changed = {
        n for n in names if json.loads(next(root.rglob(f"{n}/{RECORD}")).read_text())["overrides"]
    }
    return sorted(n for n in names if (n not in changed) == recipe)


def test_a_folder_an_id_and_a_beginning(world, monkeypatch):
    name = ids(world, "clear-recognition-peta-default-s1")[0]
    (folder,) = [f.parent for f in world.rglob(RECORD) if f.parent.name == name]
    assert find_run(world, str(folder)) == folder
    assert find_run(world, name) == folder
    assert find_run(world, "clear-recognition-peta-default-s1") == folder


def test_a_method_is_the_newest_of_its_recipe_outside_studies(world):
    study = ids(world, "clear-retrieval-synthped", recipe=False)
    assert study
    for number, name in enumerate(study):
        dated(world, name, f"2031-01-0{number + 1}T00:00:00+00:00")  # newer, and not meant
    wanted = dated(world, ids(world, "clear-retrieval-synthped")[1], "2030-01-01T00:00:00+00:00")
    assert find_run(world, "clear", "retrieval") == wanted
    assert find_run(world, "clear@synthped", "retrieval") == wanted
    on_peta = dated(world, ids(world, "clear-recognition-peta")[2], "2029-01-01T00:00:00+00:00")
    assert find_run(world, "clear@peta") == on_peta
    assert find_run(world, "clear@peta", "recognition") == on_peta
    assert find_run(world, "clear_hard", "recognition").name.startswith("clear_hard-retrieval")


def test_what_is_ambiguous_names_the_recipe_and_what_differs(world):
    with pytest.raises(UserError) as error:
        find_run(world, "clear-retrieval-synthped")
    said = str(error.value)
    assert "\n" not in said
    assert said.startswith("clear-retrieval-synthped: ")
    newest = find_run(world, "clear@synthped", "retrieval").name
    assert f"the recipe's is {newest}, for short clear@synthped" in said
    assert "(retrieval.model.margin=0.2)" in said
    assert "runs list clear-retrieval-synthped" in said


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cleer", "no such finished run below .*; did you mean clear"),
        ("clear@rap", "clear@rap: no such finished run"),
        ("zzz", "zzz: no such finished run below .*; see: "),
    ],
)
def test_what_is_not_there_is_said(world, name, message):
    with pytest.raises(UserError, match=message):
        find_run(world, name)


def test_stale_failed_and_foreign_settings_are_not_the_recipe(tmp_path):
    fake_run(tmp_path, seed=0, stale=True)
    fake_run(tmp_path, seed=1, status="failed", reason="diverged")
    fake_run(tmp_path, seed=2, overrides={"recognition.train.lr": 0.5})
    with pytest.raises(UserError, match="no run of its recipe") as error:
        find_run(tmp_path, "clear")
    for word in ("stale", "failed", "recognition.train.lr=0.5"):
        assert word in str(error.value)
    with pytest.raises(UserError, match="there is none"):
        find_run(tmp_path / "empty", "clear")


def test_a_parent_stays_until_its_children_go(tmp_path):
    first, second = fake_pair(tmp_path)
    folders = [find_run(tmp_path, r.run_id) for r in (first, second)]
    with pytest.raises(UserError, match=f"{second.run_id} needs it"):
        require_removable(tmp_path, folders[:1])
    require_removable(tmp_path, folders)
    with locked(folders[1] / LOCK), pytest.raises(UserError, match="another process"):
        remove(folders)
    assert all((folder / RECORD).is_file() for folder in folders)
    remove(folders)
    assert not list(tmp_path.rglob("*.json"))
    assert not [f for f in Path(tmp_path).rglob("*") if f.name.startswith(".")]


def test_the_newest_of_each_recipe_are_those_that_names_find(world):
    found = {(r.dataset, r.task, r.method): folder for folder, r in newest_of_recipes(world)}
    assert set(found) == {
        *(("synthped", task, "clear") for task in ("recognition", "retrieval")),
        *(("peta", task, "clear") for task in ("recognition", "retrieval")),
        ("synthped", "retrieval", "clear_hard"),
    }
    for (dataset, task, method), folder in found.items():
        assert find_run(world, f"{method}@{dataset}", task) == folder
    assert newest_of_recipes(world / "nothing") == []
