"""Where a trained cross-transformer looks: ``python -m clear_bench.attention RUN``.

Writes a small ``.npz`` that the figure of attention maps is drawn from, without torch.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from clear_bench.utils.command_line import main

app = typer.Typer(add_completion=False)
Arrays = dict[str, NDArray[Any]]


@app.command()
def attention(
    run: Annotated[
        str | None, typer.Argument(help="run: METHOD, METHOD@DATASET, id or folder")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="without RUN: CLEAR's runs of seed 0 of this profile")
    ] = "default",
    images: Annotated[int, typer.Option(help="how many test images, of as many persons")] = 6,
    out: Annotated[Path, typer.Option(help="folder of the .npz file")] = Path("reports/attention"),
    runs_root: Annotated[Path, typer.Option("--runs", help="folder of runs")] = Path("runs"),
    data_root: Annotated[Path | None, typer.Option(help="folder of the official release")] = None,
) -> None:
    """Write the attention maps of a run's network over some images of its test split."""
    from clear_bench.runs.naming import find_run
    from clear_bench.utils.errors import UserError
    from clear_bench.utils.files import save_arrays, sweep

    if images < 1:
        raise UserError(f"--images={images}: must be at least 1")
    sweep(out)
    named = [find_run(runs_root, run, "recognition")] if run else []
    folders = named or first_runs(runs_root / profile)
    missed = 0
    for folder in folders:
        try:
            place, arrays = maps_of(folder, images, runs_root, data_root)
        except UserError as error:  # of several runs one's pictures may be elsewhere
            missed += 1
            if missed == len(folders):
                raise
            print(f"not made: {folder}: {error}", file=sys.stderr)
            continue
        file = out / f"{place}.npz"
        file.parent.mkdir(parents=True, exist_ok=True)
        save_arrays(file, arrays)
        print(file)


def first_runs(root: Path) -> list[Path]:
    """Return CLEAR's recognition runs of seed 0 below a folder that this code made.

    Raises:
        UserError: If there are none.
    """
    from clear_bench.runs.record import records
    from clear_bench.runs.stale import is_stale
    from clear_bench.utils.errors import UserError

    folders = [
        folder
        for folder, r in records(root)
        if (r.method, r.task, r.seed, r.status) == ("clear", "recognition", 0, "finished")
        and not is_stale(r)
    ]
    if not folders:
        raise UserError(f"{root}: no run of CLEAR with seed 0 made by this code; train it first")
    return folders


def maps_of(folder: Path, images: int, root: Path, data_root: Path | None) -> tuple[str, Arrays]:
    """Return the recognition run that a run looks through, and its attention maps.

    Args:
        folder: Run directory; a retrieval run looks through its parent.
        images: How many test images, of as many persons, evenly spread over the split.
        root: Folder of all runs.
        data_root: Folder of the official release; None for an embedded data set.

    Returns:
        Profile and id of the run as a path; and ``rows`` ``(N,)`` of the manifest, ``pixels``
        ``(N, H, W, 3)`` uint8 and the maps of `look`, ``(N, h, w)`` float32.

    Raises:
        UserError: If the run has no cross-transformer, or its data are not there.
    """
    from clear_bench.models.attention_maps import look
    from clear_bench.prediction.why import require_looking
    from clear_bench.training.plan import reopen
    from clear_bench.training.trained_model import open_model

    opened = open_model(folder, root).recogniser
    require_looking(opened)
    dataset = reopen(opened.folder, root, data_root).dataset
    rows = spread(dataset.rows("test"), dataset.manifest["person"], images)
    paths = dataset.manifest["path"].to_numpy()
    pixels = np.stack([opened.read(dataset.root / paths[row]) for row in rows])
    place = f"{opened.record.profile}/{opened.folder.name}"
    return place, {"rows": rows, "pixels": pixels, **look(opened.model, pixels)}


def spread(rows: NDArray[np.intp], person: Any, count: int) -> NDArray[np.intp]:
    """Return up to ``count`` rows, one a person, evenly spread over a split.

    Args:
        rows: ``(R,)`` of the manifest.
        person: Identity of every row of the manifest.
        count: At most.
    """
    _, first = np.unique(np.asarray(person)[rows], return_index=True)
    ones = rows[np.sort(first)]
    return ones[np.unique(np.linspace(0, len(ones) - 1, min(count, len(ones))).round().astype(int))]


if __name__ == "__main__":
    main(app)
