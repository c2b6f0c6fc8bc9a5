"""What happens around each epoch: seeding, exactly resumable checkpoints, progress, NaN stop."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

import torch
from mmengine.hooks import Hook, RuntimeInfoHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner, set_random_seed

from clear_bench.runs.files import EPOCH, HISTORY, LAST, SELECTED
from clear_bench.runs.record import plain
from clear_bench.utils.files import write_text, written_whole
from clear_bench.utils.run_progress import EpochProgress

Told = Callable[[int, Mapping[str, float]], None]
"""Who is told the val metrics of each epoch; one that raises stops the training."""


class Diverged(Exception):  # noqa: N818 - the word says it
    """The loss stopped being a number; the message says where."""


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed every epoch from (seed, epoch), so that a resumed epoch draws what it would have drawn.

    Saving generator states would not do: validation between two epochs draws from them too.
    """

    priority = "HIGHEST"

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed all generators; each process of a distributed run differs by its rank."""
        set_random_seed(runner.seed * 100_003 + runner.epoch + 1, diff_rank_seed=True)


@HOOKS.register_module()
class QuietInfoHook(RuntimeInfoHook):
    """mmengine's, without its line a step: each reads the loss back, which waits for the device."""

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Write nothing down."""

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Write nothing down."""


@dataclass(frozen=True)
class _Step:
    """What is kept of a step until its loss is read: where it was and what went in."""

    loss: torch.Tensor
    rows: torch.Tensor
    rate: float
    number: int
    batch: int


@HOOKS.register_module()
class LossHook(Hook):
    """Average the losses of an epoch, and stop at the first that is NaN or infinite.

    Losses stay on the device and are read some steps at a time, since reading one waits for the
    device.  The last are read before the epoch is validated and saved, so that no weights from
    after a bad loss are kept.

    Args:
        names: File with one image name a manifest row.
        every: Steps between two readings.
    """

    def __init__(self, names: str, every: int = 16) -> None:
        self.names = names
        self.every = every

    def before_train_epoch(self, runner: Runner) -> None:
        """Forget the epoch before."""
        self.losses: list[float] = []
        self.unread: list[_Step] = []

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Take the step down, and read the losses if it is time to."""
        rate = runner.optim_wrapper.optimizer.param_groups[0]["lr"]
        loss, rows = outputs["loss"].detach(), data_batch["rows"]
        self.unread.append(_Step(loss, rows, rate, runner.iter, batch_idx))
        if len(self.unread) == self.every:
            self._read(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Read what is left and leave the mean for the other hooks."""
        self._read(runner)
        runner.message_hub.update_info("loss", sum(self.losses) / len(self.losses))

    def _read(self, runner: Runner) -> None:
        """Raise `Diverged` with step, learning rate and the batch's image names."""
        steps, self.unread = self.unread, []
        if not steps:
            return
        losses = torch.stack([step.loss for step in steps]).tolist()
        for step, loss in zip(steps, losses, strict=True):
            if not math.isfinite(loss):
                names = Path(self.names).read_text(encoding="utf-8", errors="replace").split("\n")
                raise Diverged(
                    f"loss is {loss} at step {step.number} (epoch {runner.epoch + 1}, batch "
                    f"{step.batch}), learning rate {step.rate:.3g}, images: "
                    f"{', '.join(names[row] for row in step.rows.tolist())}"
                )
        self.losses += losses


