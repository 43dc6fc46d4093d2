"""What an rq worker does with a job: one attempt at it, or one subscriber's handling of its result."""

import json
import threading
import time
import uuid
from dataclasses import dataclass

from rq.job import Job

from simulator.live.clock import RunClock
from simulator.live.event_driven.desk import ALIVE, ASKS, DUE, GO, HANDLING, RUNNING, Desk, Letter
from simulator.live.jobs import Jobs
from simulator.live.journal import Journal, What
from simulator.live.plan import LivePlan
from simulator.live.provider import Provider, Reply

ALIVE_FOR_MS, BEAT_S = 2000, 0.5
ASK_AGAIN_S = 5
OUTAGE = 503


@dataclass(frozen=True, eq=False)
class Consumers:
    """What the threads of one process share."""

    plan: LivePlan
    jobs: Jobs
    clock: RunClock
    journal: Journal
    desk: Desk
    provider: Provider
    name: str

    @property
    def gated(self) -> bool:
        """Whether anything limits calls at all."""
        provider = self.plan.scenario.provider
        quotas = (provider.requests_per_minute, provider.input_tokens_per_minute, provider.output_tokens_per_minute)
        return (
            provider.max_concurrency is not None
            or any(quota is not None for quota in quotas)
            or self.plan.scenario.event_driven.circuit_breaker
        )

    def show_alive(self) -> None:
        """From now on: what runs in a process that no longer beats is taken up by another."""
        self.desk.connection.set(ALIVE + self.name, 1, px=ALIVE_FOR_MS)
        threading.Thread(target=self._beat, name="beat", daemon=True).start()

    def _beat(self) -> None:
        while True:
            self.desk.connection.set(ALIVE + self.name, 1, px=ALIVE_FOR_MS)
            threading.Event().wait(BEAT_S)


_process: list[Consumers] = []
"""The one of this process; rq finds the functions below by their names alone."""


def use(consumers: Consumers) -> None:
    """The functions below work with these from now on."""
    _process[:] = [consumers]


def claim(rq_job: Job) -> None:
    """Before rq's own list of jobs that are taken and not begun forgets it, so that no death falls between the two."""
    _process[0].desk.claim(rq_job, _process[0].name)


def attempt(job: int, number: int) -> None:
    """Attempt `number` at the job, called by an rq worker."""
    _Attempt(_process[0], job, number).make()


def handle(job: int, subscriber: int) -> None:
    """A subscriber handles the job's result, with its own retries, and nobody waits for it."""
    mine = _process[0]
    mine.journal.write(What.HANDLED if _is_handled(mine, job, subscriber) else What.UNHANDLED, job, subscriber)
    mine.desk.connection.hdel(HANDLING, f"{job}-{subscriber}")


def _is_handled(mine: Consumers, job: int, subscriber: int) -> bool:
    pause_s = 0.0
    for number in range(mine.jobs.retries + 1):
        time.sleep(mine.clock.real_s(float(mine.jobs.handling_s[job, subscriber])))
        if not mine.jobs.refuses(job, subscriber, number):
            return True
        if number < mine.jobs.retries:
            pause_s = mine.jobs.subscriber_backoff_s(job, subscriber, number, pause_s)
            time.sleep(mine.clock.real_s(pause_s))
    return False


