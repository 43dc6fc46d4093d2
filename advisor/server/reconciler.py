"""The process that repairs what faults leave: queued rows without a job, expired leases, runs past their limit."""

import threading
import time
from types import FrameType

import django_rq
import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from advisor.decisions.jobs import reconcile_runs_and_notify, reconcile_sweeps_and_notify
from advisor.decisions.limits import LEASE
from advisor.decisions.models.leased_task import database_now
from advisor.decisions.services.leases import grant_all_again
from advisor.server.status import record_reconciler_heartbeat

CLOCK_SET_S = LEASE.total_seconds() / 4
log = structlog.get_logger("reconciler")


class Reconciler:
    """Looks at every unfinished run every few seconds; each outage of the database or the broker is logged once."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.trouble: str | None = None
        self.stopped = threading.Event()
        self._wall_less_monotonic_s: float | None = None

    def run(self) -> None:
        while not self.stopped.is_set():
            self.look()
            self.stopped.wait(self.every_s)

    def look(self) -> None:
        close_old_connections()
        try:
            self._outlast_a_set_clock()
            reconcile_runs_and_notify()
            reconcile_sweeps_and_notify()
            record_reconciler_heartbeat(django_rq.get_connection(settings.SIMULATIONS_QUEUE))
        except (DatabaseError, redis.exceptions.RedisError) as error:
            self._log_change(f"{type(error).__name__}: {error}")
        else:
            self._log_change(None)

    def _outlast_a_set_clock(self) -> None:
        """If the database's clock was set since the last look, or the machine slept, let every lease begin anew.

        Otherwise every worker would seem to have missed its renewals.
        """
        now = database_now()
        offset_s = now.timestamp() - time.monotonic()
        before_s, self._wall_less_monotonic_s = self._wall_less_monotonic_s, offset_s
        if before_s is not None and abs(offset_s - before_s) > CLOCK_SET_S:
            granted = grant_all_again(now)
            log.warning("The clock was set; leases begin anew", by_s=round(offset_s - before_s), leases=granted)

    def _log_change(self, trouble: str | None) -> None:
        if trouble and not self.trouble:
            log.warning("Runs cannot be looked after for now", reason=trouble)
        elif self.trouble and not trouble:
            log.info("Runs are looked after again")
        self.trouble = trouble

    def stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped.set()
