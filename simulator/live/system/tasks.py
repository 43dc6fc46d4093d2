"""The tasks that rq finds by name: an attempt at a job, its failure, and a subscriber's handling of a result."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from http import HTTPStatus
from math import inf
from types import TracebackType
from typing import Any, NamedTuple
from zlib import crc32

from rq import get_current_job
from rq.job import Job

from simulator.deliveries import PushDelivery
from simulator.live.system.clock import NS_PER_S, RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.http import NO_ANSWER
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import EventType, Journal
from simulator.live.system.provider_client import ProviderClient, Reply
from simulator.live.system.queues import RunQueues, enqueued_ns, job_number
from simulator.live.system.rate_limit_server import RateLimitClient
from simulator.live.system.redeliveries import (
    FAILED_PROBES,
    FAILURES,
    TAKEN,
    DeliveryEnded,
    JobDeliveries,
    WorkUnderLease,
)

WITHOUT_AN_ANSWER = (NO_ANSWER, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""Statuses that say nothing of the job."""


class AttemptFailed(Exception):
    pass


class Application:
    """What the tasks of one process share: threads share it, forked workers inherit it."""

    def __init__(self, config: ProcessConfig, jobs: Jobs, journal: Journal, api_key: str | None) -> None:
        self.config, self.jobs, self.journal = config, jobs, journal
        self.provider = ProviderClient(config, api_key)  # made before a worker forks, and first used by a job
        self.queues = RunQueues(config, jobs)
        self.design = config.scenario.event_driven
        self.publishes_progress = isinstance(self.design.delivery, PushDelivery)
        self._connections = threading.local()

    @cached_property
    def clock(self) -> RunClock:
        return self.config.clock()

    @contextmanager
    def limiter(self) -> Iterator[RateLimitClient | None]:
        """This thread's connection to the rate limit server, if there are limits. An exception, such as rq's timeout, closes it: its permit
        goes back."""
        if not self.config.limits_calls:
            yield None
            return
        client = getattr(self._connections, "limiter", None) or RateLimitClient(self.config)
        self._connections.limiter = None
        try:
            yield client
        except BaseException:
            client.close()
            raise
        self._connections.limiter = client

    def sleep(self, scenario_s: float) -> None:
        if scenario_s > 0:
            time.sleep(self.clock.real_s(scenario_s))

    def has_expired(self, job: int, called_s: float | None) -> bool:
        since_s = float(self.jobs.arrival_s[job]) if called_s is None else called_s
        return self.clock.now_s() > since_s + (self.design.expires_s or inf)


_application: list[Application] = []


def use(given: Application) -> None:
    _application[:] = [given]


def application() -> Application:
    return _application[0]


def attempt(job: int, called_s: float | None = None) -> str:
    """One attempt at a job; returns the result.

    Raises:
        AttemptFailed: the model gave none.
    """
    app, rq_job = application(), _current()
    number, deliveries = app.queues.index_of(rq_job), app.queues.deliveries
    if number > 0:
        app.journal.write(EventType.QUEUED, job, number, at_ns=enqueued_ns(rq_job))
    if deliveries is not None and deliveries.is_settled(job):
        app.journal.write(EventType.DROPPED, job, number)
        return ""
    if app.has_expired(job, called_s):
        if deliveries is not None:
            deliveries.settle(job)
        app.journal.write(EventType.EXPIRED, job, number)
        app.queues.publish(job, "expired")
        app.queues.release_key(job)
        return ""
    if deliveries is not None:
        return _Delivery(app, deliveries, rq_job, number, called_s).work()
    with _busy(app, rq_job, job, number):
        if app.publishes_progress:
            app.queues.publish(job, "started")
        app.sleep(app.design.dispatch_s)
        reply = _call(app, job, number)
        if not reply.succeeded:
            lengthen_pause(rq_job, app.clock.real_s(reply.retry_after_s))
            raise failure_of(reply)
        return _finish(app, job, number, reply)


def _finish(app: Application, job: int, number: int, reply: Reply) -> str:
    app.journal.write(EventType.COMPUTED, job, number)
    app.queues.publish(job, "done", reply.text)
    if app.jobs.subscribers:
        app.queues.fan_out(job)
    app.queues.release_key(job)
    return reply.text


def failure_of(reply: Reply) -> AttemptFailed:
    return AttemptFailed(reply.reason or f"the model answered {reply.status}")


