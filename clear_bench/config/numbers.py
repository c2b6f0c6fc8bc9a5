"""Numbers versions: integers that are raised when a piece of code gives other numbers.

A run is stale if one of the versions behind it has been raised since; nothing else makes it so.
Where code lies, how it is written and what options it has besides do not matter: an option whose
neutral value gives the numbers from before it existed is left out of a run's identity at that
value.  A method's own version is in its file (`Method.numbers`), a data set's in its reader
(`Source.numbers`); all others are here.  ``tests/golden/test_numbers.py`` holds each against the
numbers that it stands for, and says which one to raise.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from clear_bench.config import plugins
from clear_bench.config.dataset_name import reader_of
from clear_bench.config.sections import TYPED, Config, Neutral
from clear_bench.config.start_files import by_content

VERSIONS: Mapping[str, int] = {
    "engine.recognition": 1,
    "engine.retrieval": 1,
    "images": 1,
    "protocol.recognition": 1,
    "protocol.retrieval": 1,
    "text": 1,
}
"""What is neither a method nor a data set.

- ``engine.TASK``: what training, encoding and evaluation do with what the others give;
- ``images``: decoding and resizing;
- ``protocol.TASK``: metrics and the rules of protocols; stands in their signatures too;
- ``text``: pseudo-descriptions and what embeds them.
"""


def versions_of(method: str, task: str, dataset: str, *, text: bool) -> dict[str, int]:
    """Return the versions behind a run, but for those behind its parent.

    Args:
        method: File name of the method.
        task: ``recognition`` or ``retrieval``.
        dataset: Name of the data set; the version is its reader's.
        text: Whether the run reads text.

    Raises:
        UserError: If there is no such method or data set.
    """
    names = [f"method.{method}.{task}", f"data.{reader_of(dataset)}", "images"]
    names += [f"engine.{task}", f"protocol.{task}", *(["text"] if text else [])]
    versions = {name: current(name) for name in names}
    return {name: version for name, version in versions.items() if version is not None}


def current(name: str) -> int | None:
    """Return the present version of a name of `versions_of`; None if there is no such thing."""
    kind, _, rest = name.partition(".")
    if kind == "method":
        method, _, task = rest.rpartition(".")
        if method not in plugins.available("method"):
            return None
        return int(plugins.written("method", method, "numbers", {}).get(task, 1))
    if kind == "data":
        if rest not in plugins.available("data set"):
            return None
        return int(plugins.written("data set", rest, "numbers", 1))
    return VERSIONS.get(name)


def neutral_of(method: str) -> dict[str, Any]:
    """Return dotted keys to the values that reproduce the numbers from before the key existed.

    Args:
        method: File name; its own options are among them (`Method.neutral`).
    """
    of_method = {}
    if method in plugins.available("method"):
        of_method = plugins.written("method", method, "neutral", {})
    return {**_of_sections(), "recognition.init_sha256": "", **of_method}


def identity(config: Mapping[str, Any]) -> Config:
    """Return what of a configuration determines numbers.

    Options at a neutral value are left out, and of a file there is its content and not its place.
    """
    kept = deepcopy(dict(config))
    by_content(kept.get("recognition", {}))
    for key, value in neutral_of(str(config["method"])).items():
        section, last = _section(kept, key)
        if section is not None and last in section and section[last] == value:
            del section[last]
    return kept


def completed(config: Mapping[str, Any]) -> Config:
    """Return the configuration of an older record with the options that it did not know yet."""
    full = deepcopy(dict(config))
    for key, value in neutral_of(str(config["method"])).items():
        section, last = _section(full, key)
        if section is not None:
            section.setdefault(last, value)
    return full


def _section(config: Config, key: str) -> tuple[Config | None, str]:
    """Return the section that holds a dotted key, None if it is not there, and its last word."""
    *path, last = key.split(".")
    section: Any = config
    for part in path:
        section = section.get(part) if isinstance(section, dict) else None
    return (section if isinstance(section, dict) else None), last


def _of_sections() -> dict[str, Any]:
    """Return the neutral values of the typed sections' options."""
    return {
        ".".join([*path, name]): mark.value
        for path, schema in TYPED.items()
        for name, field in schema.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, Neutral)
    }