@HOOKS.register_module()
class SelectionHook(Hook):
    """Keep two checkpoints, the one selected on val and the last, each written whole or not at all.

    mmengine's own checkpoints hold its message hub, whose history buffers the restricted
    unpickler refuses.  That hub only smooths log lines, so it is left out; the history that
    counts is kept here as plain numbers.

    Args:
        metric: Name of the val metric; the first epoch with the highest value is selected.
            "" takes the last epoch.
        folder: Where the checkpoints go.
        every: Whether to keep the weights of every epoch too, see
            `clear_bench.training.checkpoints`.
    """

    priority = "VERY_LOW"  # after EMA has put the training weights back

    def __init__(self, metric: str, folder: str, every: bool = False) -> None:
        self.metric = metric
        self.folder = Path(folder)
        self.every = every
        self.history: list[dict[str, float]] = []
        self.started = 0.0

    def selects(self, runner: Runner, metrics: Mapping[str, float]) -> bool:
        """Return whether the epoch that has just been validated is the one to keep so far."""
        if not self.metric:
            return bool(runner.epoch == runner.max_epochs)
        return metrics[self.metric] > max((r[self.metric] for r in self.history), default=-math.inf)

    def before_train_epoch(self, runner: Runner) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    def after_train_epoch(self, runner: Runner) -> None:
        """Stop the clock: validation is not training time."""
        self.seconds = time.perf_counter() - self.started

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Save the checkpoints; should the process die in between, the epoch is run again."""
        assert metrics is not None  # noqa: S101 - mmengine's signature, never None after a val loop
        chosen = self.selects(runner, metrics)
        row = {
            "epoch": runner.epoch,
            "loss": runner.message_hub.get_info("loss"),
            "seconds": self.seconds,
            **metrics,
        }
        self.history.append(row)
        if chosen:
            self._save(runner, SELECTED)
        if self.every:
            self._save(runner, EPOCH.format(runner.epoch), weights_alone=True)
        self._save(runner, LAST, same_as=SELECTED if chosen else "")
        if runner.rank == 0:
            write_text(self.folder / HISTORY, json.dumps(plain(self.history)))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Replace the message hub by plain data."""
        checkpoint["message_hub"] = {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}}
        checkpoint["history"] = self.history

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Take the history up where it stopped."""
        self.history = checkpoint["history"]

    def _save(
        self, runner: Runner, name: str, *, weights_alone: bool = False, same_as: str = ""
    ) -> None:
        """Write a checkpoint, whole and to the disk, before it takes another's place.

        The main process does; mmengine's own saving is nothing in the others.  One that is the same
        as another of this moment has its bytes, for a fraction of the time.
        """
        if runner.rank:
            return
        if same_as:
            made = self.folder / same_as
            wanted = made.stat().st_size
            with written_whole(self.folder / name, wanted=wanted, durable=True) as unfinished:
                copyfile(made, unfinished)
            return
        state = not weights_alone
        tensors = list(runner.model.state_dict().values())
        if state:
            moments = runner.optim_wrapper.optimizer.state.values()
            tensors += [t for each in moments for t in each.values() if torch.is_tensor(t)]
        wanted = sum(tensor.nbytes for tensor in tensors)
        with written_whole(self.folder / name, wanted=wanted, durable=True) as unfinished:
            runner.save_checkpoint(
                str(unfinished.parent),
                unfinished.name,
                meta={"epoch": runner.epoch, "iter": runner.iter},
                save_optimizer=state,
                save_param_scheduler=state,
            )


@HOOKS.register_module()
class ProgressHook(Hook):
    """Tell how far training is to whoever shows it, and a log a line an epoch.

    Args:
        title: What is being trained.
        log: File that gets the plain lines too.
        metric: The val metric to show; "" where no images are held out.
    """

    priority = "LOWEST"

    def __init__(self, title: str, log: str, metric: str) -> None:
        self.title, self.log, self.metric = title, log, metric
        self.bar: EpochProgress | None = None

    def before_train(self, runner: Runner) -> None:
        """Show the bar, from where a resumed run starts."""
        if runner.rank == 0:
            steps = len(runner.train_dataloader)
            self.bar = EpochProgress(self.title, Path(self.log), runner.max_epochs, steps)
            self.bar.start(runner.epoch)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Move the bar."""
        if self.bar:
            self.bar.step(len(data_batch["rows"]) * runner.world_size)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the epoch's line."""
        if self.bar and metrics:
            loss = runner.message_hub.get_info("loss")
            shown = metrics[self.metric] if self.metric else None
            self.bar.epoch(runner.epoch, loss, self.metric, shown)


class ListenerHook(Hook):
    """Tell somebody the val metrics of each epoch, before its checkpoint is written.

    Args:
        listen: Who is told.
    """

    priority = "LOW"

    def __init__(self, listen: Told) -> None:
        self.listen = listen

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Tell."""
        self.listen(runner.epoch, metrics or {})
