"""The metrics under mmengine's loops: recognition over a loader, retrieval over a cached split."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import is_model_wrapper
from mmengine.registry import LOOPS, METRICS
from mmengine.runner import ValLoop

from clear_bench.data.images import open_array
from clear_bench.engine.inference import as_seen, rank_split
from clear_bench.metrics.recognition import recognition_metrics


@METRICS.register_module()
class RecognitionMetric(BaseMetric):
    """Recognition metrics of a split.

    Args:
        labels: ``.npy`` file of all rows' labels.
        threshold: See `recognition_metrics`.
        undefined: See `recognition_metrics`.
    """

    def __init__(self, labels: str, threshold: float, undefined: str) -> None:
        super().__init__()
        self.labels = np.load(labels, mmap_mode="r", allow_pickle=False)
        self.rule: Any = {"threshold": threshold, "undefined": undefined}

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep (row, probabilities) of each image of a batch."""
        for sample in data_samples:
            values = sample["probabilities"].float().cpu().numpy()
            self.results += list(zip(sample["rows"].tolist(), values, strict=True))

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Return the metrics of all images, each counted once."""
        once = dict(results)  # a distributed sampler repeats images to fill its last batch
        rows = np.array(sorted(once))
        probabilities = np.stack([once[row] for row in rows])
        return recognition_metrics(probabilities, self.labels[rows], **self.rule)


@LOOPS.register_module()
class RetrievalValLoop(ValLoop):
    """Validation of a retrieval model: all queries of a split against all of its images.

    A ranking needs the whole gallery at once, so this is no loop over batches, and every process
    of a distributed run simply does it all: features are cached, but for a model that trains its
    network, which encodes the split's images anew.

    Args:
        runner: The Runner.
        dataloader: Not used; mmengine wants one.
        evaluator: Not used; mmengine wants one.
        split: ``.npz`` file, see `clear_bench.engine.inference.rank_split`.
        rule: Arguments of the retrieval metrics.
        images: File of the pixels, see `open_array`.
    """

    def __init__(
        self,
        runner: Any,
        dataloader: Any,
        evaluator: Any,
        split: str,
        rule: dict[str, Any],
        images: str,
    ) -> None:
        super().__init__(runner, dataloader, evaluator)
        with np.load(split, allow_pickle=False) as arrays:
            self.split = dict(arrays)
        self.rule = rule
        self.pixels = open_array(images)

    @torch.no_grad()
    def run(self) -> dict[str, float]:
        """Evaluate once."""
        self.runner.call_hook("before_val")
        self.runner.call_hook("before_val_epoch")
        model = self.runner.model
        model.eval()
        inner = model.module if is_model_wrapper(model) else model
        metrics = rank_split(*as_seen(inner, self.split, self.pixels), **self.rule).metrics
        self.runner.call_hook("after_val_epoch", metrics=metrics)
        self.runner.call_hook("after_val")
        return metrics
