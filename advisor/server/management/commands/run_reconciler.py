import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from advisor.decisions.limits import RECONCILE_EVERY_S
from advisor.server.reconciler import Reconciler
from core.processes import exit_with_parent


class Command(BaseCommand):
    help = "Look after unfinished runs until SIGTERM."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--leash", action="store_true", help="end when standard input ends")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["leash"]:
            exit_with_parent.watch()
        reconciler = Reconciler(RECONCILE_EVERY_S)
        signal.signal(signal.SIGTERM, reconciler.stop)
        reconciler.run()
