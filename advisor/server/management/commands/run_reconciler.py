import signal
from typing import Any

from advisor.decisions.limits import RECONCILE_EVERY_S
from advisor.server.management.child_command import ChildCommand
from advisor.server.reconciler import Reconciler


class Command(ChildCommand):
    help = "Look after unfinished runs until SIGTERM."

    def serve(self, options: dict[str, Any]) -> None:
        reconciler = Reconciler(RECONCILE_EVERY_S)
        signal.signal(signal.SIGTERM, reconciler.stop)
        reconciler.run()
