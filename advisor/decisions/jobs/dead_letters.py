"""The dead-letter queue of a live run: read from its broker while it runs, from its result afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import redis

from advisor.decisions.models import EngineName, Run
from simulator.live.run.folders import find_running
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.jobs import Jobs
from simulator.live.system.queues import RunQueues, monotonic_ns

DESIGN = "event_driven"


class DesignNotRunning(Exception):
    pass


@dataclass(frozen=True)
class Letter:
    """A dead letter; `at_s`: when it was given up, in Scenario seconds since the start."""

    job: int
    queue: str
    attempts: int
    reason: str
    at_s: float | None


def list_dead_letters(run: Run) -> tuple[tuple[Letter, ...], bool]:
    """Return the dead letters of a run, by job, and whether they can still be requeued."""
    try:
        with _queues(run) as (queues, clock):
            entries = queues.read_dead_letters()
            return tuple(
                Letter(one.job, one.queue, one.attempts, one.reason, _at_s(clock, one.ended_at)) for one in entries
            ), True
    except DesignNotRunning:
        result = run.result
        kept = result.live.dead_letters if result is not None and result.live is not None else ()
        return tuple(Letter(one.job, one.queue, one.attempts, one.reason, one.at_s) for one in kept), False


def requeue(run: Run, job: int | None = None) -> int:
    """Queue one job again, or all, and return how many. Raise DesignNotRunning if the run's event-driven design is not running."""
    with _queues(run) as (queues, _):
        wanted = [job] if job is not None else [one.job for one in queues.read_dead_letters()]
        return sum(queues.requeue_dead_letter(one) for one in wanted)


def empty(run: Run) -> int:
    """Delete all, and return how many there were. Raise DesignNotRunning if the run's event-driven design is not running."""
    with _queues(run) as (queues, _):
        return queues.delete_dead_letters()


def _at_s(clock: RunClock, ended_at: datetime | None) -> float | None:
    return clock.scenario_s(monotonic_ns(ended_at)) if ended_at is not None else None


@contextmanager
def _queues(run: Run) -> Iterator[tuple[RunQueues, RunClock]]:
    folder = find_running(str(run.pk)) if run.engine == EngineName.LIVE else None
    try:
        if folder is None:
            raise DesignNotRunning("The run is not under way.")
        config = ProcessConfig.read(folder / DESIGN / "plan.json")
        queues = RunQueues(config, Jobs.read(config.path / "jobs.npz"))
        with queues.connection:
            yield queues, config.clock()
    except (FileNotFoundError, redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as gone:
        raise DesignNotRunning("The event-driven design of the run is not under way.") from gone
