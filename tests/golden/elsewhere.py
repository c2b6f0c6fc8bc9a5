"""Ask a copy of the project in a process of its own, where all that is not ours is there already.

Nothing of the project may be imported here: this module is read before the copy is.
"""

import importlib
import json
import sys
from pathlib import Path

OURS = ("clear_bench", "baselines", "ablations", "reports")


def use(folder):
    """Let all later imports of the project and of the tests' helpers be those of a copy."""
    from mmengine import registry

    helpers = {
        file.stem for part in ("helpers", "golden") for file in (folder / "tests" / part).iterdir()
    }
    ours = (helpers - {Path(__file__).stem}) | set(OURS)
    for name in [name for name in sys.modules if name.split(".")[0] in ours]:
        del sys.modules[name]
    for known in vars(registry).values():
        if isinstance(known, registry.Registry):
            for key, entry in list(known.module_dict.items()):
                if getattr(entry, "__module__", "").split(".")[0] in ours:
                    del known.module_dict[key]
    sys.path[:0] = [str(folder), str(folder / "tests/helpers"), str(folder / "tests/golden")]
    importlib.invalidate_caches()


def ask(folder, market, methods, names, answer):
    """Write the ids of runs, and what is said of some numbers versions, by the code of a copy.

    Args:
        folder: The copy.
        market: A small Market-1501.
        methods: Whose runs; of each the run id and the numbers versions.
        names: Of the numbers versions.
        answer: File to write.
    """
    use(folder)
    from compare import advice, load
    from probes import values_of

    from clear_bench.config.numbers import current
    from clear_bench.training.plan import plan

    places = {"root": Path("r"), "data_root": market}
    runs = {
        f"{run.config['method']}.{run.task}": [run.id, run.numbers]
        for method in methods
        for run in plan(method, "market1501", "default", 0, {}, **places)
    }
    advices = []
    for name in names:
        place = answer.with_suffix(f".{name}")
        place.mkdir()
        advices.append(advice(name, current(name), load()[name], values_of(name, place)))
    answer.write_text(json.dumps([runs, advices]))


def default_of_repeats(folder, answer):
    """Write the new option's value in a composed configuration of a copy."""
    use(folder)
    from clear_bench.config.compose import compose

    answer.write_text(json.dumps(compose("clear", "peta")["recognition"]["train"]["repeats"]))
