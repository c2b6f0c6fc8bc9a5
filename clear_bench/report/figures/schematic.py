"""Schematic of CLEAR with the sizes that a profile gives it, drawn from its recipe."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch

from clear_bench.config.compose import compose
from clear_bench.report.figures.looks import look_of
from clear_bench.report.figures.material import Material
from clear_bench.report.figures.picture import NotDrawn, Picture
from clear_bench.report.figures.qualitative import sheet
from clear_bench.report.figures.widths import COLUMN, WIDE
from clear_bench.utils.errors import UserError

HALF, HIGH, LEGEND = 3.15, 3.05, 0.26  # inches: of each half of the picture, and of the legend
KINDS = {"data": "data", "published": "published networks", "own": "CLEAR's parts"}
"""What a box stands for, in the legend."""

Point = tuple[float, float]


def schematic(material: Material, method: str) -> Iterator[Picture | NotDrawn]:
    """Draw CLEAR as a profile builds it: recognition, and the retrieval on top of it.

    Side by side in the text, above each other in a column.

    Args:
        material: Its runs say which profiles there are.
        method: Key of CLEAR.
    """
    runs = [run.record for run in material.results.runs
            if run.usable and run.record.method == method and not run.record.overrides]  # fmt: skip
    profiles = sorted({run.profile for run in runs})
    for profile in profiles:
        mine = [run for run in runs if run.profile == profile]
        config = compose(method, mine[0].dataset, profile)
        _check(config)
        width = material.inches(WIDE)
        beside = width > COLUMN
        size = (width, LEGEND + (HIGH if beside else 2 * HIGH))
        figure, axis = sheet(*size)
        _recognition(axis, (0.05, 0.0), config)
        _retrieval(axis, (width - HALF, 0.0) if beside else (0.05, HIGH), config)
        color = look_of(method).color
        looks = {kind: _look(kind, color) for kind in KINDS}
        entries = [Patch(label=KINDS[kind], **look) for kind, look in looks.items()]
        axis.legend(handles=entries, loc="lower center", ncols=3, borderaxespad=0.2)
        caption = (
            f"Sizes of the profile {profile}; A is the number of attributes. What is inferred of "
            "CLEAR, which has no released code, is said in docs/fidelity.md."
        )
        yield Picture(profile, figure, caption, tuple(run.run_id for run in mine))
    if not profiles:
        yield NotDrawn("", f"no finished, current run of {method}, so no profile to draw it of")


def _check(config: Mapping[str, Any]) -> None:
    """Raise a `UserError` where a recipe is not of the form that is drawn."""
    trunk, head = config["recognition"]["model"], config["retrieval"]["model"]
    if sorted(trunk["branches"]) != ["swin", "vit"] or trunk["fusion"] != "both":
        raise UserError("the schematic is of a ViT and a Swin branch that both look across")
    if head["embedding"] != "both":
        raise UserError("the schematic is of a query of both text and one-hot code")


def sizes(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what is written into the boxes, each a few lines.

    A width that only the published network's name implies is not written: the name is.

    Args:
        config: CLEAR's, composed for a profile.
    """
    model, head = config["recognition"]["model"], config["retrieval"]["model"]
    height, width = config["data"]["image_size"]
    vit, swin = model["vit"], model["swin"]
    patch = vit.get("patch_size") or _patch(vit["name"])
    windows = swin.get("patch_size") or _patch(swin["name"])
    coarse = windows * 2 ** (len(swin.get("depths", range(4))) - 1)
    joined = 2 * head["dim"] if head["combine"] == "concat" else head["dim"]
    across = f"cross-attention \N{MULTIPLICATION SIGN}{model['depth']}, {model['heads']} heads"
    layers = {d: f"{d} layer{'s' * (d != 1)}" for d in (head["depth"], head["visual_depth"])}
    channels = (
        "channel attention: off" if swin.get("channel_attention") == "off"
        else f"channel attention: {len(swin['channel_stages'])} stages"
    )  # fmt: skip
    return {
        "image": f"image, {height} \N{MULTIPLICATION SIGN} {width} pixels",
        "vit": f"ViT, the whole image\n{_vit(vit)}\n"
               f"{_grid(height, width, patch)} patches of {patch}",
        "swin": f"Swin, local windows\n{_swin(swin)}\n{channels}\n"
                f"{_grid(height, width, coarse)} tokens at the end",
        "vit_cross": f"class token, width {model['dim']}\n{across}\nover Swin's tokens",
        "swin_cross": f"mean token, width {model['dim']}\n{across}\nover ViT's patches",
        "feature": f"feature: both, normed, side by side, {2 * model['dim']}",
        "head": "linear, A attributes",
        "query": "query: A attributes, each yes or no",
        "words": f"pseudo-\ndescription\n({config['retrieval']['text']['template']})",
        "language": f"language\nmodel, frozen\n({config['retrieval']['text']['encoder']})",
        "one_hot": "one-hot\ncode, A",
        "f_text": f"adapter\n{layers[head['depth']]}\nto {head['dim']}",
        "f_attr": f"adapter\n{layers[head['depth']]}\nto {head['dim']}",
        "f_vis": f"adapter\n{layers[head['visual_depth']]}\nto {joined}",
        "frozen": f"feature of\nan image,\nfrozen, {2 * model['dim']}",
        "joined": f"query, {'side by side' if head['combine'] == 'concat' else 'sum'}, {joined}",
        "similarity": "cosine similarity ranks the images",
    }  # fmt: skip


