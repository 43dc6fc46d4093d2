from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from advisor.server.management.child_command import ChildCommand
from advisor.server.worker import work
from core.errors import CannotRun


class Command(ChildCommand):
    help = "Run simulations from the queue until SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="its name in the broker, unlike any other's")

    def serve(self, options: dict[str, Any]) -> None:
        try:
            work(options["name"])
        except CannotRun as reason:
            raise CommandError(str(reason)) from reason
