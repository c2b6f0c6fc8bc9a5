"""A folder of plugins outside the project: a data set, a method, a study, and what they share."""

import sys
from pathlib import Path

from clear_bench.config import plugins

SHARED = '''"""What several files of this folder share."""

PRIOR = "UserPrior"
'''

METHOD = '''"""User prior: somebody's own floor, the training share of each attribute."""

from mmengine.registry import MODELS

from clear_bench.config.method import Method
from clear_bench.models.base import RecognitionModel
from clear_bench.user_plugins.shared_words import PRIOR


@MODELS.register_module()
class UserPrior(RecognitionModel):
    """Predicts the training share of each attribute."""

    feature_dim = 1

    def features(self, images):
        """Map images to zeros."""
        return images.new_zeros(len(images), 1)

    def classify(self, features):
        """Map features to the logit of the training shares."""
        return self.positive_ratio.logit(eps=1e-6).expand(len(features), -1)


METHOD = Method(
    title="User prior",
    cite="nobody",
    recognition={"model": {"type": PRIOR}, "train": {"epochs": 0}},
    numbers={"recognition": 3},
)
'''

READER = '''"""Somebody's own reader: labels.csv under another name."""

from dataclasses import replace

from clear_bench.data.sets.csv import SOURCE as CSV

from .shared_words import PRIOR


def read(root, split_name, label_set):
    """Read what csv reads."""
    return replace(CSV.read(root, split_name, label_set), name="street")


from clear_bench.data.dataset import Source

SOURCE = Source(
    title="Street",
    read=read,
    splits=("seed0",),
    label_sets=("all",),
    obtain="ask somebody who has been there",
    cite="nobody",
    numbers=2,
)
'''

STUDY = '''"""Does the order of seeds matter to a prior?"""

from clear_bench.config.study import Study

STUDY = Study(
    task="recognition",
    base="user_prior",
    factors={"data.identities": (1.0, 0.5)},
    reference={"data.identities": 1.0},
    metrics=("mA",),
    seeds=1,
)
'''

FILES = {"shared_words": SHARED, "user_prior": METHOD, "street": READER, "user_study": STUDY}


def write_plugins(folder: Path) -> Path:
    """Write the files into a folder and return it."""
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


def forget_plugins(patch) -> None:
    """Let this process know no plugins outside the project, now and after the test."""
    patch.setenv(plugins.VARIABLE, "")  # also where it is not set: what the test sets is undone
    for name in [n for n in sys.modules if n.startswith(plugins.USER)]:
        del sys.modules[name]
    plugins.forget()
