"""Weights of one network out of a file that others made: person-specific pre-training and the like.

Prefixes are stripped by rule, Swins in mmdetection's layout get timm's names, and timm's own
functions rename and resample (positions, windows' biases, patches).  Every tensor is used or named,
and the network's body must be filled: a file of another depth or width is an error.
"""

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any

from timm.layers import resample_abs_pos_embed
from torch import Tensor

from clear_bench.engine.weight_files import flaw, is_plain
from clear_bench.models.released_layouts import is_mmdetection_swin, swin_by_timm
from clear_bench.utils.errors import UserError

ENDS = ("norm.", "fc_norm.", "attn_pool.")
"""What stands behind a network's body; a file may lack it, and it then stays as it was built."""


@dataclass(frozen=True)
class Fitted:
    """What of a file fits a network.

    Args:
        tensors: The network's names to tensors of the right shapes.
        unused: The file's names that are not used, to the reason.
        missing: The network's names that the file does not give.
    """

    tensors: dict[str, Tensor]
    unused: dict[str, str]
    missing: list[str]


def fitted(network: Any, weights: Mapping[str, Tensor], label: str) -> Fitted:
    """Return what of a file's tensors fits a network of timm.

    Args:
        network: The network; is not changed.
        weights: Name to tensor, from `clear_bench.engine.weight_files.read_weights`.
        label: The option and the file, for messages.

    Raises:
        UserError: If the file is of another network, or a tensor cannot be used.
    """
    own = network.state_dict()
    prefix = _prefix(weights, own, label)
    unused = {k: f"not under {prefix}" for k in weights if not k.startswith(prefix)}
    inside = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    if strange := [k for k, v in inside.items() if not is_plain(v)]:
        raise UserError(f"{label}: {strange[0]} is not a plain tensor")
    if is_mmdetection_swin(inside):
        inside = swin_by_timm(inside)
    renamed = _by_timm(network, inside, label)
    kept = {v.data_ptr() for v in renamed.values()}
    for name, tensor in inside.items():
        if name not in renamed and tensor.data_ptr() not in kept:
            unused[prefix + name] = "left out by timm"
    tensors = {}
    for name, tensor in renamed.items():
        if name not in own:
            unused[prefix + name] = "the network has no such tensor"
        elif wrong := flaw(tensor, own[name]):
            raise UserError(f"{label}: {name} {wrong}; is it a file of another network?")
        else:
            tensors[name] = tensor
    missing = [name for name in own if name not in tensors and "num_batches" not in name]
    _require_body(own, renamed, missing, label)
    return Fitted(tensors, unused, missing)


def _require_body(
    own: Mapping[str, Tensor], given: Mapping[str, Tensor], missing: list[str], label: str
) -> None:
    """Refuse a file that gives a part of the body, or a larger one."""
    body = {name for name in own if not name.startswith(ENDS)}
    empty = [name for name in missing if name in body]
    if len(empty) == len([name for name in body if "num_batches" not in name]):
        raise UserError(f"{label}: not one of its tensors fits; is it a file of another network?")
    if empty:
        raise UserError(f"{label}: lacks {empty[0]} and {len(empty) - 1} more of the network")
    parts = {name.partition(".")[0] for name in body}
    beyond = [n for n in given if n not in own and "." in n and n.partition(".")[0] in parts]
    if beyond:
        raise UserError(
            f"{label}: has {beyond[0]} and {len(beyond) - 1} more that the network does not have; "
            "choose the network it was made with"
        )


def _prefix(weights: Mapping[str, Tensor], own: Mapping[str, Tensor], label: str) -> str:
    """Return what stands before the network's names in a file: that before most of them.

    Raises:
        UserError: If the file holds two such networks.
    """
    known = {*own, *_mmdetection_names(own)}
    found: Counter[str] = Counter()
    for name in weights:
        parts = name.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in known:
                found["".join(f"{part}." for part in parts[:start])] += 1
    if not found:  # a layout that timm's own function may know
        return ""
    (best, most), *others = found.most_common(2)
    if others and others[0][1] == most:
        first, second = sorted((best, others[0][0]))
        raise UserError(
            f"{label}: holds two such networks, under '{first}' and '{second}'; keep one of them"
        )
    return best


def _mmdetection_names(own: Mapping[str, Tensor]) -> set[str]:
    """Return mmdetection's names of the parts of a Swin's blocks."""
    pairs = (("layers.", "stages."), (".attn.", ".attn.w_msa."), (".mlp.fc1.", ".ffn.layers.0.0."),
             (".mlp.fc2.", ".ffn.layers.1."))  # fmt: skip
    names = set()
    for name in own:
        for old, new in pairs:
            name = name.replace(old, new)
        names.add(name)
    return names


def _by_timm(network: Any, weights: dict[str, Tensor], label: str) -> dict[str, Tensor]:
    """Return weights renamed and resampled by the function of timm for that kind of network."""
    modules = [sys.modules[kind.__module__] for kind in type(network).__mro__]
    known = [m.checkpoint_filter_fn for m in modules if hasattr(m, "checkpoint_filter_fn")]
    if not known:
        return weights
    own = network.state_dict()
    # timm looks up the module of every bias, and there is none in a shallower network.
    ends = "relative_position_bias_table"
    aside = {k: v for k, v in weights.items() if k.endswith(ends) and k not in own}
    given = {k: v for k, v in weights.items() if k not in aside}
    try:
        if "pos_embed" in given and getattr(network, "pos_embed", None) is not None:
            given["pos_embed"] = _upright(given["pos_embed"], network)
        return {**known[0](given, network), **aside}
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError,
            ValueError) as error:  # fmt: skip
        cause = " ".join(str(error).split())[:160]
        raise UserError(f"{label}: timm cannot fit it to the network ({cause})") from error


def _upright(positions: Tensor, network: Any) -> Tensor:
    """Return positions of an upright image on the network's grid; timm takes any for a square.

    Args:
        positions: ``(1, prefix + N, D)``.
        network: The ViT.
    """
    prefix = 0 if network.no_embed_class else network.num_prefix_tokens
    count = positions.shape[1] - prefix
    if isqrt(count) ** 2 == count or positions.shape[1] == network.pos_embed.shape[1]:
        return positions
    width = next((isqrt(count // k) for k in (2, 3) if k * isqrt(count // k) ** 2 == count), 0)
    if not width:
        raise ValueError(
            f"{count} positions are not of an image once, twice or three times as high as wide"
        )
    grid = list(network.patch_embed.grid_size)
    return resample_abs_pos_embed(
        positions, grid, [count // width, width], num_prefix_tokens=prefix
    )
