"""The manifest of an exported model: what it is, and what each of its files must be.

A folder of ``clear-bench export --hub`` has `MANIFEST`, README.md and files of `FILES`; a retrieval
model has those of its recognition model in `PARENT`.  Whatever else lies there is not read.
"""

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from clear_bench.config.start_files import networks
from clear_bench.data.images import RESAMPLING
from clear_bench.runs.fields import DatasetName, Name
from clear_bench.runs.files import EXPORTED, MANIFEST, PARENT, PHRASES, SCHEMA, TABLE, WEIGHTS
from clear_bench.utils.errors import UserError
from clear_bench.utils.hashing import file_sha256
from clear_bench.utils.json_model import read_model

if TYPE_CHECKING:
    from clear_bench.training.trained_model import TrainedModel

FORMAT: Literal[1] = 1
NEEDED, OPTIONAL = (EXPORTED, SCHEMA, WEIGHTS), (TABLE, PHRASES)
FILES = (*NEEDED, *OPTIONAL)
AGAIN = "get it or export it again"
Number = Annotated[float, Field(allow_inf_nan=False)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What `MANIFEST` says.

    All but ``files`` follows from the files, for whoever reads them without this library: pixels
    of values in 0..1, RGB, minus ``mean``, divided by ``deviation``, give the network's input; an
    attribute is present where its probability is greater than its threshold.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    model_type: Literal["clear_bench"] = "clear_bench"
    library_name: Literal["clear-bench"] = "clear-bench"
    format: Literal[1] = FORMAT
    run_id: Name
    method: Name
    task: Literal["recognition", "retrieval"]
    dataset: DatasetName
    attributes: list[str]
    threshold: list[Number]
    image_size: list[int]
    letterbox: bool
    resampling: str
    mean: list[Number]
    deviation: list[Number]
    files: dict[str, Sha256] = Field(default_factory=dict)


def described(opened: "TrainedModel") -> Manifest:
    """Return the manifest of a model, without files."""
    seen = opened.recogniser
    record, names = opened.record, seen.schema.names
    augment = seen.config["recognition"]["augment"]
    threshold = np.broadcast_to(seen.record.threshold, len(names))
    return Manifest(
        run_id=record.run_id,
        method=record.method,
        task=record.task,
        dataset=record.dataset,
        attributes=names,
        threshold=threshold.tolist(),
        image_size=list(seen.image_size),
        letterbox=seen.letterbox,
        resampling=RESAMPLING,
        mean=list(augment["mean"]),
        deviation=list(augment["deviation"]),
    )


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a folder whose files are all there, as it says.

    Raises:
        UserError: If it is no manifest of such a folder, or a file is missing or another one.
    """
    file = folder / MANIFEST
    manifest = read_model(Manifest, file, "exported model of clear-bench", AGAIN)
    places = ("", f"{PARENT}/") if manifest.task == "retrieval" else ("",)
    known = {f"{place}{name}" for place in places for name in FILES}
    needed = {f"{place}{name}" for place in places for name in NEEDED}
    wrong = sorted(set(manifest.files) - known) or sorted(needed - set(manifest.files))
    if wrong:
        raise UserError(f"{file}: its files are not those of an exported model ({wrong[0]!r})")
    for name, sha256 in manifest.files.items():
        place = folder / name
        if not place.is_file() or not stat.S_ISREG(place.stat().st_mode):
            raise UserError(f"{place}: no such file; {AGAIN}")
        if file_sha256(place) != sha256:
            raise UserError(f"{place}: is not the file that {MANIFEST} names; {AGAIN}")
    return manifest


def files_of(opened: "TrainedModel") -> dict[str, "TrainedModel"]:
    """Return the files of an exported model, by name below its folder, and whose each is."""
    files: dict[str, TrainedModel] = {}
    for place, each in (("", opened), (f"{PARENT}/", opened.parent)):
        if each:
            task = each.record.task
            reads_text = task == "recognition" and "text" in each.config[task]
            names = [*NEEDED, *([TABLE] if task == "retrieval" else [])]
            names += [PHRASES] if reads_text else []
            files |= {f"{place}{name}": each for name in names}
    return files


def require_described(manifest: Manifest, opened: "TrainedModel", folder: Path) -> None:
    """Raise a `UserError` unless a manifest says of a model what its files say."""
    file = folder / MANIFEST
    require_local(opened, folder)
    expected = described(opened).model_copy(update={"files": manifest.files})
    wrong = [name for name, value in expected if getattr(manifest, name) != value]
    if set(files_of(opened)) != set(manifest.files):
        wrong.append("files")
    if wrong:
        raise UserError(f"{file}: {wrong[0]} is not what its files say; {AGAIN}")


def require_local(opened: "TrainedModel", folder: Path) -> None:
    """Raise a `UserError` if a network is described elsewhere, say on a page of a hub."""
    for network in networks(opened.recogniser.config["recognition"]["model"]).values():
        name = str(network.get("name", ""))
        if ":" in name:
            raise UserError(f"{folder}: network {name}: only timm's own networks can be exported")