class _Delivery:
    """A delivery of a job to a consumer that a lease, a crash or the most deliveries that there may be can end. rq queues its job again."""

    def __init__(
        self, app: Application, deliveries: JobDeliveries, rq_job: Job, number: int, called_s: float | None
    ) -> None:
        self._app, self._deliveries, self._rq_job = app, deliveries, rq_job
        self._job, self._number, self._called_s = job_number(rq_job.id), number, called_s
        self._lease = WorkUnderLease(app.clock, app.design, app.jobs, self._job, number)

    def work(self) -> str:
        """Raises AttemptFailed or DeliveryEnded, with the rq job's next retry planned, if there is one."""
        app, job, deliveries = self._app, self._job, self._deliveries
        deliveries.add(TAKEN, job)
        with _busy(app, self._rq_job, job, self._number):
            if app.publishes_progress:
                app.queues.publish(job, "started")
            app.sleep(app.design.dispatch_s)
            probes = deliveries.failed_probes(job)
            try:
                end = _call_once(app, job, self._number, probes, lambda: self._lease.begin(self._redeliver))
            finally:
                self._lease.end()
            if end.is_cut:
                return self._end_early()
            if self._is_unused(succeeded=end.reply.succeeded):
                app.journal.write(EventType.UNUSED, job, self._number, float(end.reply.succeeded))
                return ""
            if end.reply.succeeded:
                return _finish(app, job, self._number, end.reply)
            if end.is_failed_probe and deliveries.may_be_taken(job):
                deliveries.add(FAILED_PROBES, job)
                self._retry_after(0.0)
                raise DeliveryEnded("a probe of the circuit breaker failed")
            self._plan_retry(end.reply)
            raise failure_of(end.reply)

    def _is_unused(self, *, succeeded: bool) -> bool:
        if self._lease.is_late and (not succeeded or self._app.design.lease_ends == "discards"):
            return True
        return not self._deliveries.settle(self._job) if succeeded else self._deliveries.is_settled(self._job)

    def _end_early(self) -> str:
        """A lease has stopped the work, or its consumer has crashed."""
        app, job, lease = self._app, self._job, self._lease
        app.journal.write(EventType.UNUSED, job, self._number)
        if lease.is_late or self._deliveries.is_settled(job):
            return ""
        if lease.crashes and app.design.acknowledges == "early":
            self._deliveries.settle(job)
            app.journal.write(EventType.LOST, job, self._number)
            app.queues.publish(job, "failed")
            app.queues.release_key(job)
            return ""
        if self._deliveries.may_be_taken(job):
            app.journal.write(EventType.REDELIVERED, job, self._number)
            waits = lease.crashes and app.design.lease_s is not None
            self._retry_after(app.clock.real_s(lease.lease_left_s) if waits else 0.0)
        else:
            self._give_up()
        raise DeliveryEnded("its consumer crashed" if lease.crashes else "its lease ended")

    def _redeliver(self) -> None:
        """The lease has ended, and the work goes on."""
        app, job, deliveries = self._app, self._job, self._deliveries
        if deliveries.is_settled(job):
            return
        if deliveries.may_be_taken(job):
            app.journal.write(EventType.REDELIVERED, job, self._number)
            app.queues.enqueue(job, self._called_s, deliveries.taken(job))
        elif deliveries.settle(job):
            _give_up(app, job, self._number)

    def _plan_retry(self, reply: Reply) -> None:
        app, job = self._app, self._job
        failures = self._deliveries.failures(job)
        if failures < app.jobs.retries and self._deliveries.may_be_taken(job):
            self._deliveries.add(FAILURES, job)
            self._retry_after(app.clock.real_s(max(app.jobs.pauses_s(job)[failures], reply.retry_after_s)))
        else:
            self._give_up()

    def _retry_after(self, real_s: float) -> None:
        intervals: Any = [real_s]
        self._rq_job.retries_left, self._rq_job.retry_intervals = 1, intervals

    def _give_up(self) -> None:
        self._deliveries.settle(self._job)
        self._rq_job.retries_left = 0


@contextmanager
def _busy(app: Application, rq_job: Job, job: int, number: int) -> Iterator[None]:
    worker = worker_number(rq_job.worker_name or "")
    app.journal.write(EventType.STARTED, job, number, worker)
    try:
        yield
    finally:
        app.journal.write(EventType.FREED, job, number, worker)


def _call(app: Application, job: int, number: int) -> Reply:
    """Call the model for an attempt. A failed probe of the circuit breaker is no attempt: the job waits in line for another call."""
    probes = 0
    while True:
        end = _call_once(app, job, number, probes)
        if not end.is_failed_probe:
            return end.reply
        probes += 1


