"""Finds workers that are stuck, and a broker that hangs, for the supervisor to end, and gives up the leases of workers that have ended.

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
from redis.backoff import NoBackoff
from redis.retry import Retry

from advisor.decisions.jobs.counters import count_lost_leases
from advisor.decisions.models import Run, SharedReplication, SweepPart
from advisor.decisions.models.leased_task import database_now
from advisor.decisions.services.leases import take_back, worker_name
from advisor.server.status import record_hung_broker

log = structlog.get_logger("up")

EVERY_S = 2.0
BROKER_SILENCE_S = 15.0
"""An embedded broker that has not answered for this long is ended, and so started again; what is queued is on its disk."""
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


@dataclass
class SilentBroker:
    """The process of the embedded broker, and when it last answered, by the monotonic clock."""

    pid: int | None = None
    answered_at: float = 0.0

    def is_hung(self, now: float, pid: int | None, answers: bool) -> bool:
        if answers or pid != self.pid:
            self.pid, self.answered_at = pid, now
        return pid is not None and now - self.answered_at > BROKER_SILENCE_S


class Watchdog(threading.Thread):
    def __init__(
        self,
        workers: Callable[[], Mapping[str, int]],
        exits: Callable[[], Mapping[int, str]],
        known: Iterable[int] = (),
        broker: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`exits`: how processes have ended, after "The worker". `broker`: the process of the embedded broker, if there is one."""
        super().__init__(name="watchdog", daemon=True)
        self.workers = workers
        self.exits = exits
        self.stuck_workers = StuckWorkers(settings.CONFIGURATION.run_time_limit_s)
        self.stuck: set[int] = set()
        self.known = set(known)
        self.broker = broker
        self.broker_connection = redis.Redis.from_url(settings.CONFIGURATION.broker_url, retry=Retry(NoBackoff(), 0))
        self.silent_broker = SilentBroker()
        self.hung_broker: set[int] = set()
        self.was_hung = False

    def run(self) -> None:
        while True:
            self.look_at_broker()
            # The reconciler logs outages; a worker that is stuck is still stuck when they are over.
            with contextlib.suppress(DatabaseError, redis.exceptions.RedisError):
                self.look()
            threading.Event().wait(EVERY_S)

    def look_at_broker(self) -> None:
        pid = self.broker()
        if pid is None:
            return
        answers = does_answer(self.broker_connection)
        is_hung = self.silent_broker.is_hung(time.monotonic(), pid, answers)
        self.hung_broker = {pid} if is_hung else set()
        self.was_hung = self.was_hung or is_hung
        if self.was_hung and answers:
            with contextlib.suppress(redis.exceptions.RedisError):  # then at the next look
                record_hung_broker(self.broker_connection)
                self.was_hung = False
                log.info("The broker answers again")

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


def does_answer(broker: redis.Redis) -> bool:
    """Also with an error: then it works, or loads what it has kept."""
    try:
        broker.ping()
    except (redis.exceptions.ResponseError, redis.exceptions.BusyLoadingError):
        return True
    except redis.exceptions.RedisError:
        return False
    return True


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
