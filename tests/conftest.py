"""Settings of every test, before anything heavy is imported."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may depend on a hub, or wait for one

from hypothesis import settings

# A deadline an example would make a test fail where the machine is busy; nothing is timed by it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
