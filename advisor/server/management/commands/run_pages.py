import socket
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from advisor.server.pages import serve
from core.processes import exit_with_parent


class Command(BaseCommand):
    help = "Serve the pages on an inherited socket until SIGTERM."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fd", type=int, required=True, help="the listening socket's file descriptor")
        parser.add_argument("--leash", action="store_true", help="end when standard input ends")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["leash"]:
            exit_with_parent.watch()
        serve(socket.socket(fileno=options["fd"]), settings.CONFIGURATION)
