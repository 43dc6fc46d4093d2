"""The process that puts right what faults left behind: queued rows that have no job, leases that ran out, runs past their limit.

It is none of the rq workers: whatever they do or suffer, it goes on looking.
"""

import threading
from types import FrameType

import django_rq
import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from advisor.decisions.jobs import reconcile_runs_and_notify, reconcile_sweeps_and_notify
from advisor.server.beats import beat_of_reconciler

log = structlog.get_logger("reconciler")


class Reconciler:
    """Looks at every unfinished run every few seconds, through outages of the database and of the broker, telling of each once."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.trouble: str | None = None
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            self.look()
            self.stopped.wait(self.every_s)

    def look(self) -> None:
        close_old_connections()
        try:
            reconcile_runs_and_notify()
            reconcile_sweeps_and_notify()
            beat_of_reconciler(django_rq.get_connection(settings.SIMULATIONS_QUEUE))
        except (DatabaseError, redis.exceptions.RedisError) as error:
            self._tell(f"{type(error).__name__}: {error}")
        else:
            self._tell(None)

    def _tell(self, trouble: str | None) -> None:
        if trouble and not self.trouble:
            log.warning("Runs cannot be looked after for now", reason=trouble)
        elif self.trouble and not trouble:
            log.info("Runs are looked after again")
        self.trouble = trouble

    def stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped.set()
