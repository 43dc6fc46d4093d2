"""Workloads so small that a table and a process that looks at it do: what a queue is for never happens."""

import math

from advisor.advice.answers import Answers
from advisor.advice.facts import PointFacts
from core.numbers import duration, rate
from core.units import HOUR_S, MINUTE_S

FEW_PER_HOUR = 60.0
"""One a minute, in the peak too: the finest interval of cron (POSIX, crontab), so that each look finds about one job."""
BUSY_AT_MOST = 0.5
"""One process that is busy for half of the time at the most works the jobs off one by one."""
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
