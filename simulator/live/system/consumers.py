"""The consumers: rq's workers, of the kind that the user has chosen, on the queues that the Scenario's discipline gives them.

What is changed of rq: a worker in a thread installs no signal handlers. `weighted` orders a worker's queues before
each job. `scheduler` replaces two functions, but for the kind `stock`.
"""

import threading
from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any, assert_never

from rq import Queue
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty
from rq.worker import BaseWorker, SimpleWorker, Worker
from rq.worker_pool import WorkerPool

from core.closed_sets import complete_table
from simulator.live.system import tasks
from simulator.live.system.config import MOST_HANDLERS, ProcessConfig
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal
from simulator.live.system.process import ProcessContext
from simulator.live.system.queues import subscriber_queue
from simulator.live.system.scheduler import schedule_at_tick, tick_s
from simulator.result import WorkerKind

TAGS = "x:tags"
"""In the broker, if the discipline is weighted: of each queue's next job by the queue's place, and of the job that was taken last."""
THREAD_PROCESSES = 2
"""Processes that the consumers of the kind `threads` are dealt out to."""
FEWEST_HANDLERS = 2
"""Workers of one subscriber's queue, if any number may handle results: enough that none waits, as in the kernel."""
HANDLER_RESERVE = 3


class ThreadWorker(SimpleWorker):
    """rq's SimpleWorker in a thread: signals reach the main thread only, and so do rq's alarms, for which it has this class."""

    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self) -> None:
        pass


class WeightedOrder(BaseWorker):
    """Queues are served by their shares, with start-time fair queueing as in the kernel (`kernel/disciplines.py`): the earliest tag is next.

    The workers take turns together: the tags are in the broker.
    """

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        tags = self._tags()
        self._ordered_queues = [self.queues[place] for place in sorted(range(len(tags)), key=tags.__getitem__)]
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def reorder_queues(self, reference_queue: Queue) -> None:
        """A job of that queue was taken: those before it in turn had none."""
        taken = self.queues.index(reference_queue)
        tag, share = self._tags()[taken], list(tasks.application().config.scenario.event_driven.queues.values())[taken]
        self.connection.hset(TAGS, mapping={"last": tag, str(taken): tag + 100 / share})

    def _tags(self) -> list[float]:
        """Those of each queue's next job; a queue that was empty gets no credit for it."""
        stored = {
            (key.decode() if isinstance(key, bytes) else key): float(tag)
            for key, tag in self.connection.hgetall(TAGS).items()
        }
        last = stored.get("last", 0.0)
        return [max(stored.get(str(place), 0.0), last) for place in range(len(self.queues))]


class WeightedThreadWorker(WeightedOrder, ThreadWorker):
    pass


class WeightedSimpleWorker(WeightedOrder, SimpleWorker):
    pass


class WeightedWorker(WeightedOrder, Worker):
    pass


CLASSES: Mapping[WorkerKind, tuple[type[BaseWorker], type[BaseWorker]]] = complete_table(
    WorkerKind,
    {
        "threads": (ThreadWorker, WeightedThreadWorker),
        "simple": (SimpleWorker, WeightedSimpleWorker),
        "forking": (Worker, WeightedWorker),
        "stock": (Worker, WeightedWorker),
    },
)


def worker_class(config: ProcessConfig) -> type[BaseWorker]:
    return CLASSES[config.workers][config.scenario.event_driven.discipline == "weighted"]


def queues_by_consumer(config: ProcessConfig, jobs: Jobs) -> list[list[str]]:
    design = config.scenario.event_driven
    names = list(design.queues)
    match design.discipline:
        case "dedicated":
            return [[name] for name, own in zip(names, jobs.consumers, strict=True) for _ in range(int(own))]
        case "strict" | "weighted":
            return [names for _ in range(design.consumers)]
        case _:
            assert_never(design.discipline)


