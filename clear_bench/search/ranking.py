"""The answer to a query: the images of a gallery, best first."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clear_bench.search.output import Hit
from clear_bench.search.question import Question
from clear_bench.search.search_engine import Engine


def ranking(engine: Engine, index: Path, names: Sequence[str], question: Question) -> list[Hit]:
    """Return the readable images of a gallery, best first; equal scores in the gallery's order.

    Args:
        engine: The method's.
        index: From `Engine.index`.
        names: Of all its images.
        question: What is asked.
    """
    scores = engine.score(index, question.asked, question.embedded)
    rows = np.load(index / "rows.npy")
    threshold = engine.run.recogniser.record.threshold
    present = np.load(index / "probabilities.npy", mmap_mode="r") > threshold
    attributes = np.array(engine.schema.names)
    return [
        Hit(rank, names[rows[k]], float(scores[k]), attributes[present[k]].tolist())
        for rank, k in enumerate(np.argsort(-scores, kind="stable"), 1)
    ]
