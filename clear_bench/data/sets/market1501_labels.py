"""What Market-1501's annotation means: fields, columns, and the three label sets made of them.

- ``30``: 26 binary fields and the four values of age as columns of their own.
- ``27``: one column a field; age, which has four values, is 1 for adult or old.  Categories are
  therefore fewer than under ``30``.
- ``39``: the ten categorical groups with every state as a column, "no bag", "no such upper colour"
  and "no such lower colour" included; one column of each group is 1.  This is ASMR's query code
  (4 + 4 + 10 + 9 + 6 x 2), in its order.
"""

from typing import TYPE_CHECKING

import numpy as np

from clear_bench.data.schema import Attribute, Schema
from clear_bench.utils.errors import unknown

if TYPE_CHECKING:
    import pandas as pd

UPPER_COLORS = ("black", "white", "red", "purple", "yellow", "gray", "blue", "green")
LOWER_COLORS = ("black", "white", "pink", "purple", "yellow", "gray", "blue", "green", "brown")


def _color(field: str, color: str, noun: str, article: str, group: str) -> Attribute:
    """Return the attribute of one colour of the upper or the lower body."""
    phrase = f"{color} {noun}"
    return Attribute(f"{field}{color}", "wearing", article + phrase, f"no {phrase}", group=group)


SCHEMA = Schema(
    (
        Attribute("female", "person", "woman", "man", opposite=True),
        Attribute("young", "age", "young", "not young", group="age"),
        Attribute("teenager", "age", "teenage", "not teenage", group="age"),
        Attribute("adult", "age", "adult", "not adult", group="age"),
        Attribute("old", "age", "old", "not old", group="age"),
        Attribute("long_hair", "with", "long hair", "short hair", opposite=True),
        *(_color("up", color, "top", "a ", "upper_color") for color in UPPER_COLORS),
        Attribute("short_sleeves", "wearing", "short sleeves", "long sleeves", opposite=True),
        *(_color("down", color, "bottoms", "", "lower_color") for color in LOWER_COLORS),
        Attribute("short_lower", "wearing", "short bottoms", "long bottoms", opposite=True),
        Attribute("pants", "wearing", "trousers", "a dress", opposite=True),
        Attribute("hat", "wearing", "a hat", "no hat"),
        Attribute("backpack", "carrying", "a backpack", "no backpack", group="bag"),
        Attribute("bag", "carrying", "a bag", "no bag", group="bag"),
        Attribute("handbag", "carrying", "a handbag", "no handbag", group="bag"),
    )
)

RENAMED = {
    "female": "gender",
    "long_hair": "hair",
    "short_sleeves": "up",
    "short_lower": "down",
    "pants": "clothes",
}
"""Column to the field whose code 2 it is; the others are called as in the file, but for age."""

AGES = ("young", "teenager", "adult", "old")
"""Columns of the field ``age``, whose codes are 1 to 4."""


def coded_field(column: str) -> tuple[str, int]:
    """Return the field of the annotation file and the code that mean label 1 in a column."""
    if column in AGES:
        return "age", AGES.index(column) + 1
    return RENAMED.get(column, column), 2


_BY_NAME = dict(zip(SCHEMA.names, SCHEMA.attributes, strict=True))
_NO_FIELD_OF_AGE = [a for a in SCHEMA.attributes if a.name not in AGES]
GROWN_UP = Attribute("grown_up", "age", "grown-up", "young", opposite=True)

OPPOSITES = {
    "pants": Attribute("dress", "wearing", "a dress", "trousers"),
    "short_lower": Attribute("long_lower", "wearing", "long bottoms", "short bottoms"),
    "short_sleeves": Attribute("long_sleeves", "wearing", "long sleeves", "short sleeves"),
    "long_hair": Attribute("short_hair", "with", "short hair", "long hair"),
    "hat": Attribute("no_hat", "wearing", "no hat", "a hat"),
    "female": Attribute("male", "person", "man", "woman"),
}
"""Column of a binary field to the column of its other state, in ASMR's order."""

NONE = {
    "bag": Attribute("no_bag", "carrying", "no bag", "a bag"),
    "lower_color": Attribute(
        "no_lower_color", "wearing", "bottoms of another color", "no other color"
    ),
    "upper_color": Attribute(
        "no_upper_color", "wearing", "a top of another color", "no other color"
    ),
}
"""Group to the column that says that it has no value: "no colour" is a state, not a gap."""


STATES = {
    "bag": ("backpack", "bag", "handbag"),
    "lower_color": tuple(f"down{c}" for c in sorted(LOWER_COLORS)),
    "upper_color": ("upblack", "upblue", "upgreen", "upgray", "uppurple", "upred", "upwhite",
                    "upyellow"),
}  # fmt: skip
"""Group to its columns in ASMR's order, which is that of the fields of the train struct."""


def _stated() -> list[list[Attribute]]:
    """Return the ten groups of label set ``39``, each with all of its states."""
    groups = [[_BY_NAME[name] for name in AGES]]
    groups += [[none, *(_BY_NAME[n] for n in STATES[group])] for group, none in NONE.items()]
    groups += [[other, _BY_NAME[name]] for name, other in OPPOSITES.items()]
    return groups


def _grouped(attributes: list[Attribute], group: str) -> list[Attribute]:
    """Return attributes as members of one exclusive group, none of which is an opposite."""
    return [Attribute(a.name, a.slot, a.present, a.absent, group=group) for a in attributes]


GROUP_NAMES = ("age", "bag", "lower_color", "upper_color", *OPPOSITES)
SCHEMAS = {
    "30": SCHEMA,
    "27": Schema((_NO_FIELD_OF_AGE[0], GROWN_UP, *_NO_FIELD_OF_AGE[1:])),
    "39": Schema(
        tuple(
            a
            for name, group in zip(GROUP_NAMES, _stated(), strict=True)
            for a in _grouped(group, name)
        )
    ),
}
"""Label set to its schema; the first is the default."""


def schema_of(label_set: str) -> Schema:
    """Return the schema of a label set.

    Raises:
        UserError: If there is none of that name.
    """
    if label_set not in SCHEMAS:
        raise unknown("label set", label_set, SCHEMAS)
    return SCHEMAS[label_set]


def relabel(table: "pd.DataFrame", label_set: str) -> "pd.DataFrame":
    """Return the columns of a label set, made of those of ``30``.

    Args:
        table: One row an identity, columns of `SCHEMA`.
        label_set: Key of `SCHEMAS`.
    """
    import pandas as pd

    columns = {name: table[name] for name in SCHEMA.names}
    columns["grown_up"] = table["adult"] | table["old"]
    for name, other in OPPOSITES.items():
        columns[other.name] = 1 - table[name]
    for group, none in NONE.items():
        members = [a.name for a in SCHEMA.attributes if a.group == group]
        columns[none.name] = 1 - table[members].max(axis=1)
    wanted = SCHEMAS[label_set].names
    return pd.DataFrame({name: columns[name].astype(np.uint8) for name in wanted})
