"""The site's settings as the tests run them: local mode, in a data folder of their own, one for each process of pytest-xdist."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

os.environ["CROSSOVER_MODE"] = "local"
if "CROSSOVER_DATA" not in os.environ:
    os.environ["CROSSOVER_DATA"] = tempfile.mkdtemp(prefix="crossover-test-")
    atexit.register(shutil.rmtree, os.environ["CROSSOVER_DATA"], ignore_errors=True)

worker = os.environ.get("PYTEST_XDIST_WORKER")  # like gw0
if worker and Path(os.environ["CROSSOVER_DATA"]).name != worker:
    # All that a test keeps is below the data folder or in an outside broker: each process of the suite has its own of both.
    os.environ["CROSSOVER_DATA"] = str(Path(os.environ["CROSSOVER_DATA"]) / worker)
    if os.environ.get("REDIS_URL"):
        broker = urlsplit(os.environ["REDIS_URL"])
        os.environ["REDIS_URL"] = broker._replace(path=f"/{int(worker.removeprefix('gw')) + 1}").geturl()

from advisor.settings import *  # noqa: E402, F403
from advisor.settings import CONFIGURATION, DATABASES  # noqa: E402

if not CONFIGURATION.database_url:
    # A file, not memory: only a file has the write-ahead log and the locks that threads and processes meet in the field.
    DATABASES["default"]["TEST"] = {"NAME": str(CONFIGURATION.data / "test.sqlite3")}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a real one takes a third of a second
WHITENOISE_AUTOREFRESH = True
"""A static file is looked up when it is asked for: else each client of a test would list them all first."""
