"""Runs that travel: ``python -m clear_bench.record export runs.zip`` and ``import runs.zip``.

The archive holds records, predictions (unless they are too large to travel), schemas and results
of studies, and a manifest with the sha256 of each.  No image of a data set is in it, and a
checkpoint only if it is asked for.
"""

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clear_bench.config.choice import Choice
from clear_bench.results.load import Loaded, Results
from clear_bench.runs.files import (
    LAST,
    PHRASES,
    PREDICTIONS,
    RECORD,
    SCHEMA,
    SELECTED,
    STUDIES,
    TABLE,
    find_folder,
    place,
)
from clear_bench.runs.record import Record
from clear_bench.runs.study_result import SUFFIX, StudyResult, result_file
from clear_bench.utils.arrays import BROKEN
from clear_bench.utils.disk import room, to_disk
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import temporary, written_whole
from clear_bench.utils.foreign import parse_json
from clear_bench.utils.hashing import file_sha256
from clear_bench.utils.progress import track

MANIFEST = "manifest.json"
VERSION = 1
AGAIN = "make one with python -m clear_bench.record export"
LARGEST = 64 << 20  # bytes of a JSON file
UNPACKED, RATIO = 1 << 30, 100  # bytes, or times the archive's own, that its files may have
FILES = 1_000_000
LIGHT = (RECORD, PREDICTIONS, SCHEMA)
HEAVY = (SELECTED, LAST, TABLE, PHRASES)
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]*")
DEPTH = len(place("profile", "dataset", "method", "run").parts)
"""Of a run's folder; a study's result lies in that of its data set, two above."""

WHEN = (1980, 1, 1, 0, 0, 0)


def export_runs(
    root: Path,
    file: Path,
    profile: str | None,
    where: Choice,
    *,
    checkpoints: bool = False,
    predictions: bool = True,
) -> tuple[int, int]:
    """Write an archive and return the numbers of runs and studies in it.

    The ancestors of a chosen run are taken along.  Equal runs give equal bytes.  Without
    predictions the tables of a report come out the same but for their tests over images or queries.

    Raises:
        UserError: If there is no run, or one lacks a file that its record names.
    """
    results = Results.load(root, profile, where=where, stale=lambda record: "")
    everyone = Results.load(root, profile, stale=lambda record: "").by_id
    chosen = {r.record.run_id: r for r in results.runs}
    for run in results.runs:
        above = everyone.get(run.record.parent)
        while above and above.record.run_id not in chosen:
            chosen[above.record.run_id] = above
            above = everyone.get(above.record.parent)
    names = [n for n in LIGHT if predictions or n != PREDICTIONS]
    names += HEAVY if checkpoints else ()
    files = [f for run in chosen.values() for f in _files(run, names)]
    files += [result_file(root, s.study, s.profile, s.dataset) for s in results.studies]
    wanted = sum(f.stat().st_size for f in files)
    with written_whole(file, wanted=wanted, durable=True) as unfinished:
        _write(unfinished, {f.relative_to(root).as_posix(): f for f in files}, chosen.values())
    return len(chosen), len(results.studies)


def _files(run: Loaded, names: list[str]) -> Iterator[Path]:
    """Yield those files of a run that travel."""
    for name in names:
        path = run.folder / name
        if path.is_file():
            yield path
        elif name in run.record.artefacts:
            raise UserError(f"{path}: the record names it and it is not there; train the run again")


def _write(archive: Path, files: dict[str, Path], runs: Any) -> None:
    """Write the archive: the manifest first, then the files by name."""
    environments = {r.record.provenance.get("environment", ""): r.record.provenance for r in runs}
    manifest = {
        "version": VERSION,
        "files": {name: file_sha256(path) for name, path in sorted(files.items())},
        "environments": environments,
    }
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        text = json.dumps(manifest, indent=1, sort_keys=True)
        out.writestr(zipfile.ZipInfo(MANIFEST, WHEN), text, zipfile.ZIP_DEFLATED)
        for name, path in track(sorted(files.items()), "export"):
            info = zipfile.ZipInfo(name, WHEN)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.file_size = path.stat().st_size  # beyond 4 GB the archive must know before
            with path.open("rb") as source, out.open(info, "w") as target:
                shutil.copyfileobj(source, target)


def import_runs(file: Path, root: Path) -> tuple[int, int]:
    """Add an archive's runs and return how many runs and studies are new, and how many known.

    Everything is unpacked beside the runs and checked before the first file takes its place; a
    run's record comes last, so that no half of a run is ever seen.

    Raises:
        UserError: If the archive is broken, does not fit its checksums, leads outside the folder,
            or holds other content for a run that is here.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file; make it with python -m clear_bench.record export")
    staging = temporary(root / "import")
    try:
        with _opened(file) as archive, room(root, _size(archive, file)):
            names = _unpack(archive, staging, file)
            if names:
                to_disk(staging)
        _check_content(staging, names, file)
        return _settle(staging, root, names, file)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """Yield an archive; whatever zip finds wrong with it while it is read is one error."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except BROKEN as error:
        cause = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise UserError(f"{file}: not a readable archive ({cause}); copy it again") from None


