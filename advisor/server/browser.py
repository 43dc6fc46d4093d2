"""Finds a Chromium for the tests in a browser, and gets one where it may."""

import os
import shutil
import subprocess
import sys
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
        found = shutil.which(name)
        if found:
            return Path(found)
    for pattern in IN_CACHE:
        for found_in_cache in sorted(_cache().glob(pattern), reverse=True):
            if os.access(found_in_cache, os.X_OK):
                return found_in_cache
    return None


def find_or_get() -> Path | None:
    found = find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Getting a browser for the tests: chromium-headless-shell", file=sys.stderr, flush=True)
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *DEBIAN_PACKAGES]):
            subprocess.run(["apt-get", *step], env=quiet, stdout=sys.stderr, check=False)  # noqa: S603, S607
        found = find()
    return found


def _cache() -> Path:
    given = os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "")
    if given not in ("", "0"):
        return Path(given)
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "ms-playwright"
