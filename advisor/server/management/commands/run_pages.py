import socket
from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand

from advisor.configuration import Configuration
from core.processes import exit_with_parent

RESPONSE_GRACE_S = 3
"""How long open responses, event streams above all, may go on after SIGTERM."""


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


def serve(listener: socket.socket, configuration: Configuration) -> None:
    server = uvicorn.Config(
        "advisor.asgi:application",
        lifespan="off",
        timeout_graceful_shutdown=RESPONSE_GRACE_S,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=not configuration.local,
        forwarded_allow_ips=configuration.trusted_proxies,
    )
    uvicorn.Server(server).run(sockets=[listener])
