"""Finds workers that are stuck, for the supervisor to end, and gives up the leases of those that have ended.

The reconciler settles the row of a run, or of a part of a sweep, that overran its limit or lost its lease. Its process may go on in compiled
code, which signals do not interrupt; any other worker notices at its next write. A killed worker cannot give its lease back.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import django_rq
import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.db.models import QuerySet

from advisor.decisions.jobs.counters import count_lost_leases
from advisor.decisions.models import Run, SharedReplication, SweepPart
from advisor.decisions.models.leased_task import database_now
from advisor.decisions.services.leases import take_back, worker_name

log = structlog.get_logger("up")

EVERY_S = 2.0
PATIENCE_S = 30.0
"""A worker may wait this long for a locked database before its claim, and after the claim was taken from it."""


@dataclass
class StuckWorkers:
    """Since when each worker is busy, and with which attempt (empty: none), by the monotonic clock."""

    limit_s: float
    since: dict[tuple[int, str], float] = field(default_factory=dict)

    def stuck(self, now: float, busy: Iterable[int], held: Mapping[int, str]) -> set[int]:
        """The process ids to end. `busy` are those at work by the broker's account, `held` the attempt that each holds in the database."""
        doing = {(pid, held.get(pid, "")) for pid in busy}
        self.since = {seen: self.since.get(seen, now) for seen in doing}
        return {
            pid
            for (pid, attempt), since in self.since.items()
            if now - since > PATIENCE_S + (self.limit_s if attempt else 0.0)
        }


class Watchdog(threading.Thread):
    def __init__(
        self,
        workers: Callable[[], Mapping[str, int]],
        exits: Callable[[], Mapping[int, str]],
        known: Iterable[int] = (),
    ) -> None:
        """`exits`: how processes have ended, after "The worker"."""
        super().__init__(name="watchdog", daemon=True)
        self.workers = workers
        self.exits = exits
        self.stuck_workers = StuckWorkers(settings.CONFIGURATION.run_time_limit_s)
        self.stuck: set[int] = set()
        self.known = set(known)

    def run(self) -> None:
        while True:
            # The reconciler logs outages; a worker that is stuck is still stuck when they are over.
            with contextlib.suppress(DatabaseError, redis.exceptions.RedisError):
                self.look()
            threading.Event().wait(EVERY_S)

    def look(self) -> None:
        close_old_connections()
        workers = self.workers()
        gone = {pid for pid in self.known - set(workers.values()) if not is_alive(pid)}
        if gone:
            exits = self.exits()
            give_up_leases({pid: exits.get(pid, "ended") for pid in gone})
        self.known = (self.known - gone) | set(workers.values())
        connection = django_rq.get_connection(settings.SIMULATIONS_QUEUE)
        busy = {pid for name, pid in workers.items() if connection.hget(f"rq:worker:{name}", "state") == b"busy"}
        self.stuck = self.stuck_workers.stuck(time.monotonic(), busy, held_by(workers.values()))


def held_by(pids: Iterable[int]) -> dict[int, str]:
    of_worker = {worker_name(pid): pid for pid in pids}
    return {
        of_worker[worker]: f"{row} {attempt}"
        for claims in _claims()
        for worker, row, attempt in claims.filter(worker__in=of_worker).values_list("worker", "id", "attempt")
    }


def _claims() -> "tuple[QuerySet[Run], QuerySet[SweepPart], QuerySet[SharedReplication]]":
    return Run.objects.running(), SweepPart.objects.running(), SharedReplication.objects.running()


def give_up_leases(exits: Mapping[int, str]) -> None:
    """`exits`: how each process ended, so that the user is told why the work begins again."""
    for pid, how in exits.items():
        count_lost_leases(take_back(worker_name(pid), how, database_now()))


def holders_on_this_host() -> set[int]:
    of_host = worker_name(0)[:-1]
    return {
        int(worker.rpartition(":")[2])
        for claims in _claims()
        for worker in claims.filter(worker__startswith=of_host).values_list("worker", flat=True)
    }


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
