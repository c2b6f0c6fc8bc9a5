"""The attribute schema: what the labels of a data set mean, in order, in groups and in English."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from clear_bench.utils.errors import Unavailable, UserError, unknown
from clear_bench.utils.foreign import read_bytes

AGAIN = "make it again"
LARGEST, MOST = 16 << 20, 10_000  # bytes and attributes of a schema
Slot = Literal["age", "person", "with", "wearing", "carrying", "doing"]


@dataclass(frozen=True)
class Attribute:
    """One binary label.

    Args:
        name: The column name, as in the data set's own documentation.
        slot: Where its words stand in a sentence: ``age`` (an adjective, "young"), ``person`` (a
            noun, "woman"), ``with`` ("long hair"), ``wearing`` ("a red top"), ``carrying``
            ("a backpack"), ``doing`` ("making a phone call").
        present: English for label 1, to be read after the slot's own word.
        absent: English for label 0, read in the same place ("no hat", "short hair").
        opposite: True where 0 is a value of its own rather than a lack ("man", "short hair"):
            such an absence is said even in descriptions that list positives only.
        group: Name of the exclusive group it belongs to, or "" if it stands alone.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    name: str
    slot: Slot
    present: str
    absent: str
    opposite: bool = False
    group: str = ""


@dataclass(frozen=True)
class Schema:
    """Ordered attributes of one label set.  Attributes of one group exclude each other."""

    attributes: tuple[Attribute, ...]

    def __post_init__(self) -> None:
        names = [a.name for a in self.attributes]
        if not all(name and name.isprintable() for name in names):
            raise UserError("attribute schema: an attribute without a printable name")
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise UserError(f"attribute schema: {', '.join(sorted(twice))} named twice")

    def __len__(self) -> int:
        return len(self.attributes)

    @cached_property
    def names(self) -> list[str]:
        """Attribute names in label order."""
        return [a.name for a in self.attributes]

    @cached_property
    def groups(self) -> list[list[int]]:
        """Columns of each group, in order of first appearance; a lone attribute is its own."""
        columns_of: dict[str, list[int]] = {}
        for column, attribute in enumerate(self.attributes):
            columns_of.setdefault(attribute.group or f"\0{attribute.name}", []).append(column)
        return list(columns_of.values())

    def index(self, name: str) -> int:
        """Return the column of an attribute.

        Raises:
            UserError: If there is none of that name; the nearest names are said.
        """
        if name not in self.names:
            raise unknown("attribute", name, self.names)
        return self.names.index(name)

    def column(self, words: str) -> int:
        """Return the column of an attribute by its name or by its English ("a backpack").

        The English is the same in several schemas whose names are not.

        Raises:
            Unavailable: If there is none; the nearest names are said.
        """
        english = [a.present for a in self.attributes]
        for known in (self.names, english):
            if words in known:
                return known.index(words)
        raise Unavailable(str(unknown("attribute", words, [*self.names, *english])))

    @property
    def one_hot_size(self) -> int:
        """Width of `one_hot`: for each group its members and one more for "none of them"."""
        return sum(len(group) + 1 for group in self.groups)

    def one_hot(self, labels: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the grouped one-hot code of attribute vectors, CLEAR's "hard" query.

        Each group gives its member bits and then a bit for "none"; so a lone binary becomes
        (present, absent).  A vector that breaks exclusivity simply has several member bits.

        Args:
            labels: ``(N, A)`` of 0 and 1.

        Returns:
            ``(N, one_hot_size)`` float32.
        """
        parts = []
        for group in self.groups:
            members = labels[:, group]
            parts += [members, ~members.any(axis=1, keepdims=True)]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def to_json(self) -> str:
        """Return the schema as JSON, one attribute a line, so that a diff shows what changed."""
        rows = ",\n ".join(json.dumps(asdict(a), sort_keys=True) for a in self.attributes)
        return f"[\n {rows}\n]\n"

    @classmethod
    def from_json(cls, text: str | bytes, label: str = "schema", advice: str = AGAIN) -> "Schema":
        """Return the schema that `to_json` wrote.

        Args:
            text: The JSON.
            label: What to name in an error.
            advice: What to do about it.

        Raises:
            UserError: If it is damaged.
        """
        try:
            attributes = TypeAdapter(list[Attribute]).validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            said = " ".join(f"{where} {first['msg']}".split())[:200]
            raise UserError(f"{label}: not the schema of a data set ({said}); {advice}") from None
        if not 0 < len(attributes) <= MOST:
            raise UserError(f"{label}: has {len(attributes)} attributes; {advice}")
        return cls(tuple(attributes))

    @classmethod
    def load(cls, file: Path, advice: str = AGAIN) -> "Schema":
        """Return the schema of a file.

        Raises:
            UserError: If it is missing or damaged.
        """
        return cls.from_json(read_bytes(file, advice, largest=LARGEST), str(file), advice)
