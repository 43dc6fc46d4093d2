from argparse import ArgumentParser
from typing import Any, get_args

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from advisor.decisions.management.console import whole_number
from advisor.server.roles import SiteRole, run_role
from advisor.server.running import run_site
from core.errors import CannotRun

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Command(BaseCommand):
    help = "Start the web server, the workers and the broker, or one part of a site with --role, and print the address. Ctrl-C ends them all."
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
        parser.add_argument("--web", type=whole_number(1, 64), default=1, help="how many web processes (default 1)")
        parser.add_argument(
            "--role",
            choices=get_args(SiteRole),
            help="only this part of a site, with the PostgreSQL of DATABASE_URL and the Redis or Valkey of REDIS_URL",
        )
        parser.add_argument("--data", help="folder of the database, the broker's log and the secret key (default var)")

    def handle(self, *args: Any, **options: Any) -> None:
        configuration, host = settings.CONFIGURATION, options["host"]
        if configuration.local and host not in LOOPBACK:
            raise CommandError(
                f"--host {host}: local mode serves this machine alone, without sign-in. Set CROSSOVER_MODE=hosted to serve others."
            )
        role: SiteRole | None = options["role"]
        if role in (None, "web") and not configuration.local and not configuration.public_url:
            raise CommandError(
                "CROSSOVER_PUBLIC_URL: hosted mode needs the address that people open, like https://crossover.example"
            )
        try:
            if role:
                processes = {"web": options["web"], "worker": options["workers"], "reconciler": 1}[role]
                run_role(role, configuration, host, options["port"], processes, self.stdout)
            else:
                run_site(
                    configuration,
                    host,
                    options["port"],
                    options["web"],
                    options["workers"],
                    self.stdout,
                    not options["no_browser"],
                )
        except CannotRun as reason:
            raise CommandError(str(reason)) from reason
