from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from advisor.decisions.management.console import whole_number
from advisor.server.running import run_site
from core.errors import CannotRun

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Command(BaseCommand):
    help = "Start the web server, the workers and the broker, and print the address. Ctrl-C ends them all."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=whole_number(0, 65_535), default=8000, help="port; 0 takes a free one (default 8000)"
        )
        parser.add_argument(
            "--host",
            default=LOOPBACK[0],
            help=f"address of this machine to listen on, in hosted mode: 0.0.0.0 for all (default {LOOPBACK[0]})",
        )
        parser.add_argument(
            "--no-browser", action="store_true", help="do not open a browser, in local mode on a terminal"
        )
        parser.add_argument(
            "--workers", type=whole_number(1, 64), default=2, help="how many simulations run at a time (default 2)"
        )
        parser.add_argument("--data", help="folder of the database, the broker's log and the secret key (default var)")

    def handle(self, *args: Any, **options: Any) -> None:
        configuration, host = settings.CONFIGURATION, options["host"]
        if configuration.local and host not in LOOPBACK:
            raise CommandError(
                f"--host {host}: local mode serves this machine alone, without sign-in. Set CROSSOVER_MODE=hosted to serve others."
            )
        if not configuration.local and not configuration.public_url:
            raise CommandError(
                "CROSSOVER_PUBLIC_URL: hosted mode needs the address that people open, like https://crossover.example"
            )
        try:
            run_site(configuration, host, options["port"], options["workers"], self.stdout, not options["no_browser"])
        except CannotRun as reason:
            raise CommandError(str(reason)) from reason
