"""The rq worker of a live run: many as threads of one process, since AI-like work waits on the network and needs little else."""

from typing import Any

from redis.client import Pipeline
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
    _beats = 0

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
