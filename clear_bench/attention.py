"""Where a trained cross-transformer looks: ``python -m clear_bench.attention RUN``.

Writes a small ``.npz`` that the figure of attention maps is drawn from, without torch.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from clear_bench.cli import main

if TYPE_CHECKING:
    from torch import Tensor, nn

app = typer.Typer(add_completion=False)
Arrays = dict[str, NDArray[Any]]


@app.command()
def attention(
    run: Annotated[
        str | None, typer.Argument(help="run directory, run id, or the beginning of one")
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
    from clear_bench.errors import UserError
    from clear_bench.recognition_run import save_arrays
    from clear_bench.record import find_run

    if images < 1:
        raise UserError(f"--images={images}: must be at least 1")
    for folder in [find_run(runs_root, run)] if run else first_runs(runs_root / profile):
        place, arrays = maps_of(folder, images, runs_root, data_root)
        file = out / f"{place}.npz"
        file.parent.mkdir(parents=True, exist_ok=True)
        save_arrays(file, arrays)
        print(file)


def first_runs(root: Path) -> list[Path]:
    """Return CLEAR's recognition runs of seed 0 below a folder that this code made.

    Raises:
        UserError: If there are none.
    """
    from clear_bench.errors import UserError
    from clear_bench.record import records
    from clear_bench.stale import is_stale

    found = [
        folder
        for folder, r in records(root)
        if (r.method, r.task, r.seed, r.status) == ("clear", "recognition", 0, "finished")
        and not is_stale(r)
    ]
    if not found:
        raise UserError(f"{root}: no run of CLEAR with seed 0 made by this code; train it first")
    return found


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
    from clear_bench.data.images import read_image
    from clear_bench.engine import SELECTED, load
    from clear_bench.errors import UserError, require_file
    from clear_bench.models.cross_transformer import CrossTransformer
    from clear_bench.plugins import load as load_plugin
    from clear_bench.recognition_run import model_config
    from clear_bench.runs import reopen

    opened = reopen(folder, root, data_root)
    opened = opened.parent or opened
    load_plugin("method", opened.config["method"])  # registers the model
    if not opened.section["train"]["epochs"]:
        raise UserError(
            f"{folder.name}: {opened.config['method']} learns nothing and looks nowhere"
        )
    schema = opened.dataset.schema
    built = model_config(opened.config, [0.5] * len(schema), schema, opened.folder)
    model = load(built, require_file(opened.folder / SELECTED, "train the run again"))
    if not isinstance(getattr(model, "trunk", None), CrossTransformer):
        raise UserError(f"{folder.name}: {opened.config['method']} has no cross-transformer")
    rows = spread(opened.dataset.rows("test"), opened.dataset.manifest["person"], images)
    size = tuple(opened.config["data"]["image_size"])
    paths = opened.dataset.manifest["path"].to_numpy()
    pixels = np.stack([read_image(opened.dataset.root / paths[row], size) for row in rows])
    place = f"{opened.config['profile']}/{opened.folder.name}"
    return place, {"rows": rows, "pixels": pixels, **look(model, pixels)}


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


def look(model: Any, pixels: NDArray[np.uint8]) -> Arrays:
    """Return where a model's cross-transformer looks in images.

    - ``vit``: attention rollout of the ViT branch (Abnar and Zuidema, ACL 2020): how much of each
      patch is in the class token after the last block.  The attention that a row pays to tokens
      is averaged over heads, mixed half and half with the residual path, and multiplied up.
    - ``swin``: the weights with which the ViT's class token reads Swin's tokens in the last
      layer of cross-fusion, mean over heads.  The class token's weight on itself is left out.
    - ``vit_cross``: the same in the other direction: the mean Swin token reads the ViT's patches.

    Each map sums to 1.  A network without a branch, or without a direction, has no such map.

    Args:
        model: A `RecognitionModel` with a `CrossTransformer` as ``trunk``, in eval mode.
        pixels: ``(N, H, W, 3)`` uint8.

    Returns:
        ``(N, h, w)`` float32, on the grid of the tokens that are looked at.
    """
    import torch

    from clear_bench.models.branches import SwinBranch, ViTBranch

    trunk = model.trunk
    kinds = {ViTBranch: "vit", SwinBranch: "swin"}
    sides = [kinds[type(branch)] for branch in trunk.branches]
    watched: dict[str, nn.Module] = {}
    for branch in trunk.branches:
        if isinstance(branch, ViTBranch):
            watched |= {f"block{k}": b.attn for k, b in enumerate(branch.trunk.blocks)}
    if len(trunk.cross):
        watched |= {f"cross{side}": module for side, module in trunk.cross[-1].items()}
    with torch.inference_mode(), recorded(watched) as seen:
        batch = {"images": torch.from_numpy(np.ascontiguousarray(pixels))}
        model.features(model.data_preprocessor(batch, False)["images"])
    grids = {s: grid_of(branch) for s, branch in zip(sides, trunk.branches, strict=True)}
    found = {}
    blocks = [seen[name] for name in watched if name.startswith("block")]
    if blocks:
        branch = trunk.branches[sides.index("vit")]
        found["vit"] = rollout(blocks)[:, branch.trunk.num_prefix_tokens :]
    for side in range(len(sides)):
        if f"cross{side}" in seen:
            name = "swin" if sides[1 - side] == "swin" else "vit_cross"
            found[name] = seen[f"cross{side}"].mean(axis=1)[:, 0, 1:]
    return {
        name: _shares(weights).reshape(len(pixels), *grids[name.split("_")[0]])
        for name, weights in found.items()
    }


def _shares(weights: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return weights ``(N, T)`` as shares of their sum."""
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def rollout(blocks: list[NDArray[np.floating]]) -> NDArray[np.float64]:
    """Return how much of each token is in the first one after the last block ``(N, T)``.

    Args:
        blocks: Attention ``(N, heads, T, T)`` of each block, first to last; rows sum to 1.
    """
    tokens = blocks[0].shape[-1]
    mixed = np.eye(tokens)[None]
    for block in blocks:
        mixed = (0.5 * block.mean(axis=1, dtype=np.float64) + 0.5 * np.eye(tokens)) @ mixed
    return mixed[:, 0]


