"""What needs no network answers without torch: settings, plans, lists, and whatever is misspelt."""

import json
import subprocess
import sys

import pytest

HEAVY = ["torch", "timm", "transformers", "mmengine", "mlflow", "matplotlib", "optuna"]
QUICK = [
    ("train --show-config", 0),
    ("train --list", 0),
    ("train --method vtb --method sal --show-config", 0),
    ("train --method market1501 --dry-run", 2),
    ("train --dataset market1501 --data-root market --dry-run", 0),
    ("train --dataset pta", 2),
    ("train --set a.b=1", 2),
    ("train --profile papr", 2),
    ("train --task recogniton", 2),
    ("ablate --list --dataset market1501", 0),
    ("ablate --study margn", 2),
    ("ablate --study margin --only x=1 --dataset market1501 --data-root market", 2),
    ("predict --run nope a.png", 2),
    ("predict --run clear nope.png", 2),
    ("predict --run clear a.png --format jsn", 2),
    ("search --run nope --gallery market --attributes x", 2),
    ("demo --run nope", 2),
    ("evaluate nope", 2),
    ("attention nope", 2),
    ("export nope --onnx a.onnx", 2),
    ("export clear", 2),
    ("report --table nope", 2),
    ("report --figure nope", 2),
    ("report --format nope", 2),
    ("report --explain nope a b", 2),
    ("report --where metod=x", 2),
    ("data list", 0),
    ("data verify pta", 2),
    ("record import nope", 2),
    ("record exprt", 2),
    ("runs list", 0),
    ("runs best --where seed=9", 2),
    ("trian", 2),
]

CODE = """
import contextlib, io, json, sys
from clear_bench.__main__ import app
from clear_bench.utils.command_line import main

found = {}
for words in json.loads(sys.argv[1]):
    sys.argv = ["clear-bench", *words.split()]
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            main(app)
        except SystemExit as end:
            status = end.code
    found[words] = [status, said.getvalue(), sorted(set(HEAVY) & set(sys.modules))]
    if found[words][2]:  # what comes after it would be blamed too
        break
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory, market):
    """Words to status, what was said on stderr, and heavy modules; all in one process."""
    from fake_runs import fake_pair

    root = tmp_path_factory.mktemp("light")
    (root / "market").symlink_to(market)
    fake_pair(root / "runs")
    words = json.dumps([words for words, _ in QUICK])
    code = CODE.replace("HEAVY", repr(HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", code, words], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("words", "status"), QUICK, ids=[words for words, _ in QUICK])
def test_it_answers_without_what_takes_seconds_to_import(found, words, status):
    assert words in found, f"not reached: {list(found)[-1]} imported {list(found.values())[-1][2]}"
    ended, said, heavy = found[words]
    assert ended == status, said
    assert not heavy
    if status == 2:
        lines = [line for line in said.splitlines() if line.strip()]
        assert lines[-1].startswith("error: ")
        assert not any("Traceback" in line for line in lines)
