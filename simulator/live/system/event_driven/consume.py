"""A process of consumers, one rq worker a thread."""

import logging
import os
import threading
import traceback
import uuid
from collections.abc import Iterator
from math import ceil
from typing import Any

from rq.job import Job
from rq.serializers import JSONSerializer

from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.event_driven.consuming import claim, use
from simulator.live.system.event_driven.desk import Desk, subscriber_queue
from simulator.live.system.event_driven.hands import Consumers
from simulator.live.system.event_driven.worker import ThreadWorker
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import Journal
from simulator.live.system.process import ProcessContext
from simulator.live.system.provider_client import Provider

FEWEST_HANDLERS, MOST_HANDLERS = 2, 12
"""Consumers of one subscriber's queue in one process: enough that nobody queues for handling, which the kernel has not either."""


def seats(plan: ProcessConfig, jobs: Jobs, process: int) -> Iterator[str]:
    """The queue of each thread of this process: each class's consumers dealt out to the processes in turn, then the subscribers'."""
    place = 0
    for name, consumers in zip(plan.scenario.event_driven.queues, jobs.consumers, strict=True):
        for _ in range(int(consumers)):
            if place % plan.consumer_processes == process:
                yield name
            place += 1
    busy = float(jobs.consumers.sum()) / max(1e-9, float(jobs.service_s.mean()) if len(jobs) else 1.0)
    for subscriber in range(jobs.subscribers):
        handling_s = float(jobs.handling_s[:, subscriber].mean()) if len(jobs) else 0.0
        wanted = ceil(3 * busy * handling_s / plan.consumer_processes)
        for _ in range(min(MOST_HANDLERS, max(FEWEST_HANDLERS, wanted))):
            yield subscriber_queue(subscriber)


def run(context: ProcessContext) -> None:
    """Work until the controller ends the process. It is ready when every worker listens: none is still starting when the first job comes."""
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    plan, process = context.config, context.number
    jobs = Jobs.read(plan.path / "jobs.npz")
    desk, name = Desk(plan, jobs), f"{process}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    desk.connection.ping()
    listening, begun = threading.Semaphore(0), threading.Event()

    def claim_once_begun(job: Job) -> None:
        begun.wait()
        claim(job)

    ThreadWorker.claims, ThreadWorker.listens = staticmethod(claim_once_begun), staticmethod(listening.release)
    threads = [
        threading.Thread(
            target=_work, args=(queue, f"{name}-{seat}", desk.connection), name=f"consumer-{seat}", daemon=True
        )
        for seat, queue in enumerate(seats(plan, jobs, process))
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        listening.acquire()
    context.ready()
    started_ns = context.wait_for_start()
    clock, journal = RunClock(started_ns, plan.speed), Journal(plan.journal(f"consume-{process}"))
    consumers = Consumers(plan, jobs, clock, journal, desk, Provider(plan, started_ns, context.api_key), name)
    use(consumers)
    consumers.show_alive()
    begun.set()
    for thread in threads:
        thread.join()


def _work(queue: str, name: str, connection: Any) -> None:
    """For good: where a worker ends, its log says why, and the whole process ends with it, to be started again."""
    try:
        worker = ThreadWorker(
            [queue], name=name, connection=connection, serializer=JSONSerializer, log_job_description=False
        )
        worker.work(logging_level="WARNING")
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(1)
