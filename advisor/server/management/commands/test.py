"""`test`: the whole suite, or what pytest's options choose of it."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from advisor.configuration import ROOT

OURS = ("DJANGO_SETTINGS_MODULE", "CROSSOVER_DATA", "CROSSOVER_MODE")
"""Set for this process or for the person's own Crossover: tests have a data folder of their own."""


class Command(BaseCommand):
    help = "Run the tests: every option is pytest's, and --full adds every seed, soak and generated input."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        options = argv[2:]
        environment = {name: value for name, value in os.environ.items() if name not in OURS}
        environment["CROSSOVER_INSTALLS_BROWSER"] = "1"  # if a test in a browser needs one
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-m", "pytest", *options], environment)  # noqa: S606

    def handle(self, *args: Any, **options: Any) -> None:
        self.run_from_argv(["manage.py", "test", *args])
