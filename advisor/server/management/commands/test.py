"""`test`: the whole suite, or what pytest's options choose of it."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from advisor.places import IS_CHECKOUT, ROOT

OURS = ("DJANGO_SETTINGS_MODULE", "CROSSOVER_DATA", "CROSSOVER_MODE", "PYTHONDONTWRITEBYTECODE")
"""Set for this process or for the person's own Crossover: tests have a data folder of their own, and start more than a hundred
processes, each of which would compile every module."""
PROCESSES = ("-n", "3")
"""One of them waits for other processes most of the time, and two cores are busy."""
ONE_PROCESS = ("-n", "--numprocesses", "--pdb", "--trace", "-s", "--capture=no", "--collect-only", "--co", "--fixtures")
"""Options that say how many processes, or that only one process can follow."""


class Command(BaseCommand):
    help = "Run the tests: every option is pytest's; --fast leaves all but quick units out, --full adds every seed, soak and generated input."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        if not IS_CHECKOUT:
            sys.exit("The tests are in the repository, not in the installed package.")
        options = argv[2:]
        environment = {name: value for name, value in os.environ.items() if name not in OURS}
        environment["CROSSOVER_INSTALLS_BROWSER"] = "1"  # if a test in a browser needs one
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-m", "pytest", *processes(options), *options], environment)  # noqa: S606

    def handle(self, *args: Any, **options: Any) -> None:
        self.run_from_argv(["manage.py", "test", *args])


def processes(options: list[str]) -> tuple[str, ...]:
    """Pytest's option for several processes, which share the files between them; none if the options choose one file or ask for one process."""
    chosen = [option.partition("::")[0] for option in options if option.startswith("tests")]
    is_one_file = len(set(chosen)) == 1 and chosen[0].endswith(".py")
    return () if is_one_file or any(option.startswith(ONE_PROCESS) for option in options) else PROCESSES
