"""Where a cross-transformer looks: its attention as maps over an image."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from clear_bench.models.branches import ViTBranch

Arrays = dict[str, NDArray[Any]]


def look(model: Any, pixels: NDArray[np.uint8]) -> Arrays:
    """Return where a model's cross-transformer looks in images.

    - ``vit``: attention rollout of the ViT branch (Abnar and Zuidema, ACL 2020): how much of each
      patch is in the class token after the last block.  The attention that a row pays to tokens
      is averaged over heads, mixed half and half with the residual path, and multiplied up.
      Without a class token it is how much is in the summary, see `_read`.
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
    trunk = model.trunk
    sides = [branch.kind for branch in trunk.branches]
    watched: dict[str, nn.Module] = {}
    for branch in trunk.branches:
        if isinstance(branch, ViTBranch):
            watched |= {f"block{k}": b.attn for k, b in enumerate(branch.trunk.blocks)}
            if branch.trunk.attn_pool is not None:
                watched["pool"] = branch.trunk.attn_pool
    if len(trunk.cross):
        watched |= {f"cross{side}": module for side, module in trunk.cross[-1].items()}
    with torch.inference_mode(), recorded(watched) as seen:
        batch = {"images": torch.from_numpy(np.ascontiguousarray(pixels))}
        model.features(model.data_preprocessor(batch, False)["images"])
    grids = {s: grid_of(branch) for s, branch in zip(sides, trunk.branches, strict=True)}
    maps = {}
    blocks = [seen[name] for name in watched if name.startswith("block")]
    if blocks:
        branch = trunk.branches[sides.index("vit")]
        read = _read(branch, blocks[0].shape, seen.get("pool"))
        maps["vit"] = rollout(blocks, read)[:, branch.trunk.num_prefix_tokens :]
    for side in range(len(sides)):
        if f"cross{side}" in seen:
            name = "swin" if sides[1 - side] == "swin" else "vit_cross"
            maps[name] = seen[f"cross{side}"].mean(axis=1)[:, 1:]  # one query a head
    return {
        name: _shares(weights).reshape(len(pixels), *grids[name.split("_")[0]])
        for name, weights in maps.items()
    }


def _shares(weights: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return weights ``(N, T)`` as shares of their sum."""
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _read(branch: Any, shape: tuple[int, ...], pool: Any) -> NDArray[np.float64] | None:
    """Return the weights ``(N, T)`` with which a ViT's summary reads its tokens.

    None for a class token, which reads itself; those of the attention that pools, mean over heads;
    or equal ones of the patches.

    Args:
        branch: The ViT branch.
        shape: Of a block's attention, ``(N, heads, T, T)``.
        pool: Attention of the pooling, if it pools by attention.
    """
    if branch.has_class_token:
        return None
    prefix = branch.trunk.num_prefix_tokens
    weights = np.zeros((shape[0], shape[-1]))
    weights[:, prefix:] = 1 / (shape[-1] - prefix) if pool is None else pool.mean(axis=(1, 2))
    return weights


def rollout(
    blocks: list[NDArray[np.floating]], read: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """Return how much of each token is in what is read after the last block ``(N, T)``.

    Args:
        blocks: Attention ``(N, heads, T, T)`` of each block, first to last; rows sum to 1.
        read: ``(N, T)`` weights of the tokens that are read; None reads the first.
    """
    tokens = blocks[0].shape[-1]
    mixed = np.eye(tokens)[None]
    for block in blocks:
        mixed = (0.5 * block.mean(axis=1, dtype=np.float64) + 0.5 * np.eye(tokens)) @ mixed
    return mixed[:, 0] if read is None else np.einsum("nt,ntu->nu", read, mixed)


def grid_of(branch: Any) -> tuple[int, int]:
    """Return rows and columns of a branch's tokens: patches, or Swin's last stage."""
    height, width = branch.trunk.patch_embed.grid_size
    for _ in range(len(getattr(branch.trunk, "layers", ())) - 1):  # Swin halves between stages
        height, width = -(-height // 2), -(-width // 2)
    return int(height), int(width)


@contextmanager
def recorded(watched: Mapping[str, nn.Module]) -> Iterator[Arrays]:
    """Record the attention that modules pay while they run.

    Every module here calls torch's fused attention, which keeps no weights; they are computed once
    more from its arguments.

    Args:
        watched: Name to a module that calls it once.

    Yields:
        Name to ``(N, heads, queries, keys)`` float32, or without the third axis where a head has
        one query; filled while the modules run.
    """
    attention: Arrays = {}
    running: list[str] = []

    class Watch(TorchFunctionMode):
        """Sees each call of a function of torch."""

        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if func is F.scaled_dot_product_attention and running:
                attention[running[-1]] = _weights(args[0], args[1], (kwargs or {}).get("scale"))
            return func(*args, **(kwargs or {}))

    def _weights(query: Tensor, key: Tensor, scale: float | None) -> NDArray[np.float32]:
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
            yield attention
    finally:
        for hook in hooks:
            hook.remove()
