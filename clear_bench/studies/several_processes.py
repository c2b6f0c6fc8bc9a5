"""One run of a study in several processes of this machine, through torchrun."""

import json
import subprocess
import sys

from clear_bench.config.dotted import changes
from clear_bench.runs.files import STUDIES
from clear_bench.runs.run import Run
from clear_bench.training.cache import Cache
from clear_bench.utils.errors import UserError
from clear_bench.utils.processes import dying_with_parent


def launch(run: Run, cache: Cache, processes: int) -> None:
    """Carry a run out, and what it still needs of its parents.

    Args:
        run: The run.
        cache: For everything derived.
        processes: How many share it.

    Raises:
        UserError: If they fail; their last line is the reason.
    """
    done = subprocess.run(
        command_line(run, cache, processes),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=dying_with_parent(),
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        raise UserError(said[-1] if said else f"torchrun failed: {done.stderr[-300:]}")
    if not run.finished:
        raise UserError(f"{run.id}: torchrun made another run; start the study again")


def command_line(run: Run, cache: Cache, processes: int) -> list[str]:
    """Return the words that make a run in several processes."""
    c = run.config
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [
        *torchrun,
        f"--nproc-per-node={processes}",
        "-m",
        "clear_bench.train",
        "--launcher=pytorch",
        *(["--studies"] if run.under == STUDIES else []),
        f"--task={run.task}",
        f"--method={c['method']}",
        f"--dataset={c['dataset']}",
        f"--profile={c['profile']}",
        f"--seed={c['seed']}",
        f"--runs={run.root}",
        f"--cache={cache.root}",
        f"--data-root={run.dataset.root}",
        *(f"--set={k}={json.dumps(v)}" for k, v in changes(c, run.recipe).items()),
    ]
