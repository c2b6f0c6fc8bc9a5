"""What less memory costs: one step of CLEAR at ``base`` on a CPU, each way in a process of its own.

``python tests/benchmarks/memory.py [IMAGES]`` writes ``docs/performance/memory.json``: seconds of
processor time and what memory grows by during the step.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/helpers")]
OUT = ROOT / "docs/performance/memory.json"
WAYS = {
    "as it is": (1, False),
    "checkpointing": (1, True),
    "accumulate 4": (4, False),
    "both": (4, True),
}


def one(images: int, pieces: int, anew: bool) -> dict[str, float]:
    """Return what a step takes; a step on one image before it has asked for the gradients."""
    from methods import build_method
    from mmengine.optim import build_optim_wrapper

    from clear_bench.config.compose import compose
    from clear_bench.engine.memory import checkpoint_blocks, step
    from clear_bench.engine.optimizer import optimizer
    from clear_bench.training.cost import forget_peak_memory, peak_memory

    torch.set_num_threads(1)
    train = compose("clear", "synthped", "base")["recognition"]["train"]
    model = build_method("clear", Path(), profile="base").train()
    if anew:
        checkpoint_blocks(model)
    wrapper = build_optim_wrapper(model, optimizer(train))
    batch = {
        "images": torch.zeros(images, 256, 128, 3, dtype=torch.uint8),
        "labels": torch.ones(images, 8, dtype=torch.uint8),
        "rows": torch.arange(images),
    }
    step(model, {name: values[:1] for name, values in batch.items()}, wrapper, 1)
    forget_peak_memory()
    before, began = peak_memory(), time.process_time()
    step(model, batch, wrapper, pieces)
    return {"seconds": time.process_time() - began, "bytes": peak_memory() - before}


if __name__ == "__main__":
    if len(sys.argv) > 2:
        json.dump(one(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True"), sys.stdout)
        sys.exit()
    count = sys.argv[1] if len(sys.argv) == 2 else "8"
    found = {"images": int(count), "ways": {}}
    for name, words in WAYS.items():
        command = [sys.executable, __file__, count, *map(str, words)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found["ways"][name] = json.loads(done.stdout.splitlines()[-1])
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
