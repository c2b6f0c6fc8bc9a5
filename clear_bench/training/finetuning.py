"""What a retrieval run does otherwise when the backbone learns too (``retrieval.backbone``)."""

from pathlib import Path
from typing import Any

from mmengine.runner import set_random_seed

from clear_bench.engine.building import build
from clear_bench.engine.distributed import main_process, wait_for_all
from clear_bench.engine.fit import Start
from clear_bench.models.finetuned import learning_rates
from clear_bench.runs.files import START
from clear_bench.runs.run import Run
from clear_bench.training.checkpoints import selected_model
from clear_bench.training.initial_weights import save_start


def begin(run: Run, model: dict[str, Any]) -> Start | None:
    """Let training start from the parent's selected weights, where the backbone learns too.

    Args:
        run: The retrieval run.
        model: Full configuration of its model.
    """
    if run.section["backbone"] == "frozen":
        return None
    assert run.parent is not None  # noqa: S101 - `plan` gives every retrieval run one
    set_random_seed(run.seed)
    built = build(model)
    trained = selected_model(run.parent, model["recognition"])
    built.recognition.load_state_dict(trained.state_dict(), strict=True)
    if main_process():
        save_start(run.folder / START, built)
    wait_for_all()
    share, optimizer = run.section["backbone_lr"], run.section["train"]["optimizer"]
    return Start(run.folder / START, learning_rates(built, share, optimizer))


def seen_in_training(run: Run, features: Path, images: Path) -> dict[str, Path]:
    """Return the files that a batch is made of: features, or images where the backbone learns.

    Args:
        run: The run.
        features: Folder of the parent's features.
        images: File of the pixels.
    """
    if run.section["backbone"] != "frozen":
        return {"images": images}
    return {name: features / f"{name}.npy" for name in ("features", "mirrored")}