def _size(archive: zipfile.ZipFile, file: Path) -> int:
    """Return how many bytes an archive says that its files have, if that can be."""
    infos = archive.infolist()
    size, most = sum(info.file_size for info in infos), max(UNPACKED, RATIO * file.stat().st_size)
    large = [i.filename for i in infos if i.filename.endswith(".json") and i.file_size > LARGEST]
    if size > most or len(infos) > FILES or large:
        raise UserError(
            f"{file}: says that it holds {len(infos)} files of {size} bytes"
            + (f", {large[0]!r} more than {LARGEST}" if large else "")
            + ", which no archive of runs does; nothing was taken from it"
        )
    return size


def _unpack(archive: zipfile.ZipFile, staging: Path, file: Path) -> list[str]:
    """Unpack what the manifest names, verified, and return the names."""
    sums = _manifest(archive, file)
    inside = [info.filename for info in archive.infolist()]
    unlisted = sorted({*inside} ^ {MANIFEST, *sums})
    if unlisted or len(inside) != len(set(inside)):
        raise UserError(f"{file}: its manifest and its files differ ({', '.join(unlisted[:3])})")
    for name in sums:
        _check_name(name, file)
    for name, wanted in track(sorted(sums.items()), "import"):
        unpacked = staging / name
        unpacked.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with archive.open(name) as source, unpacked.open("wb") as target:
            while block := source.read(1 << 20):
                digest.update(block)
                target.write(block)
        if digest.hexdigest() != wanted:
            raise UserError(f"{file}: {name} is not what its checksum says; copy it again")
    return sorted(sums)


def _manifest(archive: zipfile.ZipFile, file: Path) -> dict[str, str]:
    """Return the checksums of an archive's files."""
    try:
        info = archive.getinfo(MANIFEST)
        if info.file_size > LARGEST:
            raise UserError(f"{file}: its manifest has {info.file_size} bytes; nothing was read")
        with archive.open(info) as stream:
            content = stream.read(LARGEST)
        manifest = parse_json(content, f"{file}: {MANIFEST}", AGAIN)
        version, sums = manifest["version"], {str(k): str(v) for k, v in manifest["files"].items()}
    except (KeyError, ValueError, TypeError, AttributeError):
        raise UserError(f"{file}: no archive of runs; {AGAIN}") from None
    if version != VERSION:
        raise UserError(f"{file}: is version {version}, this reads {VERSION}; use a newer checkout")
    return sums


def _where(name: str) -> tuple[str, Path, str]:
    """Return where a file lies: below `STUDIES` or "", its folder there, and what it is called."""
    folder, _, what = name.rpartition("/")
    under = STUDIES if name.startswith(f"{STUDIES}/") else ""
    return under, Path(folder.removeprefix(f"{STUDIES}/")), what


def _check_name(name: str, file: Path) -> None:
    """Raise a `UserError` for a path that no run or study has; above all one that leads outside."""
    under, folder, what = _where(name)
    study = under == STUDIES and len(folder.parts) == DEPTH - 2 and what.endswith(SUFFIX)
    run = len(folder.parts) == DEPTH and what in (*LIGHT, *HEAVY)
    if not (study or run) or not all(NAME.fullmatch(part) for part in name.split("/")):
        raise UserError(f"{file}: {name!r} is no place of a run; nothing was taken from it")


def _check_content(staging: Path, names: list[str], file: Path) -> None:
    """Raise a `UserError` for records and studies that are broken or lie in another's place."""
    for under, folder in sorted({_where(n)[:2] for n in names if not n.endswith(SUFFIX)}):
        record = Record.load(staging / under / folder)
        if folder != place(record.profile, record.dataset, record.method, record.run_id):
            raise UserError(f"{file}: {Path(under) / folder} holds the record of {record.run_id}")
    for name in (n for n in names if n.endswith(SUFFIX)):
        study = StudyResult.load(staging / name)
        if result_file(staging, study.study, study.profile, study.dataset) != staging / name:
            raise UserError(f"{file}: {name} holds the study {study.study}")


def _home(root: Path, name: str) -> Path:
    """Return where a file goes: beside its run, which may be here as a study's or a method's."""
    under, folder, what = _where(name)
    return root / name if what.endswith(SUFFIX) else find_folder(root, folder, under) / what


def _settle(staging: Path, root: Path, names: list[str], file: Path) -> tuple[int, int]:
    """Move what is new to its place, after looking for what differs; see `import_runs`."""
    homes = {name: _home(root, name) for name in names}
    present = [name for name in names if homes[name].exists()]
    for name in present:
        if file_sha256(homes[name]) != file_sha256(staging / name):
            _, folder, what = _where(name)
            owner = what.removesuffix(SUFFIX) if what.endswith(SUFFIX) else folder.name
            raise UserError(
                f"{owner}: {homes[name]} is here with other content than in {file}; nothing was "
                "imported, move one of them away first"
            )
    new = sorted(set(names) - set(present), key=lambda n: (n.endswith((RECORD, SUFFIX)), n))
    for name in new:
        homes[name].parent.mkdir(parents=True, exist_ok=True)
        (staging / name).replace(homes[name])
    whole = [name for name in names if name.endswith((f"/{RECORD}", SUFFIX))]
    added = len(set(whole) & set(new))
    return added, len(whole) - added
