"""What a method's file exposes as ``METHOD``: its recipes, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clear_bench.config.options import Declared

TASKS = ("recognition", "retrieval")


@dataclass(frozen=True)
class Method:
    """One published method.

    A recipe has the sections ``model`` (``type`` names a class in mmengine's MODELS registry, the
    rest are its arguments), ``train`` (departures from the common training settings), ``text``
    (encoder and template; leave it out if the method reads no text) and, for retrieval,
    ``parent`` (the method whose recognition run gives the features).

    Three arguments of a recognition model come from the schema: ``phrases``, the file of the
    attributes' text embeddings, if there is a ``text``; and, if the recipe's model has that
    argument and leaves it empty, ``groups``, the group of each attribute, and ``views``, the
    columns of those that are viewpoints (the group "view").

    Args:
        title: Name in print.
        cite: The paper, in a few words.
        family: What it stands among in a table, one of `clear_bench.config.citation.FAMILIES`.
        backbone: Profile to its image network in print, ``default`` for all profiles not named;
            empty where it reads a parent's features.
        papers: What `clear_bench.config.citation.Citation` holds of each paper, the method's own
            first; or the name of the method whose papers they are.  Written out as plain values.
        recognition: Recipe of that task, or None if the method has no such task.
        retrieval: The same for retrieval.
        numbers: Task to its numbers version, 1 if left out; raised when the method's numbers of
            that task change, and written out as plain values, see `clear_bench.config.numbers`.
        neutral: Full dotted key of an option that is younger than the numbers to the value at
            which they are as before it; written out as plain values.
        options: Task to what the settings of its model may be; every one of them is declared.
        profiles: Profile name to what it changes, with the full keys of a configuration
            (``{"paper": {"recognition": {"model": {...}}}}``).
        datasets: The same for a data set that the published code has values of its own for; over
            the profile.
    """

    title: str
    cite: str
    family: str = "other"
    backbone: Mapping[str, str] = field(default_factory=dict)
    papers: Sequence[Mapping[str, Any]] | str = ()
    recognition: Mapping[str, Any] | None = None
    retrieval: Mapping[str, Any] | None = None
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    datasets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    neutral: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Declared] = field(default_factory=dict)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks it has a recipe for, parents first."""
        return tuple(task for task in TASKS if getattr(self, task) is not None)
