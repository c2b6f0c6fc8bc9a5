"""Several processes of one run, as `torchrun` or Slurm start them."""

import os

import torch
from mmengine import dist

from clear_bench.utils.errors import UserError, unknown

LAUNCHERS = {"none": (), "pytorch": ("RANK", "LOCAL_RANK"), "slurm": ("SLURM_PROCID",)}
"""Name of a launcher to the variables that it sets."""

WAIT = 6 * 3600
"""Seconds that processes wait for one another: one of them evaluates while the others wait."""


def join(launcher: str) -> None:
    """Enter the process group of a launcher, once; nothing is done for ``none``.

    Raises:
        UserError: If the launcher is unknown or did not start this process.
    """
    if launcher not in LAUNCHERS:
        raise unknown("launcher", launcher, LAUNCHERS)
    missing = [name for name in LAUNCHERS[launcher] if name not in os.environ]
    if missing:
        raise UserError(
            f"--launcher {launcher}: {', '.join(missing)} not set; start it with "
            f"{'torchrun' if launcher == 'pytorch' else 'srun'}"
        )
    if launcher == "none" or dist.is_distributed():
        return
    if launcher == "pytorch" and not torch.cuda.is_available():
        torch.distributed.init_process_group("gloo")  # mmengine has no way without a GPU
    else:
        dist.init_dist(launcher, backend="nccl", timeout=WAIT)


def share_of_batch(batch_size: int) -> int:
    """Return how many items of each batch this process gets: a batch means the same on any machine.

    Raises:
        UserError: If the processes cannot share it evenly.
    """
    processes = dist.get_world_size()
    if batch_size % processes:
        raise UserError(
            f"train.batch_size={batch_size}: cannot be shared by {processes} processes; "
            f"set a multiple of {processes}"
        )
    return batch_size // processes


def wait_for_all() -> None:
    """Return when all processes of the run have come here."""
    dist.barrier()


def leads(launcher: str) -> bool:
    """Return whether this will be the main process, before `join`."""
    names = LAUNCHERS.get(launcher, ())
    return not names or os.environ.get(names[0], "0") == "0"


def leave() -> None:
    """Leave the process group, if there is one."""
    if dist.is_distributed():
        torch.distributed.destroy_process_group()


def main_process() -> bool:
    """Return whether this process is the one that writes files and prints.

    A launcher's variables alone mean nothing: many single runs may be started by one ``srun``.
    """
    return dist.is_main_process()
