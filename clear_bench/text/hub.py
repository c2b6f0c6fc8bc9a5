"""Whether a model of the Hugging Face hub can be had here: told within seconds, offline too."""

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Thread

SECONDS = 4.0  # for one answer of the hub
LIMIT = 8.0  # for everything, a name server that is silent included
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
WORDS = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model")


def unavailable(source: str) -> str:
    """Return in one line why a model cannot be had; "" if it can.

    Args:
        source: Hub id or folder.
    """
    if Path(source).is_dir():
        loadable = (Path(source) / "config.json").is_file()
        return "" if loadable else "cannot be loaded (a folder without config.json)"
    if source.startswith((".", "~")) or source.count("/") != 1 or source.strip("/") != source:
        return "no such folder"  # and no hub id, which is OWNER/NAME
    if kept(source):
        return ""
    reason = asked(source)
    if not reason:
        return ""
    return (
        f"cannot be loaded (no such folder, nor in the local hub cache; {reason}); run once where "
        "the hub is reachable, or choose a packaged one"
    )


def kept(source: str) -> bool:
    """Return whether the local hub cache holds a model: configuration, weights and tokenizer."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    def any_of(names: tuple[str, ...]) -> bool:
        return any(isinstance(try_to_load_from_cache(source, name), str) for name in names)

    try:
        return all(any_of(names) for names in (("config.json",), WEIGHTS, WORDS))
    except HFValidationError:  # no name that a hub id can have
        return False


def model_type(source: str) -> str:
    """Return the family that a model's configuration names; "" where none is here or is said."""
    from huggingface_hub import try_to_load_from_cache

    if Path(source).is_dir():
        file: object = str(Path(source) / "config.json")
    else:
        file = try_to_load_from_cache(source, "config.json") if kept(source) else None
    if not isinstance(file, str) or not Path(file).is_file():
        return ""
    try:
        said = json.loads(Path(file).read_text(encoding="utf-8"))
    except ValueError:  # transformers says what is wrong with it
        return ""
    return str(said.get("model_type", "")) if isinstance(said, dict) else ""


@lru_cache
def asked(source: str) -> str:
    """Return why the hub cannot give a model; asked once a process."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE forbids to ask the hub"
    if silence := _silence():
        return silence
    try:
        return _within(lambda: HfApi().model_info(source, timeout=SECONDS))
    except RepositoryNotFoundError:
        return "the hub knows no such model, or keeps it for some"
    except HFValidationError:
        return "neither a folder nor a hub id"


@lru_cache
def _silence() -> str:
    """Return why the hub does not answer at all; asked once a process, whatever the model."""
    from huggingface_hub import constants, get_session

    return _within(lambda: get_session().head(constants.ENDPOINT, timeout=SECONDS))


def _within(ask: Callable[[], object]) -> str:
    """Return "" if a question is answered within `LIMIT`, else why not.

    What the hub itself says of a model is raised.
    """
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    errors: list[Exception] = []

    def run() -> None:
        try:
            ask()
        except Exception as error:  # told below: a thread's own traceback would be noise
            errors.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT)
    if thread.is_alive():
        return f"no answer from the hub in {LIMIT:g} s"
    if not errors:
        return ""
    if isinstance(errors[0], RepositoryNotFoundError | HFValidationError):
        raise errors[0]
    cause = (str(errors[0]).strip().splitlines() or [""])[0][:120]
    return f"no answer from the hub: {type(errors[0]).__name__} {cause}".rstrip()
