"""One command's answer: crops through a run to a file, and what was bad on standard error."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from clear_bench.prediction.output import Wanted, writing
from clear_bench.prediction.predictor import open_recogniser, predict, threshold_of
from clear_bench.prediction.sources import Bad, Crop
from clear_bench.prediction.why import Pictures
from clear_bench.utils.progress import Counter


@dataclass(frozen=True)
class Answer:
    """How an answer is given.

    Args:
        form: A key of `clear_bench.prediction.output.WRITERS`.
        out: File; None is standard output.
        absent: Whether absent attributes are written too.
        why: Whether pictures of attention are written beside ``out``, or in the current folder.
        places: See `Wanted`.
    """

    form: str
    out: Path | None
    absent: bool
    why: bool
    places: tuple[str, ...]

    def give(self, run: Path, runs_root: Path, crops: Iterable[Crop | Bad]) -> list[Bad]:
        """Write the answer for some crops and return what was bad, after saying so.

        Args:
            run: Run directory.
            runs_root: Folder of runs.
            crops: What is asked for.

        Raises:
            UserError: If the run cannot answer like that.
        """
        opened = open_recogniser(run, runs_root)
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))  # one core decodes
        folder = self.out.parent if self.out else Path()
        pictures = Pictures(opened, folder) if self.why else None
        wanted = Wanted(opened.schema.names, threshold_of(opened), self.absent, self.places)
        bad: list[Bad] = []
        with writing(self.form, self.out, wanted) as writer, Counter("images") as counter:
            for batch, probabilities in predict(opened, crops):
                for each in batch.bad:
                    print(each.cause, file=sys.stderr)
                bad += batch.bad
                writer.add(batch.crops, probabilities)
                counter.add(len(batch.crops))
                if pictures and batch.crops:
                    for file in pictures.write(batch.crops, np.stack(batch.pixels)):
                        print(file, file=sys.stderr)
        if self.out:
            print(f"{self.out}: {counter.count} images by {opened.record.run_id}")
        return bad