def grid_of(branch: Any) -> tuple[int, int]:
    """Return rows and columns of a branch's tokens: patches, or Swin's last stage."""
    height, width = branch.trunk.patch_embed.grid_size
    for _ in range(len(getattr(branch.trunk, "layers", ())) - 1):  # Swin halves between stages
        height, width = -(-height // 2), -(-width // 2)
    return int(height), int(width)


@contextmanager
def recorded(watched: Mapping[str, "nn.Module"]) -> Iterator[Arrays]:
    """Record the attention that modules pay while they run.

    Every module here calls torch's fused attention, which keeps no weights; they are computed once
    more from its arguments.

    Args:
        watched: Name to a module that calls it once.

    Yields:
        Name to ``(N, heads, queries, keys)`` float32, filled while the modules run.
    """
    import torch
    from torch.nn import functional as F
    from torch.overrides import TorchFunctionMode

    found: Arrays = {}
    running: list[str] = []

    class Watch(TorchFunctionMode):
        """Sees each call of a function of torch."""

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if func is F.scaled_dot_product_attention and running:
                found[running[-1]] = _weights(args[0], args[1], (kwargs or {}).get("scale"))
            return func(*args, **(kwargs or {}))

    def _weights(query: "Tensor", key: "Tensor", scale: float | None) -> NDArray[np.float32]:
        factor = query.shape[-1] ** -0.5 if scale is None else scale
        weights = torch.softmax(factor * query.float() @ key.float().transpose(-2, -1), dim=-1)
        return weights.cpu().numpy()

    hooks = []
    for name, module in watched.items():
        hooks += [
            module.register_forward_pre_hook(lambda *_, name=name: running.append(name)),
            module.register_forward_hook(lambda *_: running.pop() and None),
        ]
    try:
        with Watch():
            yield found
    finally:
        for hook in hooks:
            hook.remove()


if __name__ == "__main__":
    main(app)
