"""What a retrieval run does otherwise when the backbone learns too (``retrieval.backbone``)."""

from pathlib import Path
from typing import Any

from mmengine.runner import set_random_seed

from clear_bench.data.images import Images
from clear_bench.distributed import main_process, wait_for_all
from clear_bench.engine import build
from clear_bench.models.tuned import learning_rates
from clear_bench.recognition_run import checkpoints, untrained_config
from clear_bench.runs import Run
from clear_bench.starts import START, save_start


def tuned_config(run: Run, head: dict[str, Any]) -> dict[str, Any]:
    """Return the full configuration of a run's model, of which ``head`` is what learns anyway."""
    if run.section["backbone"] == "frozen":
        return head
    assert run.parent is not None  # noqa: S101 - `plan` gives every retrieval run one
    return {
        "type": "TunedRetrieval",
        "recognition": untrained_config(run.parent),
        "head": head,
        "backbone": run.section["backbone"],
    }


def begin(run: Run, model: dict[str, Any]) -> dict[str, Any]:
    """Let training start from the parent's selected weights, where the backbone learns too.

    Returns:
        What `clear_bench.engine.fit` is told of it.
    """
    if run.section["backbone"] == "frozen":
        return {}
    assert run.parent is not None  # noqa: S101 - `plan` gives every retrieval run one
    set_random_seed(run.config["seed"])
    built = build(model)
    trained = checkpoints(run.parent, model["recognition"])["selected"]
    built.recognition.load_state_dict(trained.state_dict(), strict=True)
    if main_process():
        save_start(run.folder / START, built)
    wait_for_all()
    share, optimizer = run.section["backbone_lr"], run.section["train"]["optimizer"]
    return {"start": run.folder / START, "rates": learning_rates(built, share, optimizer)}


def seen_in_training(run: Run, features: Path, images: Images) -> dict[str, Path]:
    """Return the files that a batch is made of: features, or images where the backbone learns.

    Args:
        run: The run.
        features: Folder of the parent's features.
        images: The pictures.
    """
    if run.section["backbone"] != "frozen":
        return {"images": images.file}
    return {name: features / f"{name}.npy" for name in ("features", "mirrored")}
