from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core.processes import exit_with_parent


class ChildCommand(BaseCommand):
    """A process that `up` starts: it serves until SIGTERM."""

    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input ends")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["exit_with_parent"]:
            exit_with_parent.watch()
        self.serve(options)

    def serve(self, options: dict[str, Any]) -> None:
        raise NotImplementedError
