"""`test`: the whole suite, or what pytest's options choose of it."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from advisor.configuration import ROOT
from advisor.server import browser

OURS = ("DJANGO_SETTINGS_MODULE", "CROSSOVER_DATA", "CROSSOVER_MODE")
"""Set for this process or for the person's own Crossover: tests have a data folder of their own."""


class Command(BaseCommand):
    help = "Run the tests: every option is pytest's, and --full adds every seed, soak and generated input."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        options = argv[2:]
        environment = {name: value for name, value in os.environ.items() if name not in OURS}
        if wants_browser(options):
            found = browser.find_or_get()
            if found:
                environment["CROSSOVER_BROWSER"] = str(found)
            else:
                print(browser.HOW, file=sys.stderr)
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-m", "pytest", *options], environment)  # noqa: S606

    def handle(self, *args: Any, **options: Any) -> None:
        self.run_from_argv(["manage.py", "test", *args])


def wants_browser(options: list[str]) -> bool:
    paths = [option for option in options if option.startswith("tests")]
    return not paths or any(path.rstrip("/") == "tests" or path.startswith("tests/e2e") for path in paths)