class CallEnd(NamedTuple):
    reply: Reply
    is_failed_probe: bool = False
    """It was a probe, and failed by the provider's fault."""
    is_cut: bool = False
    """Its lease, or its consumer's crash, ended it."""


def _call_once(
    app: Application, job: int, number: int, probes: int, begin: Callable[[], float | None] = lambda: None
) -> CallEnd:
    """Call as soon as the limits allow it; `begin` is called then, and returns after how many real seconds the call is cut.

    One that was given up or refused while there was no outage says nothing of the provider's recovery, and costs its job the attempt.
    """
    journal, jobs = app.journal, app.jobs
    with app.limiter() as limiter:
        if limiter is not None:
            asked_ns = time.monotonic_ns()
            tokens = float(jobs.input_tokens[job]), float(jobs.output_tokens[job])
            if limiter.enter(*tokens, priority=app.config.priority_of(int(jobs.place[job]))):
                journal.write(EventType.WAITED_FOR_PROVIDER, job, number, (time.monotonic_ns() - asked_ns) / NS_PER_S)
        journal.write(EventType.CALLED, job, number)
        in_outage = app.config.scenario.provider.outage_at(app.clock.now_s()) is not None
        called, cut_s = time.monotonic(), begin()
        reply = (
            app.provider.call(job, number, probes) if cut_s is None else app.provider.call(job, number, probes, cut_s)
        )
        is_cut = cut_s is not None and reply.status == NO_ANSWER and time.monotonic() - called >= cut_s
        journal.write(EventType.ANSWERED, job, number, reply.status)
        if is_cut:
            if limiter is not None:
                limiter.leave(failed=False, providers_fault=True if limiter.is_probe else None)
            return CallEnd(reply, is_cut=True)
        if limiter is None:
            return CallEnd(reply)
        poisoned = bool(jobs.poison[job]) and reply.status not in WITHOUT_AN_ANSWER
        providers_fault = not reply.succeeded and not poisoned
        limiter.leave(failed=not reply.succeeded, providers_fault=providers_fault)
        costs_an_attempt = reply.status in (HTTPStatus.TOO_MANY_REQUESTS, NO_ANSWER) and not in_outage
        return CallEnd(reply, providers_fault and limiter.is_probe and not costs_an_attempt)


def lengthen_pause(rq_job: Job, asked_s: float) -> None:
    """Let the next retry, if there is one, come no sooner than a refusal has asked for (real seconds)."""
    if asked_s > 0 and rq_job.should_retry and rq_job.retry_intervals and rq_job.retries_left:
        intervals: Any = rq_job.retry_intervals  # rq asks for whole numbers, and takes others
        place = max(len(intervals) - rq_job.retries_left, 0)
        intervals[place] = max(intervals[place], asked_s)


def record_failure(
    rq_job: Job, connection: Any, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Journal what rq is about to do with a failed job. rq calls it in the worker, or in its maintenance if the worker was killed."""
    app = application()
    job, number = int(rq_job.args[0]), app.queues.index_of(rq_job)
    if app.queues.deliveries is not None:
        number -= 1
    if rq_job.should_retry and issubclass(kind, DeliveryEnded):
        return
    if rq_job.should_retry:
        app.journal.write(EventType.BACKED_OFF, job, number, float(rq_job.get_retry_interval()))
        if app.publishes_progress:
            app.queues.publish(job, "retrying")
        return
    _give_up(app, job, number)


def _give_up(app: Application, job: int, number: int) -> None:
    keeps = app.design.dead_letter
    app.journal.write(EventType.GAVE_UP, job, number, float(keeps))
    app.queues.publish(job, "dead_lettered" if keeps else "failed")
    app.queues.release_key(job)


def handle_for_subscriber(job: int, subscriber: int) -> None:
    app = application()
    jobs, journal = app.jobs, app.journal
    for number, pause_s in enumerate([*jobs.subscriber_pauses_s(job, subscriber), 0.0]):
        app.sleep(float(jobs.handling_s[job, subscriber]))
        if not jobs.refuses(job, subscriber, number):
            journal.write(EventType.HANDLED, job, subscriber)
            return
        app.sleep(pause_s)
    journal.write(EventType.UNHANDLED, job, subscriber)


def worker_number(name: str) -> float:
    return float(crc32(name.encode()))


def _current() -> Job:
    job = get_current_job()
    assert job is not None  # noqa: S101  rq runs this
    return job
