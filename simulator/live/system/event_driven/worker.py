"""The rq worker of a live run: many as threads of one process, since AI-like work waits on the network and needs little else.

The queues, the jobs in them, the list of what has been taken and not begun, and the loop are rq's. What rq keeps for its own monitoring and
for features that a run's jobs have not (executions, heartbeats, results, dependents, callbacks) is left out: nobody in a run reads it, and it
is three quarters of a job's commands to the broker.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import uuid4

from redis.client import Pipeline
from rq import Queue
from rq.executions import Execution
from rq.job import Job
from rq.registry import StartedJobRegistry
from rq.timeouts import BaseDeathPenalty
from rq.utils import now
from rq.worker import SimpleWorker

BEAT_EVERY = 200
"""Jobs between two signs of life to rq: the run's own parts watch each other by other means."""

_mine = threading.local()


def taken_ns() -> int:
    """When this thread's worker took the job that it is at from its queue, by the machine's clock. That is where the job's wait ends."""
    return int(_mine.taken_ns)


class TimedQueue(Queue):
    """rq's queue; a thread that takes a job from it remembers when."""

    @classmethod
    def lmove(cls, connection: Any, queue_key: str, timeout: int | None) -> Any:
        """As rq does. Raises rq's DequeueTimeout."""
        found = super().lmove(connection, queue_key, timeout)
        _mine.taken_ns = time.monotonic_ns()
        return found


class NoDeathPenalty(BaseDeathPenalty):
    """Alarms reach the main thread alone; a call's own timeout ends it here."""

    def setup_death_penalty(self) -> None:
        """Sets no alarm."""

    def cancel_death_penalty(self) -> None:
        """There is none to cancel."""


class ThreadWorker(SimpleWorker):
    """Takes jobs of one queue, runs them in its thread, and leaves out what only a process of its own, or rq's own monitoring, needs."""

    queue_class = TimedQueue
    death_penalty_class = NoDeathPenalty
    log_result_lifespan = False
    claims: ClassVar[Callable[[Job], None]]
    """Told of each job that has been taken: it moves it from rq's list of what has been taken and not begun to the run's own."""
    listens: ClassVar[Callable[[], None]] = staticmethod(lambda: None)
    """Told once by each worker, when it is about to take its first job."""
    _beats = 0
    _listens = False

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """As rq does."""
        if not self._listens:
            self._listens = True
            type(self).listens()
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def prepare_execution(self, job: Job) -> Execution:
        """One that nobody looks up."""
        return Execution(uuid4().hex, job.id, self.connection, self.name)

    def prepare_job_execution(self, job: Job, remove_from_intermediate_queue: bool = False) -> None:
        """The job is claimed."""
        type(self).claims(job)

    def handle_execution_ended(self, job: Job, queue: Queue, heartbeat_ttl: int) -> None:
        """Its end, as rq's log has it."""
        job.ended_at = now()

    def handle_job_success(
        self, job: Job, queue: Queue, started_job_registry: StartedJobRegistry, execution: Execution
    ) -> None:
        """rq forgets the job: it has no result to keep, no dependents and no successor."""
        self.connection.delete(job.key)

    def _install_signal_handlers(self) -> None:
        """Signals are the process's."""

    def procline(self, message: str) -> None:
        """The process has a name of its own."""

    def subscribe(self) -> None:
        """Commands to workers have no part in a run."""

    def unsubscribe(self) -> None:
        """There is no subscription."""

    def check_for_suspension(self, burst: bool) -> None:
        """Nobody suspends a run's workers."""

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """The run's own scheduler finds what a dead worker has left."""
        return False

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Now and then."""
        self._beats += 1
        if self._beats % BEAT_EVERY == 1:
            super().heartbeat(timeout, pipeline=pipeline)

    def set_state(self, state: Any, pipeline: Pipeline | None = None) -> None:
        """Nobody reads it; the run's own journals say who works on what."""
        self._state = state