@dataclass(frozen=True, eq=False)
class _Attempt:
    mine: Consumers
    job: int
    number: int

    def make(self) -> None:
        """From the queue to its end: done, tried again later, or given up. A job that has its end already is left alone."""
        mine, job = self.mine, self.job
        if not mine.desk.is_done(job):
            self._make()
        mine.desk.connection.hdel(RUNNING, str(job))

    def _make(self) -> None:
        mine, job = self.mine, self.job
        if self._has_expired():
            if mine.desk.finish(job, "expired"):
                mine.journal.write(What.EXPIRED, job, self.number)
            return
        mine.desk.tell(job, "started")
        mine.journal.write(What.STARTED, job, self.number, float(mine.jobs.place[job]))
        reply = self._call()
        if reply.succeeded:
            self._succeed(reply)
        elif self.number < mine.jobs.retries:
            self._back_off()
        else:
            self._give_up(reply)
        mine.journal.write(What.FREED, job, self.number)

    def _has_expired(self) -> bool:
        expires_s = self.mine.plan.scenario.event_driven.expires_s
        return expires_s is not None and self.mine.clock.now_s() > self.mine.jobs.arrival_s[self.job] + expires_s

    def _call(self) -> Reply:
        mine = self.mine
        ticket = self._enter() if mine.gated else None
        mine.journal.write(What.CALLED, self.job, self.number)
        reply = mine.provider.call(self.job, self.number)
        mine.journal.write(What.ANSWERED, self.job, self.number, reply.status)
        if ticket is not None:
            self._leave(ticket, reply)
        return reply

    def _enter(self) -> str:
        """Returns when the pacer lets the call through."""
        mine, ready_ns = self.mine, time.monotonic_ns()
        ticket = f"{self.job}-{self.number}-{uuid.uuid4().hex[:8]}"
        tokens = [float(mine.jobs.input_tokens[self.job]), float(mine.jobs.output_tokens[self.job])]
        ask = json.dumps(["enter", ticket, *tokens, mine.name])
        mine.desk.connection.rpush(ASKS, ask)
        while (told := mine.desk.connection.blpop([GO + ticket], timeout=ASK_AGAIN_S)) is None:
            mine.desk.connection.rpush(ASKS, ask)  # the pacer may have been started anew
        if told[1] == b"waited":
            waited_s = (time.monotonic_ns() - ready_ns) / 1e9
            mine.journal.write(What.WAITED_FOR_PROVIDER, self.job, self.number, waited_s)
        return ticket

    def _leave(self, ticket: str, reply: Reply) -> None:
        poisoned = bool(self.mine.jobs.poison[self.job]) and reply.status != OUTAGE
        ask = ["leave", ticket, not reply.succeeded, not reply.succeeded and not poisoned]
        self.mine.desk.connection.rpush(ASKS, json.dumps(ask))

    def _succeed(self, reply: Reply) -> None:
        if self.mine.desk.finish(self.job, "done", reply.text):
            self.mine.journal.write(What.COMPUTED, self.job, self.number)
            self.mine.desk.fan_out(self.job)

    def _back_off(self) -> None:
        """The run's own scheduler rings when the pause is over: rq's looks once a second, which is a minute at sixty times the speed."""
        mine = self.mine
        before_s = self._pause_before_s()
        pause_s = mine.clock.real_s(mine.jobs.backoff_s(self.job, self.number, before_s))
        due_ns = time.monotonic_ns() + round(pause_s * 1e9)
        mine.journal.write(What.BACKED_OFF, self.job, self.number, pause_s)
        mine.desk.connection.zadd(DUE, {f"{self.job}-{self.number + 1}": due_ns})
        mine.desk.connection.rpush(ASKS, json.dumps(["due", self.job, self.number + 1, due_ns]))
        mine.desk.tell(self.job, "retrying", attempt=self.number + 1)

    def _pause_before_s(self) -> float:
        """The pause before this attempt: only decorrelated jitter asks, and the draws tell it again."""
        pause_s = 0.0
        if self.mine.jobs.jitter == "decorrelated":
            for number in range(self.number):
                pause_s = self.mine.jobs.backoff_s(self.job, number, pause_s)
        return pause_s

    def _give_up(self, reply: Reply) -> None:
        mine = self.mine
        kept = mine.plan.scenario.event_driven.dead_letter
        if not mine.desk.finish(self.job, "dead_lettered" if kept else "failed"):
            return
        if kept:
            queue = mine.desk.queue_of(self.job).name
            reason = reply.reason or f"the model answered {reply.status}"
            mine.desk.bury(Letter(self.job, queue, self.number + 1, reason))
        mine.journal.write(What.GAVE_UP, self.job, self.number, float(kept))
