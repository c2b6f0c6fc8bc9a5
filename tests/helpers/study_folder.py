"""A folder of studies of one's own, and the command in a process of its own."""

import os
import sys

import pytest

from clear_bench import ablate
from clear_bench.config import plugins
from clear_bench.utils.command_line import main

STUDY = '''"""Which learning rate do adapters want?

A study of a test.
"""

from clear_bench.config.study import Space, Study

STUDY = Study(
    task="retrieval",
    factors={{"retrieval.train.lr": {levels}}},
    reference={{"retrieval.train.lr": 1e-3}},
    common={{
        "data.image_size": [64, 32],
        "recognition.train": {{"epochs": 1, "warmup_epochs": 0}},
        "recognition.model.depth": 0,
        "recognition.model.vit": {{
            "name": "vit_tiny_patch16_224", "embed_dim": 32, "depth": 1, "num_heads": 2
        }},
        "recognition.model.swin": {{
            "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "channel_stages": [0, 1]
        }},
        "retrieval.train.epochs": 2,
        "retrieval.text.encoder": "glove",
        "protocol.val_identities": "all",
    }},
    metrics=("mAP", "rank1"),
    seeds=1,
    search={{"retrieval.train.lr": Space(1e-4, 1e-2, log=True)}},
)
'''


def write_study(root, name="rates", levels="(1e-3, 3e-3)"):
    """Write a study into ``root/my_studies``."""
    folder = root / "my_studies"
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / f"{name}.py").write_text(STUDY.format(levels=levels))


def use(patch, root):
    """Let the studies of ``root/my_studies`` be those that there are."""
    patch.syspath_prepend(str(root))
    patch.setitem(plugins.PACKAGES, "study", ("my_studies",))
    for name in [n for n in sys.modules if n.split(".")[0] == "my_studies"]:
        del sys.modules[name]
    plugins.forget()


def command(root, *words):
    """Be the command ``ablate`` on those studies, the first of a group of processes."""
    os.setsid()
    os.chdir(root)
    use(pytest.MonkeyPatch(), root)
    sys.argv = ["ablate", *words]
    main(ablate.app)
