"""Deliveries of a job to consumers, in a run with leases, crashes or a limit on them: what is known of them is in the run's broker.

A delivery whose lease ends while its work goes on is late: the job is queued again as an rq job of its own, and is settled once, by the first
result that counts.
"""

import threading
from collections.abc import Callable
from math import inf
from typing import Any

from simulator.live.system.clock import RunClock
from simulator.live.system.jobs import Jobs
from simulator.scenario import EventDriven

TAKEN, FAILURES, FAILED_PROBES, SETTLED = "x:deliveries", "x:failures", "x:failed-probes", "x:settled"
"""Hashes by job."""
SHORTEST_S = 0.001
"""Real seconds: of a limit on a call that has passed."""


class DeliveryEnded(Exception):
    """The lease or the consumer of a delivery has ended before its work."""


class JobDeliveries:
    def __init__(self, connection: Any, design: EventDriven) -> None:
        self._connection, self._most = connection, design.max_deliveries or inf

    def taken(self, job: int) -> int:
        """How often the job was taken by a consumer: the number of its next delivery."""
        return self._count(TAKEN, job)

    def failures(self, job: int) -> int:
        return self._count(FAILURES, job)

    def failed_probes(self, job: int) -> int:
        return self._count(FAILED_PROBES, job)

    def add(self, name: str, job: int) -> None:
        self._connection.hincrby(name, str(job), 1)

    def may_be_taken(self, job: int) -> bool:
        return self.taken(job) < self._most

    def is_settled(self, job: int) -> bool:
        return bool(self._connection.hexists(SETTLED, str(job)))

    def settle(self, job: int) -> bool:
        """Return whether nothing had settled the job before."""
        return bool(self._connection.hsetnx(SETTLED, str(job), 1))

    def reopen(self, job: int) -> None:
        self._connection.hdel(SETTLED, str(job))

    def _count(self, name: str, job: int) -> int:
        return int(self._connection.hget(name, str(job)) or 0)


class WorkUnderLease:
    """The work of one delivery: how long its consumer goes on with it, and whether its lease has ended meanwhile."""

    def __init__(self, clock: RunClock, design: EventDriven, jobs: Jobs, job: int, number: int) -> None:
        self._clock, self._design = clock, design
        self._lease_s = design.lease_s or inf
        self._crashes_s = jobs.crash_s(job, number, design.crashes_per_hour)
        self._stops = design.lease_ends == "stops"
        self._changing, self._timer = threading.Lock(), threading.Timer(0.0, lambda: None)
        self._is_over = self.is_late = False

    @property
    def crashes(self) -> bool:
        """Whether its consumer crashes before a lease ends the work."""
        return self._crashes_s < (self._lease_s if self._stops else inf)

    @property
    def lease_left_s(self) -> float:
        """Scenario seconds of the lease after the crash."""
        return self._lease_s - self._crashes_s

    def begin(self, on_lease_end: Callable[[], None]) -> float | None:
        """Begin the call. Returns after how many real seconds the lease or a crash ends it; None if neither does."""
        if self._lease_s < inf and not self._stops:

            def end_lease() -> None:
                with self._changing:
                    if not self._is_over:
                        self.is_late = True
                        on_lease_end()

            self._timer = threading.Timer(self._left_s(self._lease_s), end_lease)
            self._timer.daemon = True
            self._timer.start()
        ends_s = min(self._crashes_s, self._lease_s if self._stops else inf)
        return self._left_s(ends_s) if ends_s < inf else None

    def end(self) -> None:
        """After it the lease does not end any more."""
        self._timer.cancel()
        with self._changing:
            self._is_over = True

    def _left_s(self, scenario_s: float) -> float:
        """Both count from the taking, the dispatch included."""
        return max(SHORTEST_S, self._clock.real_s(scenario_s - self._design.dispatch_s))
