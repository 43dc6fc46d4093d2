"""The site's settings as the tests run them: local mode, in a data folder of their own."""

import atexit
import os
import shutil
import tempfile

os.environ["CROSSOVER_MODE"] = "local"
if "CROSSOVER_DATA" not in os.environ:
    os.environ["CROSSOVER_DATA"] = tempfile.mkdtemp(prefix="crossover-test-")
    atexit.register(shutil.rmtree, os.environ["CROSSOVER_DATA"], ignore_errors=True)

from advisor.settings import *  # noqa: F403
from advisor.settings import CONFIGURATION, DATABASES

if not CONFIGURATION.database_url:
    # A file, not memory: only a file has the write-ahead log and the locks that threads and processes meet in the field.
    DATABASES["default"]["TEST"] = {"NAME": str(CONFIGURATION.data / "test.sqlite3")}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a real one takes a third of a second
