from argparse import ArgumentParser
from typing import Any

from advisor.server.management.child_command import ChildCommand
from advisor.server.worker import work


class Command(ChildCommand):
    help = "Run simulations from the queue until SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="its name in the broker, unlike any other's")

    def serve(self, options: dict[str, Any]) -> None:
        work(options["name"])
