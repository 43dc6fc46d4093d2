"""The slow oracle, writing the journal that the parts of a live run would write of the same history."""

from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.live.system.clock import RunClock
from simulator.live.system.journal import ROW, EventType
from tests.fakes.naive_simulation import Delivery, Job, Naive, NaiveEventDriven, NaiveSynchronous

CLOCK = RunClock(started_ns=0, speed=1.0)
ENDS = {
    "completed": EventType.IN_HAND,
    "failed": EventType.CLIENT_FAILED,
    "timed_out": EventType.TIMED_OUT,
    "rejected": EventType.CLIENT_REFUSED,
    "undelivered": EventType.UNDELIVERED,
}


class Journalled(Naive):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.written: list[tuple[float, EventType, int, int, float]] = []
        self.paced_since: dict[Job, float] = {}

    def write(self, what: EventType, job: Job, index: int = 0, value: float = 0.0, at_s: float | None = None) -> None:
        self.written.append((self.now if at_s is None else at_s, what, job.number, index, value))

    def rows(self) -> NDArray[np.void]:
        table = np.zeros(len(self.written), ROW)
        for place, (at_s, what, job, index, value) in enumerate(self.written):
            table[place] = (round(at_s * 1e9), job, what, index, value)
        return table[np.argsort(table["at_ns"], kind="stable")]

    def handling(self, job: Job, subscriber: int) -> float:
        handled = self.fans[subscriber][1]
        taken = super().handling(job, subscriber)
        self.write(EventType.HANDLED if self.fans[subscriber][1] > handled else EventType.UNHANDLED, job, subscriber)
        return taken


class JournalledSynchronous(Journalled, NaiveSynchronous):
    def attempt(self, job: Job) -> int:
        return job.caller * (self.retries + 1) + job.attempt

    def send(self, job: Job) -> None:
        self.write(EventType.SENT, job, job.caller)
        super().send(job)

    def accept(self, job: Job) -> None:
        super().accept(job)
        self.write(EventType.ACCEPTED, job, job.caller)

    def try_call(self, job: Job, began: float) -> None:
        if job.attempt == 0:
            self.write(EventType.STARTED, job, job.caller)
        self.paced_since[job] = self.now
        super().try_call(job, began)

    def serve(self) -> None:
        waiting = {entry[0] for entry in self.line}
        super().serve()
        for job in waiting - {entry[0] for entry in self.line}:
            self.write(EventType.WAITED_FOR_PROVIDER, job, self.attempt(job), self.now - self.paced_since[job])

    def call(self, job: Job, began: float) -> None:
        self.write(EventType.CALLED, job, self.attempt(job))
        super().call(job, began)

    def respond(self, job: Job, began: float, succeeded: bool) -> None:
        self.write(EventType.FREED, job, job.caller)
        super().respond(job, began, succeeded)

    def give_up(self, job: Job) -> None:
        if job.listening and job.caller < self.design.client_retries:
            self.write(EventType.TIMED_OUT, job, job.caller)
        super().give_up(job)

    def take_next(self) -> None:
        waiting = {entry[0] for entry in self.backlog}
        super().take_next()
        if self.design.drops_abandoned:
            for job in waiting - {entry[0] for entry in self.backlog}:
                if job.abandoned:
                    self.write(EventType.ABANDONED, job, job.caller, 1.0)

    def settle(self, job: Job, outcome: str, instant: float, learns: float = -inf) -> None:
        self.write(ENDS[outcome], job, job.caller, 1.0, instant)
        super().settle(job, outcome, instant, learns)


class JournalledEventDriven(Journalled, NaiveEventDriven):
    def arrive(self, job: Job) -> None:
        self.write(EventType.SENT, job, at_s=job.arrived)
        super().arrive(job)

    def offer(self, job: Job) -> None:
        if job.attempt == 0:
            self.write(EventType.ACCEPTED, job)
        self.write(EventType.QUEUED, job, job.attempt)
        self.paced_since[job] = self.now
        super().offer(job)

    def count(self, what: str, job: Job, by: int = 1) -> None:
        super().count(what, job, by)
        if what == "paced":
            waited = self.now - self.paced_since[job]
            self.write(EventType.STARTED, job, job.attempt, at_s=self.paced_since[job])
            self.write(EventType.WAITED_FOR_PROVIDER, job, job.attempt, waited)
            job.paced = True  # type: ignore[attr-defined]
        if what == "delivery":
            for call in range(by):
                self.write(EventType.DELIVERY_CALL, job, call)

    def begin(self, job: Job) -> None:
        if not getattr(job, "paced", False):
            self.write(EventType.STARTED, job, job.attempt)
        job.paced = False  # type: ignore[attr-defined]
        self.write(EventType.CALLED, job, job.attempt, at_s=self.now + self.design.dispatch_s)
        super().begin(job)

    def ends(self, delivery: Delivery, out: bool) -> None:
        self.write(EventType.FREED, delivery.job, delivery.job.attempt)
        super().ends(delivery, out)

    def deliver(self, job: Job) -> None:
        self.write(EventType.COMPUTED, job, job.attempt)
        super().deliver(job)

    def settle(self, job: Job, outcome: str, instant: float, learns: float = -inf) -> None:
        if outcome in ("dead_lettered", "failed"):
            self.write(EventType.GAVE_UP, job, job.attempt, float(outcome == "dead_lettered"), instant)
        elif outcome == "timed_out":
            self.write(EventType.EXPIRED, job, job.attempt, at_s=instant)
        else:
            self.write(ENDS[outcome], job, at_s=instant)
        super().settle(job, outcome, instant, learns)
