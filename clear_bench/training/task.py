"""What recognition and retrieval both do with a run: train, select, measure, record.

One run is one `Task` from its images to its record: `Recognition` or `Retrieval` say what is read,
what is trained and what is measured; the order of it all is here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from numpy.typing import NDArray

from clear_bench.config import plugins
from clear_bench.engine.distributed import main_process, wait_for_all
from clear_bench.engine.fit import Feed, Start, fit
from clear_bench.engine.hooks import Told
from clear_bench.runs.files import PREDICTIONS, SCHEMA, START, VAL, artefacts
from clear_bench.runs.provenance import provenance
from clear_bench.runs.record import Record, plain
from clear_bench.runs.run import Run
from clear_bench.training.cache import Cache
from clear_bench.training.checkpoints import choose_oracle, trained_models
from clear_bench.training.cost import cost_of
from clear_bench.utils.files import save_arrays, write_text

Metrics = dict[str, dict[str, float]]
"""Split to name to value."""


@dataclass(frozen=True)
class Measured:
    """What a trained model is worth.

    Args:
        metrics: Of val, unless it is trained on, and of test, fractions of 1.
        predictions: Gives the arrays that the metrics of test are made of.
        per_attribute: Of test; empty for retrieval.
    """

    metrics: Metrics
    predictions: Callable[[], Mapping[str, NDArray[Any]]]
    per_attribute: dict[str, Any] = field(default_factory=dict)


class Task(ABC):
    """One run being carried out.

    Args:
        run: The run.
        cache: For everything derived.
        launcher: ``none``, ``pytorch`` or ``slurm``.
    """

    def __init__(self, run: Run, cache: Cache, launcher: str = "none") -> None:
        self.run, self.cache, self.launcher = run, cache, launcher
        for each in run.line:
            plugins.load("method", each.config["method"])  # registers its models
        torch.set_num_threads(run.config["threads"])  # the last digits depend on it

    @cached_property
    @abstractmethod
    def model(self) -> dict[str, Any]:
        """The full configuration of the model."""

    @abstractmethod
    def prepare(self) -> None:
        """Write what the model reads into the run's folder."""

    @abstractmethod
    def start(self) -> tuple[Start | None, dict[str, Any]]:
        """Return where training starts, and what the record says of it."""

    @abstractmethod
    def feed(self) -> Feed:
        """Return what training reads."""

    @abstractmethod
    def measure(self, model: Any) -> Measured:
        """Return what a trained model is worth on val, if that is held out, and on test."""

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """Return how many images and queries there were; ``train_images`` among them."""

    def make(self) -> Record:
        """Train and evaluate the run, and return its record."""
        history, start = self._train(None)
        evaluated = self._evaluate() if main_process() else {}
        counts = self.counts()
        return self.run.record(
            status="finished",
            history=plain(history),
            selected_epoch=self._selected_epoch(history, evaluated),
            data={
                "manifest_checksum": self.run.dataset.checksum,
                "fingerprint": self.run.dataset.fingerprint,
                **counts,
                **start,
            },
            cost=cost_of(self.model, history, counts["train_images"]),
            provenance=provenance(),
            **evaluated,
        )

    def _selected_epoch(self, history: list[dict[str, float]], evaluated: Mapping[str, Any]) -> int:
        """Return which epoch the protocol takes; 0 if there is none."""
        if not history:
            return 0
        if self.run.rules.select == "oracle":
            return int(evaluated.get("oracle_epoch", 0))
        if self.run.rules.select == "last":
            return int(history[-1]["epoch"])
        return int(max(history, key=lambda row: row[self.run.metric])["epoch"])

    def learn(self, listen: Told | None = None) -> list[dict[str, float]]:
        """Train the run and return its val history; nothing is evaluated on test, nor recorded.

        The checkpoints stay, so that `make` goes on from there.

        Args:
            listen: See `fit`.
        """
        return self._train(listen)[0]

    def remeasure(self, checkpoint: str = "") -> dict[str, Metrics]:
        """Return the metrics of a finished run's checkpoints, computed from its images again.

        Args:
            checkpoint: The one to measure; "" for all that there are.
        """
        models = trained_models(self.run, self.model)
        asked = {name: model for name, model in models.items() if checkpoint in ("", name)}
        return {name: each.metrics for name, each in self._measure_each(asked).items()}

    def _measure_each(self, models: Mapping[str, Any]) -> dict[str, Measured]:
        """Return name to what its model is worth; one of two names is measured once."""
        worth = {model: self.measure(model) for model in set(models.values())}
        return {name: worth[model] for name, model in models.items()}

    def _train(self, listen: Told | None) -> tuple[list[dict[str, float]], dict[str, Any]]:
        """Train, if the method trains; return the history, and what the record says of the start.

        Raises:
            Diverged: See `fit`.
        """
        self.prepare()
        start, said = self.start()
        if not self.run.trains:
            return [], said
        feed = self.feed()
        history = fit(
            self.run, self.model, feed, launcher=self.launcher, start=start, listen=listen
        )
        if main_process():
            for name in (START, VAL):
                (self.run.folder / name).unlink(missing_ok=True)
        return history, said

    def _evaluate(self) -> dict[str, Any]:
        """Measure the checkpoints and keep the selected one's predictions beside the record."""
        run = self.run
        oracle: dict[str, Any] = choose_oracle(run, self.model, lambda m: self.measure(m).metrics)
        models = trained_models(run, self.model)
        measured = self._measure_each(models)
        kept = measured["selected"]
        save_arrays(run.folder / PREDICTIONS, dict(kept.predictions()))
        write_text(run.folder / SCHEMA, run.dataset.schema.to_json(), durable=True)
        return oracle | {
            "metrics": {name: each.metrics for name, each in measured.items()},
            "per_attribute": kept.per_attribute,
            "artefacts": artefacts(run.folder),
        }

    def save_once(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write arrays into the run's folder, by one of its processes; all go on afterwards."""
        if main_process():
            save_arrays(self.run.folder / name, dict(arrays))
        wait_for_all()