def consumer_processes(config: ProcessConfig, jobs: Jobs) -> list[list[list[str]]]:
    """The consumers of each process, by their queues. Of the kind `stock` a process is rq's worker pool, one for all that share their queues."""
    consumers = queues_by_consumer(config, jobs)
    if config.workers == "threads":
        return [dealt for start in range(THREAD_PROCESSES) if (dealt := consumers[start::THREAD_PROCESSES])]
    if config.workers == "stock":
        return [
            [queues for queues in consumers if queues == pool]
            for pool in map(list, dict.fromkeys(map(tuple, consumers)))
        ]
    return [[queues] for queues in consumers]


def handlers(config: ProcessConfig, jobs: Jobs) -> Iterator[list[str]]:
    """The queue of each worker that handles results for a subscriber."""
    mean_s = max(1e-9, float(jobs.service_s.mean())) if len(jobs) else 1.0
    results_per_s = config.scenario.event_driven.consumers / mean_s
    most = MOST_HANDLERS // max(1, jobs.subscribers)
    for subscriber in range(jobs.subscribers):
        wanted = ceil(HANDLER_RESERVE * results_per_s * _mean_handling_s(jobs, subscriber))
        unbounded = max(FEWEST_HANDLERS, min(most, wanted))
        for _ in range(config.scenario.subscribers.consumers or unbounded):
            yield [subscriber_queue(subscriber)]


def _mean_handling_s(jobs: Jobs, subscriber: int) -> float:
    """For how long a result holds a handler, retries and the pauses before them included."""
    held_s = 0.0
    for job in range(len(jobs)):
        for number, pause_s in enumerate([*jobs.subscriber_pauses_s(job, subscriber), 0.0]):
            held_s += float(jobs.handling_s[job, subscriber])
            if not jobs.refuses(job, subscriber, number):
                break
            held_s += pause_s
    return held_s / max(1, len(jobs))


def worker_count(config: ProcessConfig, jobs: Jobs) -> int:
    return len(queues_by_consumer(config, jobs)) + len(list(handlers(config, jobs)))


def run_consumers(context: ProcessContext) -> None:
    config = context.config
    jobs = _start(context, f"consumers-{context.number}")
    consumers = consumer_processes(config, jobs)[context.number]
    if config.workers != "stock":
        schedule_at_tick(tick_s(config))
    if config.workers == "threads":
        _run_threads(context, consumers, worker_class(config))
    elif config.workers == "stock":
        _run_pool(context, consumers)
    else:
        context.ready()
        _work(worker_class(config), consumers[0])


def run_handlers(context: ProcessContext) -> None:
    jobs = _start(context, "subscribers")
    _run_threads(context, list(handlers(context.config, jobs)), ThreadWorker)


def _start(context: ProcessContext, name: str) -> Jobs:
    journal = Journal(context.config.journal(name))
    tasks.use(tasks.Application(context.config, context.jobs, journal, context.api_key))
    return context.jobs


def _run_threads(context: ProcessContext, consumers: list[list[str]], kind: type[BaseWorker]) -> None:
    """A worker that ends has failed, and its process ends with it; the controller starts it again."""
    failed = threading.Event()

    def work(queues: list[str]) -> None:
        try:
            _work(kind, queues)
        finally:
            failed.set()

    for queues in consumers:
        threading.Thread(target=work, args=(queues,), daemon=True).start()
    context.ready()
    failed.wait()
    raise SystemExit(1)


def _run_pool(context: ProcessContext, consumers: list[list[str]]) -> None:
    pool = WorkerPool(
        consumers[0],
        connection=tasks.application().queues.connection,
        num_workers=len(consumers),
        worker_class=worker_class(context.config),
        serializer=JSONSerializer,
    )
    context.ready()
    pool.start(logging_level="WARNING")


def _work(kind: type[BaseWorker], queues: list[str]) -> None:
    connection = tasks.application().queues.connection
    worker = kind(queues, connection=connection, serializer=JSONSerializer, log_job_description=False)
    worker.work(logging_level="WARNING")
