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
from clear_bench.engine.schedules import TRAINING_LOSS, VAL_LOSS
from clear_bench.metrics.recognition import recognition_metrics
from clear_bench.metrics.thresholds import chosen_thresholds
from clear_bench.models.losses import targets, weighted_bce


@METRICS.register_module()
class RecognitionMetric(BaseMetric):
    """Recognition metrics of a split.

    Args:
        labels: ``.npy`` file of all rows' labels.
        threshold: See `recognition_metrics`; ``mA`` or ``f1`` chooses one an attribute on these
            images, see `chosen_thresholds`.
        undefined: See `recognition_metrics`.
        positive_ratio: A shares of positives in training: then ``val_loss`` is among the metrics,
            the loss that the field's plateaus watch, `weighted_bce` of the final logits.  Of what
            a method adds to its loss nothing is in it.
    """

    def __init__(
        self,
        labels: str,
        threshold: Any,
        undefined: str,
        positive_ratio: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.labels = np.load(labels, mmap_mode="r", allow_pickle=False)
        self.threshold = threshold
        self.rule: Any = {"undefined": undefined}
        self.ratio = None if positive_ratio is None else torch.tensor(list(positive_ratio))

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep (row, probabilities, logits) of each image of a batch."""
        for sample in data_samples:
            values = sample["probabilities"].float().cpu().numpy()
            logits = sample["logits"].float().cpu().numpy()
            pairs = zip(values, logits, strict=True)
            self.results += list(zip(sample["rows"].tolist(), pairs, strict=True))

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Return the metrics of all images, each counted once."""
        once = dict(results)  # a distributed sampler repeats images to fill its last batch
        rows = np.array(sorted(once))
        labels = self.labels[rows]
        probabilities = np.stack([once[row][0] for row in rows])
        threshold = self.threshold
        if isinstance(threshold, str):
            threshold = chosen_thresholds(probabilities, labels, threshold)  # type: ignore[arg-type]
        metrics = recognition_metrics(probabilities, labels, threshold, **self.rule)
        if self.ratio is not None:
            logits = torch.from_numpy(np.stack([once[row][1] for row in rows]))
            loss = weighted_bce(logits, targets(torch.from_numpy(labels)), self.ratio)
            metrics[VAL_LOSS] = float(loss)
        return metrics


@LOOPS.register_module()
class NothingHeldOut(ValLoop):
    """The end of an epoch where no images are held out: nothing is measured.

    Hooks are told the mean loss of the epoch, which is all that there is to watch.
    """

    def run(self) -> dict[str, float]:
        """Close the epoch."""
        self.runner.call_hook("before_val")
        self.runner.call_hook("before_val_epoch")
        seen = {TRAINING_LOSS: self.runner.message_hub.get_info("loss")}
        self.runner.call_hook("after_val_epoch", metrics=seen)
        self.runner.call_hook("after_val")
        return seen


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
