"""Files that a recognition network's training may start from, as a configuration names them.

``recognition.model.NETWORK.weights`` is the file of one network, ``recognition.init=c2t:FILE`` that
of a whole model.  `clear_bench.training.plan` puts the sha256 of each beside it; that, and not the
place, is what a run's identity holds.
"""

from collections.abc import Iterator, Mapping
from typing import Any

NETWORKS = ("vit", "swin", "resnet")
"""Sections of a model's settings that are a network of timm which a file may give its weights."""
C2T = "c2t:"
"""How ``recognition.init`` begins where a checkpoint of C2T-Net's follows."""


def networks(model: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the sections of a recognition model's settings that may have ``weights``."""
    return {key: model[key] for key in NETWORKS if isinstance(model.get(key), dict)}


def start_files(recipe: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str, str]]:
    """Yield each file that a recognition recipe starts from.

    Args:
        recipe: The section ``recognition`` of a configuration.

    Yields:
        Dotted key, the section that holds it, the key of its sha256 there, and the file.
    """
    init = str(recipe.get("init", ""))
    if init.startswith(C2T):
        yield "recognition.init", recipe, "init_sha256", init.removeprefix(C2T)  # type: ignore[misc]
    for name, network in networks(recipe.get("model", {})).items():
        if network.get("weights"):
            key = f"recognition.model.{name}.weights"
            yield key, network, "weights_sha256", str(network["weights"])


def by_content(recipe: dict[str, Any]) -> None:
    """Leave nothing of a file in a recipe but its sha256, where that is known; in place."""
    if recipe.get("init_sha256"):
        recipe["init"] = C2T
    for network in networks(recipe.get("model", {})).values():
        if network.get("weights_sha256"):
            network.pop("weights", None)