def _patch(name: str) -> int:
    """Return the side of a patch in pixels, which a network's name says.

    Raises:
        UserError: If it does not.
    """
    found = re.search(r"patch(\d+)", name)
    if found is None:
        raise UserError(f"{name}: its name does not say how large its patches are")
    return int(found[1])


def _grid(height: int, width: int, step: int) -> str:
    """Return how many patches there are down and across."""
    return f"{height // step} \N{MULTIPLICATION SIGN} {width // step}"


def _vit(vit: Mapping[str, Any]) -> str:
    """Return a ViT's depth and width, or the name of the published one."""
    if {"depth", "embed_dim", "num_heads"} <= set(vit):
        return f"{vit['depth']} blocks, width {vit['embed_dim']}, {vit['num_heads']} heads"
    return _name(vit["name"])


def _swin(swin: Mapping[str, Any]) -> str:
    """Return a Swin's depths and widths, or the name of the published one."""
    if {"depths", "embed_dim"} <= set(swin):
        depths = "+".join(map(str, swin["depths"]))
        last = swin["embed_dim"] * 2 ** (len(swin["depths"]) - 1)
        return f"{depths} blocks, width {swin['embed_dim']}\N{EN DASH}{last}"
    return _name(swin["name"])


def _name(name: str) -> str:
    """Return a published network's name without its weights and sizes."""
    return re.split(r"_patch|\.", name)[0].replace("_", " ")


def _recognition(axis: Axes, corner: Point, config: Mapping[str, Any]) -> None:
    """Draw recognition, from the image above to the attributes below."""
    words = sizes(config)
    left, right, middle = 0.8, 2.4, 1.6
    place = {
        "image": ((middle, 0.42), (1.5, 0.2), "data"),
        "vit": ((left, 0.98), (1.54, 0.6), "published"),
        "swin": ((right, 0.98), (1.54, 0.6), "published"),
        "vit_cross": ((left, 1.83), (1.4, 0.48), "own"),
        "swin_cross": ((right, 1.83), (1.4, 0.48), "own"),
        "feature": ((middle, 2.42), (2.7, 0.2), "data"),
        "head": ((middle, 2.8), (1.5, 0.2), "own"),
    }
    axis.text(corner[0], corner[1] + 0.16, "Recognition", fontsize=8, fontweight="bold",
              va="center")  # fmt: skip
    at = _boxes(axis, corner, place, words)
    for side, x in (("vit", left), ("swin", right)):
        _arrow(axis, at["image", "below"], at[side, "above"])
        _arrow(axis, at[side, "below"], at[f"{side}_cross", "above"])
        _arrow(axis, at[f"{side}_cross", "below"], (corner[0] + x, at["feature", "above"][1]))
    for start, end in (("vit", "swin_cross"), ("swin", "vit_cross")):
        _arrow(axis, at[start, "below"], at[end, "above"], dashed=True)
    _arrow(axis, at["feature", "below"], at["head", "above"])


