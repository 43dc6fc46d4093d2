"""The site's settings as the tests run them: local mode, in a data folder of their own."""

import os
import tempfile

os.environ["CROSSOVER_MODE"] = "local"
os.environ.setdefault("CROSSOVER_DATA", tempfile.mkdtemp(prefix="crossover-test-"))

from advisor.settings import *  # noqa: F403
