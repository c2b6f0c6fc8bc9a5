"""Runs that travel in an archive: the same at the other end, or not at all."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fake_runs import fake_bench, fake_pair, fake_run, fake_study

from clear_bench.results.archive import MANIFEST, export_runs, import_runs
from clear_bench.results.load import Results
from clear_bench.results.predictions import arrays_of
from clear_bench.runs.files import PREDICTIONS, RECORD
from clear_bench.runs.record import Record
from clear_bench.utils.errors import UserError

SCHEMAS = Path(__file__).parents[1] / "runs/schemas"


def tree(root):
    return {f.relative_to(root): f.read_bytes() for f in root.rglob("*") if f.is_file()}


def packed(tmp_path, **options):
    file = tmp_path / "runs.zip"
    export_runs(tmp_path / "a", file, None, options.pop("where", {}), **options)
    return file


def repack(file, change):
    """Write the archive again with changed members: name -> bytes."""
    with zipfile.ZipFile(file) as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)


def test_there_and_nowhere_lost(tmp_path):
    fake_bench(tmp_path / "a", seeds=(0, 1))
    fake_study(tmp_path / "a", seeds=(0,), states={"glove": ("unavailable", "no weights")})
    fake_run(tmp_path / "a", "vtb", seed=7, status="failed", reason="the loss is NaN")
    fake_run(tmp_path / "a", profile="smoke")
    file = packed(tmp_path)
    added, present = import_runs(file, tmp_path / "b")
    assert present == 0
    assert tree(tmp_path / "b") == tree(tmp_path / "a")
    assert import_runs(file, tmp_path / "b") == (0, added)
    assert [r.record for r in Results.load(tmp_path / "b").runs] == [
        r.record for r in Results.load(tmp_path / "a").runs
    ]


def test_equal_runs_make_equal_archives(tmp_path):
    fake_bench(tmp_path / "a", seeds=(0,))
    assert packed(tmp_path).read_bytes() == packed(tmp_path).read_bytes()


def test_no_weights_unless_asked_for(tmp_path):
    record = fake_run(tmp_path / "a")
    folder = next((tmp_path / "a").rglob(RECORD)).parent
    for name in ("selected.pth", "last.pth", "train.log"):
        (folder / name).write_bytes(b"x")
    with zipfile.ZipFile(packed(tmp_path)) as archive:
        names = {Path(n).name for n in archive.namelist()}
    assert names == {MANIFEST, RECORD, "predictions.npz", "schema.json"}
    with zipfile.ZipFile(packed(tmp_path, checkpoints=True)) as archive:
        assert {"selected.pth", "last.pth"} <= {Path(n).name for n in archive.namelist()}
        manifest = json.loads(archive.read(MANIFEST))
    assert record.provenance["environment"] in manifest["environments"]


def test_without_predictions_every_number_comes_out_but_no_test(tmp_path):
    fake_bench(tmp_path / "a", seeds=(0, 1))
    import_runs(packed(tmp_path, predictions=False), tmp_path / "b")
    here, there = (Results.load(tmp_path / root).runs for root in "ab")
    assert [r.record for r in here] == [r.record for r in there]
    assert all((r.folder / PREDICTIONS).exists() for r in here)
    for run in there:
        with pytest.raises(UserError, match="no predictions came with this record"):
            arrays_of(run.folder)


def test_a_parent_goes_along(tmp_path):
    fake_pair(tmp_path / "a")
    file = packed(tmp_path, where={"task": ["retrieval"]})
    assert import_runs(file, tmp_path / "b") == (2, 0)


def test_a_run_of_a_study_is_known_wherever_it_lies(tmp_path):
    """One machine made it for a study, the other as a method's own."""
    record = fake_run(tmp_path / "a" / "studies")
    fake_run(tmp_path / "b")
    file = packed(tmp_path)
    assert import_runs(file, tmp_path / "b") == (0, 1)
    assert import_runs(file, tmp_path / "c") == (1, 0)
    assert tree(tmp_path / "c") == tree(tmp_path / "a")
    fake_run(tmp_path / "d", quality=0.1)
    with pytest.raises(UserError, match=record.run_id):
        import_runs(file, tmp_path / "d")


