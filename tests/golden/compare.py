"""Golden numbers: what each version gave when it was set, and what may have moved since.

Two numbers are equal if they differ by less than `RELATIVE` of the largest of their list.  Another
processor sums in another order: on one machine, with the kernels of the oldest, of AVX2 and of
AVX-512 (``ATEN_CPU_CAPABILITY``), and with one thread or two, the largest such difference over all
probes was 7e-7 (seven digits are kept).  A changed constant moves what it touches by far more.
"""

import json
from pathlib import Path
from typing import Any

from data_probes import Values

GOLDEN = Path(__file__).with_name("golden.json")
RELATIVE = 1e-4


def load() -> dict[str, dict[str, Any]]:
    """Return version name to ``version`` and ``values``, as committed."""
    return json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.is_file() else {}


def moved(old: Values, new: Values) -> str:
    """Return the first number that moved, in words; "" if none did.

    A number that was not there before has not moved: a template, a study's variant.
    """
    if set(old) - set(new):
        return f"there are other numbers: {', '.join(sorted(set(old) - set(new))[:3])}"
    for name, before in old.items():
        after = new[name]
        if isinstance(before, str) or isinstance(after, str):
            if before != after:
                return f"{name.strip()} is another text"
            continue
        if len(before) != len(after):
            return f"{name.strip()}: {len(after)} numbers where {len(before)} were"
        size = max([abs(x) for x in before], default=0.0)
        for a, b in zip(before, after, strict=True):
            if not abs(a - b) <= RELATIVE * max(size, 1e-3):
                return f"{name.strip()}: {a:.6g} became {b:.6g}"
    return ""


def advice(name: str, version: int, golden: dict[str, Any] | None, now: Values) -> str:
    """Return what is wrong with a version and what to do; "" if all is right.

    Args:
        name: Of the version, see `clear_bench.config.numbers`.
        version: Its present value.
        golden: ``version`` and ``values`` as committed; None for a new one.
        now: The values now.
    """
    if golden is None:
        return "" if version == 1 else f"{name}: is new and must start at 1"
    change = moved(golden["values"], now)
    old = golden["version"]
    if change and version == old:
        return (
            f"{name}: its numbers moved ({change}).  If that is meant, raise it to {old + 1} "
            f"{where(name)} and run `make golden`; if not, undo the change"
        )
    if not change and version != old:
        return f"{name}: was raised to {version} without need; put it back to {old} {where(name)}"
    if change and version != old + 1:
        return f"{name}: must be raised by one, to {old + 1}, {where(name)}"
    return ""


def where(name: str) -> str:
    """Return in which file a version stands."""
    from clear_bench.config import plugins

    kind, _, rest = name.partition(".")
    if kind == "method":
        method, _, task = rest.rpartition(".")
        file = plugins.available("method")[method].replace(".", "/")
        return f'in {file}.py (METHOD, numbers={{"{task}": ...}})'
    if kind == "data":
        return f"in clear_bench/data/sets/{rest}.py (SOURCE, numbers=...)"
    return "in clear_bench/config/numbers.py (VERSIONS)"
