"""Average precision and calibration of attribute recognition, which no threshold decides.

mAP is the mean over attributes of average precision; calibration error is the mean over attributes
of the distance between probability and share of positives in 15 bins, less is better.
"""

from clear_bench.report.tables.methods import by_method
from clear_bench.report.tables.model import Column, TableSpec

TABLE = TableSpec(
    build=by_method,
    order=4,
    task="recognition",
    columns=(
        Column("mAP", "mAP"),
        Column("calibration error", "ece", better=-1),
    ),
    sort="mAP",
)
