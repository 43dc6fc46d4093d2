"""The dead-letter queue of a live run: of one under way in its own broker, of one that has ended as its result tells it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from advisor.decisions.models import EngineName, Run
from simulator.live.run.folders import living
from simulator.live.system.clock import RunClock
from simulator.live.system.config import ProcessConfig
from simulator.live.system.event_driven import dead_letters
from simulator.live.system.event_driven.desk import Desk
from simulator.live.system.jobs import Jobs

DESIGN = "event_driven"


class NotUnderWay(Exception):
    """The run's event-driven design does not run now: nothing can be taken up again or thrown away."""


@dataclass(frozen=True)
class Letter:
    """A dead letter; `at_s`: when it was given up, in Scenario seconds since the start."""

    job: int
    queue: str
    attempts: int
    reason: str
    at_s: float | None


def letters_of(run: Run) -> tuple[tuple[Letter, ...], bool]:
    """The dead letters of a run, by job, and whether they can still be taken up again."""
    try:
        with _desk(run) as (desk, clock):
            found = dead_letters.letters(desk)
            return tuple(
                Letter(one.job, one.queue, one.attempts, one.reason, clock.scenario_s(one.at_ns)) for one in found
            ), True
    except NotUnderWay:
        result = run.result
        kept = result.live.dead_letters if result is not None and result.live is not None else ()
        return tuple(Letter(one.job, one.queue, one.attempts, one.reason, one.at_s) for one in kept), False


def requeue(run: Run, job: int | None = None) -> int:
    """One more attempt at a dead letter's job, or at all of them; how many that were.

    Raises:
        NotUnderWay: its event-driven design does not run now.
    """
    with _desk(run) as (desk, _):
        wanted = [job] if job is not None else [letter.job for letter in dead_letters.letters(desk)]
        return sum(dead_letters.requeue(desk, one) for one in wanted)


def empty(run: Run) -> int:
    """Throw all of a run's dead letters away; how many there were.

    Raises:
        NotUnderWay: its event-driven design does not run now.
    """
    with _desk(run) as (desk, _):
        return dead_letters.empty(desk)


@contextmanager
def _desk(run: Run) -> Iterator[tuple[Desk, RunClock]]:
    folder = living(str(run.pk)) if run.engine == EngineName.LIVE else None
    try:
        if folder is None:
            raise NotUnderWay("The run is not under way.")
        plan = ProcessConfig.read(folder / DESIGN / "plan.json")
        desk = Desk(plan, Jobs.read(plan.path / "jobs.npz"))
        with desk.connection:
            yield desk, plan.clock()
    except (FileNotFoundError, redis.exceptions.ConnectionError) as gone:
        raise NotUnderWay("The event-driven design of the run is not under way.") from gone
