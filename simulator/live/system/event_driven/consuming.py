"""What an rq worker does with a job: one attempt at it, or one subscriber's handling of its result."""

import json
import threading
import time
import uuid
from dataclasses import astuple, dataclass

from rq.job import Job

from simulator.live.system.event_driven.desk import ASKS, CALLING, GO, RUNNING, WAITING, Task, held, task_of
from simulator.live.system.event_driven.hands import Consumers, Holding
from simulator.live.system.event_driven.worker import taken_ns
from simulator.live.system.journal import What
from simulator.live.system.provider_client import Reply
from simulator.live.system.rate_limiter import Permit

OUTAGE = 503


_process: list[Consumers] = []
"""The one of this process; rq finds the functions below by their names alone."""
_thread = threading.local()


def use(consumers: Consumers) -> None:
    """The functions below work with these from now on."""
    _process[:] = [consumers]


def claim(rq_job: Job) -> None:
    """From rq's list of what has been taken into this process's hands. What another has taken up meanwhile, or what has expired, is not its."""
    _thread.holds = False
    mine, task = _process[0], task_of(rq_job)
    expired = task.is_attempt and mine.has_expired(task.job)
    step = mine.desk.step()
    step.lrem(mine.desk.queue_named(rq_job.origin).intermediate_queue_key, 1, rq_job.id)
    if expired:
        mine.desk.tell(step, task.job, "expired", task.index)
    else:
        step.sadd(RUNNING, held(task, mine.name))
        if task.is_attempt:
            mine.desk.tell(step, task.job, "started", task.index)
    _thread.holds = mine.desk.move(step) and not expired


def attempt(job: int, number: int) -> None:
    """Attempt `number` at the job, called by an rq worker."""
    if _thread.holds:
        with Holding(_process[0], Task("attempt", job, number)) as holding:
            _Attempt(holding.mine, holding, job, number).make()


def handle(job: int, subscriber: int) -> None:
    """A subscriber handles the job's result, with its own retries, and nobody waits for it."""
    if _thread.holds:
        with Holding(_process[0], Task("handle", job, subscriber)) as holding:
            event = "handled" if _is_handled(holding.mine, job, subscriber) else "unhandled"
            with holding.letting_go() as step:
                holding.mine.desk.tell(step, job, event, subscriber)


def _is_handled(mine: Consumers, job: int, subscriber: int) -> bool:
    for number, pause_s in enumerate([0.0, *mine.jobs.subscriber_pauses_s(job, subscriber)]):
        time.sleep(mine.clock.real_s(pause_s + float(mine.jobs.handling_s[job, subscriber])))
        if not mine.jobs.refuses(job, subscriber, number):
            return True
    return False


@dataclass(frozen=True, eq=False)
class _Attempt:
    mine: Consumers
    holding: Holding
    job: int
    number: int

    def make(self) -> None:
        """From its start to its end: done, tried again later, or given up."""
        place = float(self.mine.jobs.place[self.job])
        self.mine.journal.write(What.STARTED, self.job, self.number, place, at_ns=taken_ns())
        reply = self._call()
        if reply.succeeded:
            self._succeed(reply)
        elif self.number < self.mine.jobs.retries:
            self._back_off()
        else:
            self._give_up(reply)

    def _call(self) -> Reply:
        mine = self.mine
        ticket, passed = self._enter() if mine.gated else ("", None)
        mine.journal.write(What.CALLED, self.job, self.number)
        reply = mine.provider.call(self.job, self.number)
        mine.journal.write(What.ANSWERED, self.job, self.number, reply.status)
        if passed is not None:
            self._leave(ticket, passed, reply)
        return reply

    def _enter(self) -> tuple[str, Permit]:
        """Returns when the pacer lets the call through. The line lies in the broker, and outlives the pacer."""
        mine, ready_ns = self.mine, time.monotonic_ns()
        ticket = f"{self.job}-{self.number}-{uuid.uuid4().hex[:8]}"
        tokens = [float(mine.jobs.input_tokens[self.job]), float(mine.jobs.output_tokens[self.job])]
        ask = json.dumps(["enter", ticket, *tokens, mine.name])
        with mine.desk.connection.pipeline() as step:
            step.zadd(WAITING, {ask: ready_ns})
            step.rpush(ASKS, ask)
            step.execute()
        _, told = mine.desk.connection.blpop([GO + ticket])
        passed = Permit(*json.loads(told))
        if passed.waited:
            waited_s = (time.monotonic_ns() - ready_ns) / 1e9
            mine.journal.write(What.WAITED_FOR_PROVIDER, self.job, self.number, waited_s)
        return ticket, passed

    def _leave(self, ticket: str, passed: Permit, reply: Reply) -> None:
        """Said once: by its caller, or, where that was thought dead, by the pacer."""
        poisoned = bool(self.mine.jobs.poison[self.job]) and reply.status != OUTAGE
        failed = not reply.succeeded
        step = self.mine.desk.step()
        step.hdel(CALLING, ticket)
        step.rpush(ASKS, json.dumps(["leave", astuple(passed), failed, failed and not poisoned]))
        self.mine.desk.move(step)

    def _succeed(self, reply: Reply) -> None:
        with self.holding.letting_go() as step:
            self.mine.desk.tell(step, self.job, "done", self.number, text=reply.text)
            self.mine.desk.fan_out(step, self.job)

    def _back_off(self) -> None:
        """The run's own scheduler rings when the pause is over: rq's looks once a second, which is a minute at sixty times the speed."""
        mine, again = self.mine, self.number + 1
        pause_s = mine.clock.real_s(mine.jobs.pauses_s(self.job)[self.number])
        with self.holding.letting_go() as step:
            mine.desk.tell(step, self.job, "retrying", self.number, pause_s=pause_s)
            due_ns = time.monotonic_ns() + round(pause_s * 1e9)  # from when it is told on, never less
            mine.desk.retry_at(step, self.job, again, due_ns)

    def _give_up(self, reply: Reply) -> None:
        reason = reply.reason or f"the model answered {reply.status}"
        with self.holding.letting_go() as step:
            self.mine.desk.give_up(step, self.job, self.number, reason)
