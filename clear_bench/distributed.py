"""Several processes of one run, as `torchrun` or Slurm start them."""

import os

from clear_bench.errors import UserError


def join(launcher: str) -> None:
    """Enter the process group of a launcher, once; nothing is done for ``none``.

    mmengine joins by itself on GPUs; it has no way to do so without one.
    """
    import torch
    from torch import distributed

    if launcher == "none" or distributed.is_initialized():
        return
    if launcher == "pytorch" and not torch.cuda.is_available():
        distributed.init_process_group("gloo")
        return
    from mmengine.dist import init_dist

    init_dist(launcher, backend="nccl")


def share_of_batch(batch_size: int) -> int:
    """Return how many items of each batch this process gets: a batch means the same on any machine.

    Raises:
        UserError: If the processes cannot share it evenly.
    """
    from torch import distributed

    processes = distributed.get_world_size() if distributed.is_initialized() else 1
    if batch_size % processes:
        raise UserError(
            f"train.batch_size={batch_size}: cannot be shared by {processes} processes; "
            f"set a multiple of {processes}"
        )
    return batch_size // processes


def wait_for_all() -> None:
    """Return when all processes of the run have come here."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.barrier()


def leave() -> None:
    """Leave the process group, if there is one."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()


def main_process() -> bool:
    """Return whether this process is the one that writes files and prints."""
    return int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) == 0
