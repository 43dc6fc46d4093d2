"""Workloads so small that a table and a process that looks at it do: what a queue is for never happens."""

import math

from advisor.advice.answers import Answers, Priority
from advisor.advice.facts import PointFacts
from core.numbers import duration, rate
from core.units import HOUR_S, MINUTE_S

FEW_PER_HOUR = 60.0
"""One a minute, in the peak too: the finest interval of cron (POSIX, crontab), so that each look finds about one job."""
BUSY_AT_MOST = 0.5
"""One process that is busy for half of the time at the most works the jobs off one by one."""
ONE_QUEUE = "all"
LOOKS_S = (60.0, 30.0, 20.0, 10.0, 5.0, 2.0, 1.0)


def has_few_jobs(answers: Answers, point: PointFacts) -> bool:
    busy = point.load.peak_rate * point.work.mean_s * point.failure.attempts
    return (
        point.load.peak_rate * HOUR_S <= FEW_PER_HOUR
        and busy <= BUSY_AT_MOST
        and answers.volume.backlog_jobs == 0
        and answers.volume.trace is None
        and look_s(answers, point) is not None
    )


def look_s(answers: Answers, point: PointFacts) -> float | None:
    """How often to look for jobs: a minute, or as often as the shortest wait that is allowed; None if even a second is too seldom."""
    waits = [priority.max_wait_s for priority in answers.priorities.shares().values()]
    allowed = min(*waits, point.caller.deadline_s - point.work.p95_s, math.inf)
    return next((seconds for seconds in LOOKS_S if seconds <= allowed), None)


def queue_classes(answers: Answers, point: PointFacts) -> dict[str, Priority]:
    """The classes that have a queue each: one for all where one order or a few jobs leave nothing to tell apart.

    Classes with times of their own keep their queues.
    """
    classes = answers.priorities.shares()
    has_own_times = any(priority.p50_s is not None for priority in classes.values())
    is_one = point.capacity.ordered_globally or has_few_jobs(answers, point)
    if len(classes) < 2 or has_own_times or not is_one:
        return classes
    shortest_s = min(priority.max_wait_s for priority in classes.values())
    return {ONE_QUEUE: Priority(share_percent=100.0, max_wait_s=shortest_s)}


def simple_sentence(answers: Answers, point: PointFacts) -> str:
    every = look_s(answers, point) or LOOKS_S[-1]
    if answers.operations.runs_a_broker_today:
        instead = "one queue with one consumer on the broker that runs today does"
    elif every >= MINUTE_S:
        instead = "a table in the database and a cron job that looks at it every minute do"
    else:
        instead = f"a table in the database and one process that looks at it every {duration(every)} do"
    return (
        f"Start simple: at most {rate(point.load.peak_rate)} arrive, so {instead}; queues for each class would be more to run than there is to "
        "work off."
    )
