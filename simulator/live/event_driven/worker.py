"""The rq worker of a live run: many as threads of one process, since AI-like work waits on the network and needs little else."""

from collections.abc import Callable
from typing import Any, ClassVar

from redis.client import Pipeline
from rq.job import Job
from rq.timeouts import BaseDeathPenalty
from rq.worker import SimpleWorker

BEAT_EVERY = 200
"""Jobs between two signs of life to rq: the run's own parts watch each other by other means."""


class NoDeathPenalty(BaseDeathPenalty):
    """Alarms reach the main thread alone; a call's own timeout ends it here."""

    def setup_death_penalty(self) -> None:
        """Sets no alarm."""

    def cancel_death_penalty(self) -> None:
        """There is none to cancel."""


class ThreadWorker(SimpleWorker):
    """Takes jobs of one queue, runs them in its thread, and leaves out what only a process of its own, or rq's own monitoring, needs."""

    death_penalty_class = NoDeathPenalty
    log_result_lifespan = False
    claims: ClassVar[Callable[[Job], None]]
    """Told of each job before rq forgets that it was taken."""
    _beats = 0

    def prepare_job_execution(self, job: Job, remove_from_intermediate_queue: bool = False) -> None:
        """As rq does, once the job is claimed."""
        type(self).claims(job)
        super().prepare_job_execution(job, remove_from_intermediate_queue)

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
