"""`up`: everything that Crossover needs, from one command, until Ctrl-C."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from advisor.server.child import CannotStart
from advisor.server.instance import AlreadyRunning
from advisor.server.running import PortTaken, run_site


class Command(BaseCommand):
    """Local mode: bound to the loopback address, the local user signed in."""

    help = "Start the web server, the workers and the broker, and print the address. Ctrl-C ends them all."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--data is read by manage.py already, before the settings are."""
        parser.add_argument(
            "--port", type=_port, default=8000, help="port on 127.0.0.1; 0 takes a free one (default 8000)"
        )
        parser.add_argument(
            "--workers", type=_workers, default=2, help="how many simulations run at a time (default 2)"
        )
        parser.add_argument("--data", help="folder of the database, the broker's log and the secret key (default var)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Returns when it was asked to end and has."""
        try:
            run_site(settings.CONFIGURATION, options["port"], options["workers"], self.stdout)
        except (CannotStart, AlreadyRunning, PortTaken) as reason:
            raise CommandError(str(reason)) from reason


def _port(text: str) -> int:
    return _within(text, 0, 65_535)


def _workers(text: str) -> int:
    return _within(text, 1, 64)


def _within(text: str, low: int, high: int) -> int:
    value = int(text)
    if not low <= value <= high:
        raise ValueError
    return value
