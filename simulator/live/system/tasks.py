"""The tasks that rq finds by name: an attempt at a job, its failure, and a subscriber's handling of a result."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from http import HTTPStatus
from math import inf
from types import TracebackType
from typing import Any
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
from simulator.live.system.queues import RunQueues, attempt_number, enqueued_ns
from simulator.live.system.rate_limit_server import RateLimitClient


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

    def has_expired(self, job: int) -> bool:
        return self.clock.now_s() > float(self.jobs.arrival_s[job]) + (self.design.expires_s or inf)


_application: list[Application] = []


def use(given: Application) -> None:
    _application[:] = [given]


def application() -> Application:
    return _application[0]


def attempt(job: int) -> str:
    """One attempt at a job; returns the result.

    Raises:
        AttemptFailed: the model gave none.
    """
    app, rq_job = application(), _current()
    number = attempt_number(rq_job, app.jobs.retries)
    if number > 0:
        app.journal.write(EventType.QUEUED, job, number, at_ns=enqueued_ns(rq_job))
    if app.has_expired(job):
        app.journal.write(EventType.EXPIRED, job, number)
        app.queues.publish(job, "expired")
        return ""
    with _busy(app, rq_job, job, number):
        if app.publishes_progress:
            app.queues.publish(job, "started")
        app.sleep(app.design.dispatch_s)
        reply = _call(app, job, number)
        if not reply.succeeded:
            raise AttemptFailed(reply.reason or f"the model answered {reply.status}")
        app.journal.write(EventType.COMPUTED, job, number)
        app.queues.publish(job, "done", reply.text)
        if app.jobs.subscribers:
            app.queues.fan_out(job)
        return reply.text


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
        reply, is_failed_probe = _call_once(app, job, number, probes)
        if not is_failed_probe:
            return reply
        probes += 1


def _call_once(app: Application, job: int, number: int, probes: int) -> tuple[Reply, bool]:
    """Return what came of it, and whether it was a probe that failed by the provider's fault.

    One that was given up while there was no outage failed because the job takes too long, as it will at each attempt.
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
        reply = app.provider.call(job, number, probes)
        journal.write(EventType.ANSWERED, job, number, reply.status)
        if limiter is None:
            return reply, False
        poisoned = bool(jobs.poison[job]) and reply.status not in (HTTPStatus.SERVICE_UNAVAILABLE, NO_ANSWER)
        providers_fault = not reply.succeeded and not poisoned
        limiter.leave(failed=not reply.succeeded, providers_fault=providers_fault)
        takes_too_long = reply.status == NO_ANSWER and not in_outage
        return reply, providers_fault and limiter.is_probe and not takes_too_long


def record_failure(
    rq_job: Job, connection: Any, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Journal what rq is about to do with a failed job. rq calls it in the worker, or in its maintenance if the worker was killed."""
    app = application()
    job, number = int(rq_job.args[0]), attempt_number(rq_job, app.jobs.retries)
    if rq_job.should_retry:
        app.journal.write(EventType.BACKED_OFF, job, number, float(rq_job.get_retry_interval()))
        if app.publishes_progress:
            app.queues.publish(job, "retrying")
        return
    keeps = app.design.dead_letter
    app.journal.write(EventType.GAVE_UP, job, number, float(keeps))
    app.queues.publish(job, "dead_lettered" if keeps else "failed")


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
