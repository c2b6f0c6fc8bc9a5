"""Frozen, pre-trained sentence encoders, addressed by one name each; never random weights.

A name is a key of `PACKAGED` (encoders that come as plain packages) or a Hugging Face id such as
``openai-community/gpt2``.  ``name@pooling`` chooses how token states become one vector.
"""

from importlib.metadata import version
from pathlib import Path

from clear_bench.text import hub
from clear_bench.text.packaged import PACKAGED, Encoder
from clear_bench.utils.errors import Unavailable, UserError, unknown

POOLINGS = ("mean", "last", "prompt", "weighted", "clip")
"""Mean over tokens; last token; last token after a prompt that asks for one word (PromptEOL, Jiang
et al. 2024); mean weighted by position (SGPT, Muennighoff 2022); a CLIP model's own projection of
its text tower, which lies in one space with its images."""

CACHE = Path(".cache/text")


def load(name: str, cache: Path = CACHE) -> Encoder:
    """Return an encoder with its pre-trained weights.

    Args:
        name: Key of `PACKAGED` or hub id, with or without ``@pooling``.
        cache: Where a model that comes in pieces is put together, once.

    Raises:
        UserError: If the name is unknown, the package is not installed, or the hub and its cache
            do not have it.
    """
    require(name)
    base, pooling = _parse(name)
    if base in PACKAGED:
        return PACKAGED[base].make(PACKAGED[base].folders(), pooling, cache)
    if pooling == "clip":
        from clear_bench.text.clip import ClipText

        return ClipText(base)
    from clear_bench.text.transformer import Transformer

    return Transformer(base, pooling)


def unavailable(name: str) -> str:
    """Return in one line why an encoder cannot be loaded here; "" if it can, and for ``none``.

    Nothing is loaded.  The hub is asked only for what its local cache does not hold, for a few
    seconds at most.

    Raises:
        UserError: If the name is unknown, or its pooling does not fit: that is a mistake, not a
            lack.
    """
    if name == "none":
        return ""
    base, pooling = _parse(name)
    if base in PACKAGED:
        return PACKAGED[base].unavailable()
    reason, kind = hub.unavailable(base), hub.model_type(base)
    if not reason and kind == "clip" and pooling != "clip":
        raise UserError(f"text encoder {base}: is a CLIP, whose text tower is read by {base}@clip")
    if not reason and kind not in ("", "clip") and pooling == "clip":
        raise UserError(f"text encoder {base}: is a {kind}; @clip is for CLIP models, leave it out")
    return reason


def require(name: str) -> None:
    """Raise `Unavailable` if an encoder cannot be loaded here, see `unavailable`."""
    reason = unavailable(name)
    if reason:
        raise Unavailable(f"text encoder {name.partition('@')[0]}: {reason}")


def identity(name: str) -> str:
    """Return what determines an encoder's embeddings, without loading it.

    Raises:
        UserError: As `load`, but for a hub id whether it exists is not looked up.
    """
    base, pooling = _parse(name)
    if base not in PACKAGED:
        return f"{base}@{pooling}"
    require(base)
    packages = " ".join(f"{package}=={version(package)}" for package in PACKAGED[base].packages)
    return f"{base}@{pooling} {packages}"


def _parse(name: str) -> tuple[str, str]:
    """Return name and pooling of ``name@pooling``."""
    base, _, pooling = name.partition("@")
    if base not in PACKAGED and "/" not in base:
        raise unknown("text encoder", base, [*PACKAGED, "any/hugging-face-id"])
    default = PACKAGED[base].pooling if base in PACKAGED else "mean"
    if pooling and not default:
        raise UserError(f"text encoder {base}: gives no token states; pooling cannot be chosen")
    if pooling and pooling not in POOLINGS:
        raise unknown("pooling", pooling, POOLINGS)
    if pooling == "clip" and base in PACKAGED:
        raise UserError(f"text encoder {base}: is no CLIP model; @clip needs a hub id of one")
    return base, pooling or default
