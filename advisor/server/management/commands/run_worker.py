from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from advisor.server.worker import work
from core.processes import exit_with_parent


class Command(BaseCommand):
    help = "Run simulations from the queue until SIGTERM."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="its name in the broker, unlike any other's")
        parser.add_argument("--leash", action="store_true", help="end when standard input ends")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["leash"]:
            exit_with_parent.watch()
        work(options["name"])
