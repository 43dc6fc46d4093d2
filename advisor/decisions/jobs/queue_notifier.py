"""Notifies workers of tasks through rq. A notification may be lost or sent twice: the reconciler queues the task again, and the rows decide."""

import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.db import transaction
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from structlog.contextvars import get_contextvars

log = logging.getLogger(__name__)

BACKSTOP_S = 30
"""rq's own timeout comes this much after ours, for a run that neither we nor the supervisor could end."""
FAILURE_TTL_S = 86_400
RUN_SIMULATION = "advisor.decisions.jobs.run_simulation"
RUN_PART = "advisor.decisions.jobs.run_part"
REQUEST_ID = "request_id"
"""In a job's meta, and in the context of what is logged: of the request that queued it."""
LOOK_AT_QUEUES = "advisor.decisions.jobs.look_at_queues"


class QueueNotifier(Protocol):
    def notify(self, task_id: UUID, attempt: int) -> None:
        pass

    def waiting(self) -> set[str]:
        pass


class RqNotifier:
    """One rq queue. A job carries only the id of a row, of a run or of a part of a sweep; its worker takes the task whose turn it is."""

    def __init__(self, function: str = RUN_SIMULATION, queue: str = settings.SIMULATIONS_QUEUE) -> None:
        self.function = function
        self.queue = queue

    def notify(self, task_id: UUID, attempt: int) -> None:
        """Two notifications of one attempt make one job. Raise redis.RedisError within seconds if the broker is gone or hangs."""
        _queue(self.queue).enqueue_call(
            self.function,
            args=(str(task_id),),
            job_id=job_id(task_id, attempt),
            timeout=settings.CONFIGURATION.run_time_limit_s + BACKSTOP_S,
            result_ttl=0,
            failure_ttl=FAILURE_TTL_S,
            meta={key: value for key, value in get_contextvars().items() if key == REQUEST_ID},
        )

    def waiting(self) -> set[str]:
        """Leave out the jobs that a worker has taken: if it crashes before its claim, the task must be queued again."""
        return set(_queue(self.queue).get_job_ids())


RUNS: QueueNotifier = RqNotifier()
BULK: QueueNotifier = RqNotifier(queue=settings.BULK_QUEUE)
MAPS: QueueNotifier = RqNotifier(RUN_PART, settings.MAPS_QUEUE)
"""For the parts of maps: workers read this queue when the other one is empty."""
SEARCHES: QueueNotifier = RqNotifier(RUN_PART)
"""A search is a single part that a user waits for, as for a run."""

LOOKS: QueueNotifier = RqNotifier(LOOK_AT_QUEUES)
"""A look that no worker was notified of is over after a minute: it is not queued again."""


def job_id(task_id: UUID, attempt: int) -> str:
    return f"{task_id}-{attempt}"


def notify_on_commit(
    notifier: QueueNotifier, tasks: Iterable[tuple[UUID, int]], report: Callable[[bool], None] = lambda _: None
) -> None:
    """Queue jobs for tasks (id, attempt) once they are committed; `report` gets whether that worked.

    Nothing is raised: the tasks are saved, so a broken queue must not look like a failure of the request.
    """

    def after_commit() -> None:
        try:
            for task_id, attempt in tasks:
                notifier.notify(task_id, attempt)
        except Exception:
            log.exception("Could not notify a worker of %s; the reconciler will", tasks)
            report(False)
        else:
            report(True)

    transaction.on_commit(after_commit)


def _queue(name: str) -> Queue:
    return Queue(name, connection=broker_connection(settings.CONFIGURATION.broker_url), serializer=JSONSerializer)


def worker_hosts() -> set[str]:
    """The names of the hosts that have workers; empty if the broker does not say."""
    try:
        workers = Worker.all(connection=broker_connection(settings.CONFIGURATION.broker_url))
    except RedisError:
        log.warning("The broker does not say which workers there are", exc_info=True)
        return set()
    return {worker.hostname for worker in workers if worker.hostname}


@lru_cache(maxsize=4)
def broker_connection(url: str) -> Redis:
    """Try once, for as long as the URL says: the client's own retries would make a user wait for a broker that hangs."""
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0))
