import socket
from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.conf import settings
from django.urls import get_resolver

from advisor.configuration import Configuration
from advisor.decisions.services.simulated_advice import THREADS
from advisor.server.instance import kept_pages_folder
from advisor.server.management.child_command import ChildCommand


class Command(ChildCommand):
    help = "Serve the pages on an inherited socket until SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--fd", type=int, required=True, help="the listening socket's file descriptor")
        parser.add_argument(
            "--grace", type=int, required=True, help="seconds that open responses may take after SIGTERM"
        )

    def serve(self, options: dict[str, Any]) -> None:
        settings.KEPT_PAGES_FOLDER = kept_pages_folder()
        # A version whose pages cannot be loaded ends here, before a proxy sends it requests.
        get_resolver().check()
        THREADS.begin_warming()
        serve(socket.socket(fileno=options["fd"]), settings.CONFIGURATION, options["grace"])


def serve(listener: socket.socket, configuration: Configuration, grace_s: int) -> None:
    server = uvicorn.Config(
        "advisor.asgi:application",
        lifespan="off",
        timeout_graceful_shutdown=grace_s,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=not configuration.local,
        forwarded_allow_ips=configuration.trusted_proxies,
    )
    uvicorn.Server(server).run(sockets=[listener])
