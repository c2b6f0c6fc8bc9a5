"""Write golden numbers anew where a version was raised for them: ``make golden``.

What moved without its version, or was raised without need, is refused and written nowhere.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from compare import GOLDEN, advice, load, moved
from probes import names, values_of

from clear_bench.config.numbers import current


def renew() -> int:
    """Return the status to leave with, after writing the file if nothing is refused."""
    golden, wrong, changed = load(), [], []
    for name in names():
        with TemporaryDirectory() as folder:
            values = values_of(name, Path(folder))
        version, old = current(name), golden.get(name)
        if words := advice(name, version, old, values):
            wrong.append(words)
        elif old is None or set(values) - set(old["values"]) or moved(old["values"], values):
            changed.append(name)
            golden[name] = {"version": version, "values": values}
    for name in set(golden) - set(names()):
        changed.append(f"{name} (gone)")
        del golden[name]
    if wrong:
        print("\n".join(f"error: {words}" for words in wrong), file=sys.stderr)
        return 2
    text = json.dumps(_short(golden), sort_keys=True, separators=(",", ":"))
    GOLDEN.write_text(text.replace('"values":', '\n"values":').replace("}},", "}},\n") + "\n")
    print(f"{GOLDEN}: {len(golden)} versions, new numbers for {', '.join(changed) or 'none'}")
    return 0


def _short(value: object) -> object:
    """Return nested values with numbers of seven digits, far more than are compared."""
    if isinstance(value, dict):
        return {k: _short(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_short(v) for v in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(renew())
