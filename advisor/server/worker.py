"""The process that runs simulations: an rq worker that does not fork, so that the compiled kernel stays warm in it."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django_rq
import redis
import structlog
from django.conf import settings
from rq import worker_registration
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.timeouts import BaseDeathPenalty
from rq.worker import BaseWorker, SimpleWorker

from advisor.server.status import HEARTBEAT_EVERY_S, record_worker_heartbeat
from core.errors import CannotRun
from simulator.replications import warm, yield_to_other_work

log = structlog.get_logger("worker")

MAINTENANCE_S = 60


class NoDeathPenalty(BaseDeathPenalty):
    """A run keeps its own time limit, and the supervisor ends a worker that overruns it: rq's alarm, which interrupts anything, is not used."""

    def setup_death_penalty(self) -> None: ...

    def cancel_death_penalty(self) -> None: ...


class SimulationWorker(SimpleWorker):
    """Runs jobs in its own process and shows a heartbeat every five seconds, also while one runs.

    Commands to a worker (stop this job, shut down) come by the Run row and by signals instead of rq's subscription.
    """

    death_penalty_class = NoDeathPenalty
    max_connection_wait_time = 5.0
    log_result_lifespan = False
    heartbeat_every_s: float = HEARTBEAT_EVERY_S

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.has_left = threading.Event()

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """As forking workers do, who renew it while they wait: SimpleWorker promises the job's whole limit in advance."""
        return int(BaseWorker.get_heartbeat_ttl(self, job, working_time))

    def subscribe(self) -> None: ...

    def unsubscribe(self) -> None: ...

    def work_until_stopped(self) -> None:
        """Take jobs until SIGTERM: the first lets a running job finish, the second stops it."""
        record_worker_heartbeat(self.connection, self.name)
        stopped = threading.Event()
        heartbeats = threading.Thread(target=self._show_heartbeats, args=[stopped], name="heartbeat", daemon=True)
        heartbeats.start()
        try:
            self.work(logging_level="WARNING", with_scheduler=False)
        finally:
            stopped.set()
            heartbeats.join()

    def _show_heartbeats(self, stopped: threading.Event) -> None:
        reachable = True
        while not stopped.wait(self.heartbeat_every_s):
            try:
                self._show_heartbeat()
            except redis.exceptions.RedisError as trouble:
                if reachable:
                    log.warning("The broker does not answer; a running simulation goes on", reason=str(trouble))
                reachable = False
            else:
                reachable = True

    def _show_heartbeat(self) -> None:
        self._register_again_if_lost()
        record_worker_heartbeat(self.connection, self.name)
        for execution in list(self.executions.values()):
            try:
                job = Job.fetch(execution.job_id, self.connection, self.serializer)
            except NoSuchJobError:
                break  # the broker was emptied; the run goes on, its row is what counts
            self.maintain_heartbeats(job, execution)
            return
        self.heartbeat(self.job_monitoring_interval + 60)

    def _register_again_if_lost(self) -> None:
        is_registered = self.connection.sismember(self.redis_workers_keys, self.key)
        if is_registered or self.birth_date is None or self.has_left.is_set():
            return
        with self.connection.pipeline() as pipeline:
            pipeline.hset(self.key, mapping=self.serialize())
            worker_registration.register(self, pipeline)
            pipeline.execute()
        log.warning("The broker had forgotten this worker; it is registered again", name=self.name)

    def register_death(self) -> None:
        self.has_left.set()
        super().register_death()  # type: ignore[no-untyped-call]


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """The first of several workers compiles, the others then load what it left: half the work of the first start."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def work(name: str) -> None:
    with _one_at_a_time(settings.CONFIGURATION.data / "kernel.lock"):
        warm()
    yield_to_other_work()
    worker = simulation_worker(name)
    log.info("The worker is ready", name=name)
    try:
        worker.work_until_stopped()
    except redis.exceptions.OutOfMemoryError as refused:
        raise CannotRun(f"The broker's memory is full, so that this worker ends: {refused}") from refused


def simulation_worker(name: str) -> SimulationWorker:
    queues = [django_rq.get_queue(queue) for queue in settings.QUEUES]
    return SimulationWorker(
        queues,
        name=name,
        connection=queues[0].connection,
        serializer=queues[0].serializer,
        worker_ttl=15 + HEARTBEAT_EVERY_S,
        job_monitoring_interval=HEARTBEAT_EVERY_S,
        maintenance_interval=MAINTENANCE_S,
        log_job_description=False,
    )
