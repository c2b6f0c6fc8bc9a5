"""A trained model as a folder that `clear_bench.load` reads and that a model hub takes as it is."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from clear_bench.config.start_files import by_content
from clear_bench.exports.model_card import model_card
from clear_bench.runs.files import EXPORTED, MANIFEST, WEIGHTS
from clear_bench.training.exported import described, files_of, require_local
from clear_bench.training.trained_model import TrainedModel, open_exported
from clear_bench.utils.errors import UserError
from clear_bench.utils.files import written_whole
from clear_bench.utils.hashing import file_sha256

CARD = "README.md"


def write_hub(opened: TrainedModel, out: Path) -> None:
    """Write the folder, whole or not at all; it is read again before it is there.

    Args:
        opened: A finished run that learned something.
        out: The folder, which must not be there.

    Raises:
        UserError: If it is there, or the run is an exported model itself.
    """
    if out.exists():
        raise UserError(f"--hub {out}: is there already; move it away or write elsewhere")
    if opened.weights == WEIGHTS:
        raise UserError(f"--hub: {opened.folder} is an exported model; export its run")
    require_local(opened, out)
    with written_whole(out, durable=True) as folder:
        manifest = described(opened)
        for name, each in files_of(opened).items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(each, file)
            manifest.files[name] = file_sha256(file)
        text = manifest.model_dump_json(indent=1)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
        (folder / CARD).write_text(model_card(opened), encoding="utf-8")
        _ = open_exported(folder).model


def _write(model: TrainedModel, file: Path) -> None:
    """Write one file of `FILES`."""
    if file.name == WEIGHTS:
        save_file({k: _alone(v) for k, v in model.model.state_dict().items()}, file)
    elif file.name == EXPORTED:
        file.write_text(json.dumps(_record(model), indent=1) + "\n", encoding="utf-8")
    else:
        file.write_bytes((model.folder / file.name).read_bytes())


def _alone(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy that shares its memory with none, as safetensors wants it."""
    return tensor.detach().cpu().contiguous().clone()


def _record(model: TrainedModel) -> dict[str, Any]:
    """Return a run's record without what it says of a machine's folders."""
    record = model.record.model_dump()
    record["provenance"].pop("command", None)
    by_content(record["config"].get("recognition", {}))
    return record
