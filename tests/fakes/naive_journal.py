"""The slow oracle, writing the journal that the parts of a live run would write of the same history."""

from http import HTTPStatus
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.live.system.clock import RunClock
from simulator.live.system.journal import LARGEST_INDEX, ROW, EventType
from tests.fakes.naive_simulation import Delivery, Job, Life, Naive, NaiveEventDriven, NaiveSynchronous

CLOCK = RunClock(started_ns=0, speed=1.0)
ENDS = {
    "completed": EventType.IN_HAND,
    "failed": EventType.CLIENT_FAILED,
    "timed_out": EventType.TIMED_OUT,
    "rejected": EventType.CLIENT_REFUSED,
    "undelivered": EventType.UNDELIVERED,
    "lost": EventType.LOST,
}


class Journalled(Naive):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.written: list[tuple[float, EventType, int, int, float]] = []
        self.paced_since: dict[Job, float] = {}
        self.refusing = False

    def write(self, what: EventType, job: Job, index: int = 0, value: float = 0.0, at_s: float | None = None) -> None:
        self.written.append((self.now if at_s is None else at_s, what, job.number, index, value))

    def rows(self) -> NDArray[np.void]:
        table = np.zeros(len(self.written), ROW)
        for place, (at_s, what, job, index, value) in enumerate(self.written):
            table[place] = (round(at_s * 1e9), job, what, min(index, LARGEST_INDEX), value)
        return table[np.argsort(table["at_ns"], kind="stable")]

    def attempt(self, job: Job) -> int:
        raise NotImplementedError

    def arrive(self, job: Job) -> None:
        if job.caller == 0:
            self.write(EventType.ARRIVED, job, at_s=job.arrived)
        super().arrive(job)

    def ask(self, job: Job) -> None:
        self.refusing = True
        super().ask(job)
        self.refusing = False

    def count(self, what: str, job: Job, by: int = 1) -> None:
        super().count(what, job, by)
        if what == "paced" and self.refusing:
            self.write(EventType.ANSWERED, job, self.attempt(job), HTTPStatus.TOO_MANY_REQUESTS)

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
    """A job whose probe has failed stays with its consumer, as in a live run, and waits for its next call."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.probe_failed: dict[Job, float] = {}
        self.keeps_job = self.ends_unused = False

    def attempt(self, job: Job) -> int:
        return job.deliveries - 1 if self.design.redelivers else job.attempt

    def next_index(self, job: Job) -> int:
        return job.deliveries if self.design.redelivers else job.attempt

    def arrive(self, job: Job) -> None:
        self.write(EventType.SENT, job, job.caller, at_s=job.called_at)
        super().arrive(job)

    def offer(self, job: Job) -> None:
        if job.attempt == 0:
            self.write(EventType.ACCEPTED, job)
        if job.life is None or not job.life.settled:
            self.queued_again(job)
        super().offer(job)

    def queued_again(self, job: Job) -> None:
        self.write(EventType.QUEUED, job, self.next_index(job))
        self.paced_since[job] = self.now

    def drop(self, job: Job) -> None:
        self.write(EventType.DROPPED, job, self.next_index(job))
        super().drop(job)

    def count(self, what: str, job: Job, by: int = 1) -> None:
        super().count(what, job, by)
        if what == "paced" and not self.refusing and job not in self.probe_failed:
            waited = self.now - self.paced_since[job]
            self.write(EventType.STARTED, job, self.next_index(job), at_s=self.paced_since[job])
            self.write(EventType.WAITED_FOR_PROVIDER, job, self.next_index(job), waited)
            job.paced = True  # type: ignore[attr-defined]
        if what == "redelivered":
            self.write(EventType.REDELIVERED, job, self.attempt(job))
        if what == "delivery":
            for call in range(by):
                self.write(EventType.DELIVERY_CALL, job, call)

    def begin(self, job: Job) -> None:
        failed_s = self.probe_failed.pop(job, None)
        if failed_s is not None:
            self.write(EventType.WAITED_FOR_PROVIDER, job, job.attempt, self.now - failed_s)
        elif not getattr(job, "paced", False):
            self.write(EventType.STARTED, job, self.next_index(job))
        job.paced = False  # type: ignore[attr-defined]
        self.write(EventType.CALLED, job, self.next_index(job), at_s=self.now + self.design.dispatch_s)
        super().begin(job)

    def ends(self, delivery: Delivery, out: bool) -> None:
        if delivery.over:
            return
        index = self.attempt(delivery.job)
        self.keeps_job = self.ends_unused = False
        super().ends(delivery, out)
        if not self.keeps_job:
            self.write(EventType.FREED, delivery.job, index)

    def frees(self, delivery: Delivery) -> bool:
        for what in (EventType.FREED, EventType.UNUSED):
            self.write(what, delivery.job, self.attempt(delivery.job))
        return super().frees(delivery)

    def is_unused(self, delivery: Delivery, life: Life, fails: bool) -> bool:
        unused = self.ends_unused = super().is_unused(delivery, life, fails)
        if unused:
            self.write(EventType.UNUSED, delivery.job, self.attempt(delivery.job), float(not fails))
        return unused

    def hear(self, job: Job, fails: bool, out: bool) -> bool:
        free = super().hear(job, fails, out)
        if free and not self.design.redelivers:
            self.probe_failed[job], self.keeps_job = self.now, True
        elif free and not self.ends_unused and job.deliveries < self.most:
            self.queued_again(job)
        return free

    def deliver(self, job: Job) -> None:
        self.write(EventType.COMPUTED, job, self.attempt(job))
        super().deliver(job)

    def settle(self, job: Job, outcome: str, instant: float, learns: float = -inf) -> None:
        if outcome in ("dead_lettered", "failed"):
            self.write(EventType.GAVE_UP, job, self.attempt(job), float(outcome == "dead_lettered"), instant)
        elif outcome == "timed_out":
            self.write(EventType.EXPIRED, job, self.next_index(job), at_s=instant)
        elif outcome == "lost":
            self.write(EventType.LOST, job, self.attempt(job), at_s=instant)
        else:
            self.write(ENDS[outcome], job, at_s=instant)
        super().settle(job, outcome, instant, learns)
