"""Settings of every test, before anything heavy is imported."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may depend on a hub, or wait for one
