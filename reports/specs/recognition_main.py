"""Attribute recognition.

Mean accuracy mA over attributes; accuracy, precision and recall over images; F1 of mean precision
and mean recall.
"""

from clear_bench.report.tables.methods import by_method
from clear_bench.report.tables.model import Column, TableSpec

TABLE = TableSpec(
    build=by_method,
    order=1,
    task="recognition",
    columns=(
        Column("mA", "mA"),
        Column("Acc", "accuracy"),
        Column("Prec", "precision"),
        Column("Rec", "recall"),
        Column("F1", "f1"),
    ),
    sort="mA",
)
