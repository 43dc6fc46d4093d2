"""Finds a Chromium for the tests in a browser, and installs one if `manage.py test` runs as root on Debian."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ON_PATH = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "google-chrome-stable")
IN_CACHE = (
    "chromium_headless_shell-*/chrome-*/*headless*shell",
    "chromium-*/chrome-*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)
DEBIAN_PACKAGES = ("chromium-headless-shell", "libatomic1")
HOW = (
    "There is no browser for the tests in a browser. "
    "Install one: apt-get install chromium-headless-shell libatomic1, or: playwright install chromium"
)


def find() -> Path | None:
    for name in ON_PATH:
        if path := shutil.which(name):
            return Path(path)
    for pattern in IN_CACHE:
        for cached in sorted(_cache().glob(pattern), reverse=True):
            if os.access(cached, os.X_OK):
                return cached
    return None


def find_or_install() -> Path | None:
    with (Path(tempfile.gettempdir()) / f"crossover-browser-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # pytest may run in several processes
        browser = find()
        if browser is None and os.geteuid() == 0 and shutil.which("apt-get"):
            quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            for step in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *DEBIAN_PACKAGES]):
                subprocess.run(["apt-get", *step], env=quiet, stdout=sys.stderr, check=False)
            browser = find()
        return browser


def _cache() -> Path:
    given = os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "")
    if given not in ("", "0"):
        return Path(given)
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "ms-playwright"
