"""What a method costs to train and to apply.

Parameters, floating-point operations of a forward pass, training speed and time without
validation, and peak memory of the process.
"""

from clear_bench.report.tables.methods import by_cost
from clear_bench.report.tables.model import Column, TableSpec

TABLE = TableSpec(
    build=by_cost,
    order=8,
    columns=(
        Column("params (M)", "parameters", 0, 2, 1e-6, spread=False),
        Column("trained (M)", "trainable_parameters", 0, 2, 1e-6, spread=False),
        Column("MFLOPs", "flops_per_image", 0, 1, 1e-6, spread=False),
        Column("images/s", "images_per_second", 0, 0, 1.0),
        Column("training (s)", "train_seconds", 0, 1, 1.0),
        Column("memory (MB)", "peak_memory_bytes", 0, 0, 1e-6),
    ),
    options={
        "notes": {
            "recognition": "",
            "retrieval": "Of what learns on the parent's frozen features; the parent's own cost "
            "is in the table of recognition.",
        }
    },
)