def test_other_content_of_one_id_is_refused(tmp_path):
    record = fake_run(tmp_path / "a")
    fake_run(tmp_path / "a", "vtb")
    file = packed(tmp_path)
    fake_run(tmp_path / "b", quality=0.1)  # the same id, other numbers
    before = tree(tmp_path / "b")
    with pytest.raises(UserError, match=record.run_id):
        import_runs(file, tmp_path / "b")
    assert tree(tmp_path / "b") == before


@pytest.mark.parametrize(
    "name", ["../out/a/b/c/record.json", "/etc/a/b/c/record.json", "default/../../x/record.json",
             "default/synthped/clear/run/evil.py", "default\\x/a/b/c/record.json",
             "default/synthped/clear/.hidden/record.json"],
)  # fmt: skip
def test_paths_that_lead_elsewhere_are_refused(tmp_path, name):
    fake_run(tmp_path / "a")
    file = packed(tmp_path)

    def add(members):
        import hashlib

        manifest = json.loads(members[MANIFEST])
        manifest["files"][name] = hashlib.sha256(b"{}").hexdigest()
        members |= {name: b"{}", MANIFEST: json.dumps(manifest).encode()}

    repack(file, add)
    with pytest.raises(UserError, match="no place of a run"):
        import_runs(file, tmp_path / "deep" / "b")
    assert {f.name for f in tmp_path.rglob("*") if f.is_file()} == {
        "runs.zip", RECORD, "predictions.npz", "schema.json"
    }  # fmt: skip


def test_a_changed_file_is_refused(tmp_path):
    fake_run(tmp_path / "a")
    file = packed(tmp_path)

    def damage(members):
        name = next(n for n in members if n.endswith("predictions.npz"))
        members[name] = members[name][:-1] + b"\0\0"

    repack(file, damage)
    with pytest.raises(UserError, match="checksum"):
        import_runs(file, tmp_path / "b")
    assert not tree(tmp_path / "b")


def test_an_extra_or_missing_file_is_refused(tmp_path):
    fake_run(tmp_path / "a")
    for change in (lambda m: m.update({"x": b""}), lambda m: m.pop(list(m)[-1])):
        file = packed(tmp_path)
        repack(file, change)
        with pytest.raises(UserError, match="differ"):
            import_runs(file, tmp_path / "b")


@pytest.mark.parametrize("content", [b"", b"no zip at all"])
def test_what_is_no_archive_is_said(tmp_path, content):
    file = tmp_path / "runs.zip"
    file.write_bytes(content)
    with pytest.raises(UserError, match="not a readable archive"):
        import_runs(file, tmp_path / "b")


def test_the_commands(tmp_path):
    fake_run(tmp_path / "a")

    def call(*arguments):
        command = [sys.executable, "-m", "clear_bench.record", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = call("export", "x.zip", "--runs", "a")
    assert (done.returncode, done.stderr) == (0, "")
    done = call("import", "x.zip", "--runs", "b")
    assert done.returncode == 0, done.stderr
    assert "1 runs and studies added" in done.stdout
    done = call("import", "y.zip")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "y.zip" in done.stderr


@pytest.mark.parametrize("version", [1, 2])
def test_records_of_every_schema_load(version):
    file = SCHEMAS / f"record-{version}.json"
    record = Record.load(file)
    assert json.loads(file.read_text())["schema_version"] == version == record.schema_version
    assert record.metrics["selected"]["test"]["mAP"] > 0
    assert (record.overrides is None) == (version == 1)


def test_every_schema_has_a_file():
    versions = Record.model_fields["schema_version"].annotation.__args__
    assert {f.name for f in SCHEMAS.glob("record-*.json")} == {f"record-{v}.json" for v in versions}