def _retrieval(axis: Axes, corner: Point, config: Mapping[str, Any]) -> None:
    """Draw retrieval, from query and feature above to the similarity below."""
    words = sizes(config)
    one, two, three = 0.5, 1.62, 2.66
    place = {
        "query": ((0.5 * (two + three), 0.42), (2.0, 0.2), "data"),
        "frozen": ((one, 1.3), (0.8, 0.48), "data"),
        "words": ((two, 0.86), (0.9, 0.46), "data"),
        "language": ((two, 1.42), (0.9, 0.46), "published"),
        "one_hot": ((three, 1.14), (0.8, 0.36), "data"),
        "f_vis": ((one, 2.0), (0.8, 0.46), "own"),
        "f_text": ((two, 2.0), (0.9, 0.46), "own"),
        "f_attr": ((three, 2.0), (0.8, 0.46), "own"),
        "joined": ((0.5 * (two + three), 2.46), (1.9, 0.2), "data"),
        "similarity": ((1.6, 2.86), (2.4, 0.2), "own"),
    }
    axis.text(corner[0], corner[1] + 0.16, "Retrieval", fontsize=8, fontweight="bold",
              va="center")  # fmt: skip
    at = _boxes(axis, corner, place, words)
    for start, end in (("words", "language"), ("language", "f_text"), ("one_hot", "f_attr"),
                       ("frozen", "f_vis")):  # fmt: skip
        _arrow(axis, at[start, "below"], at[end, "above"])
    for x, end in ((two, "words"), (three, "one_hot")):
        _arrow(axis, (corner[0] + x, at["query", "below"][1]), at[end, "above"])
    for start in ("f_text", "f_attr"):
        _arrow(axis, at[start, "below"], (at[start, "below"][0], at["joined", "above"][1]))
    low = at["similarity", "above"][1]
    _arrow(axis, at["f_vis", "below"], (at["f_vis", "below"][0], low))
    _arrow(axis, at["joined", "below"], (at["joined", "below"][0], low))


def _boxes(
    axis: Axes,
    corner: Point,
    place: Mapping[str, tuple[Point, Point, str]],
    words: Mapping[str, str],
) -> dict[tuple[str, str], Point]:
    """Draw boxes with their words and return where arrows may begin (below) and end (above)."""
    color = look_of("clear").color
    ends = {}
    for name, ((x, y), (width, height), kind) in place.items():
        x, y = x + corner[0], y + corner[1]
        axis.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2), width, height, gid=name, zorder=2,
                boxstyle="round,pad=0,rounding_size=0.04", **_look(kind, color),
            )
        )  # fmt: skip
        axis.text(x, y, words[name], fontsize=7, ha="center", va="center", linespacing=1.1,
                  gid=name, zorder=3)  # fmt: skip
        ends[name, "above"] = (x, y - height / 2)
        ends[name, "below"] = (x, y + height / 2)
    return ends


def _look(kind: str, color: str) -> dict[str, Any]:
    """Return how a kind of box looks, also without colour: by its line's width and style."""
    looks: dict[str, dict[str, Any]] = {
        "data": {"facecolor": "white", "edgecolor": "0.35", "linewidth": 0.6, "linestyle": "--"},
        "published": {"facecolor": "0.91", "edgecolor": "0.35", "linewidth": 0.6},
        "own": {"facecolor": f"{color}26", "edgecolor": color, "linewidth": 1.3},
    }
    return looks[kind]


def _arrow(axis: Axes, start: Point, end: Point, *, dashed: bool = False) -> None:
    """Draw an arrow; a dashed one carries the tokens that are looked at."""
    axis.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=6, shrinkA=0, shrinkB=0, zorder=1,
            linewidth=0.7, color="0.2", linestyle="--" if dashed else "-",
        )
    )  # fmt: skip
