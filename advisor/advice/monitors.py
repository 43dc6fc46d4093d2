"""What to watch once it runs: queue depth and consumer lag above all."""

import math

from advisor.advice import recovery, sizing
from advisor.advice.contract import Monitor, Queue, RetryPlan, Style
from advisor.advice.facts import PointFacts
from advisor.advice.words import a_day
from core.numbers import count, duration, number, percent, plural, rate


def plan_monitors(
    point: PointFacts, style: Style, queues: tuple[Queue, ...], kept: RetryPlan | None
) -> tuple[Monitor, ...]:
    watched = [] if style == "event_driven" else _in_line(point, style)
    if style != "synchronous":
        watched = [*_queues(queues), *_drains(point), *_dead_letters(point, kept), *watched]
    return (*watched, *_provider(point))


def _queues(queues: tuple[Queue, ...]) -> list[Monitor]:
    return [
        Monitor(
            metric=f"queue depth and consumer lag, {queue.name}",
            threshold=f"{count(queue.alarm_depth, 'job')} or {duration(queue.alarm_lag_s)}",
            text=f"Past either, jobs of this class will wait longer than {duration(queue.max_wait_s)} or miss the deadline.",
        )
        for queue in queues
    ]


def _drains(point: PointFacts) -> list[Monitor]:
    after_peak, arrives = recovery.drain_after_peak_s(point), point.load.arrives_in_outage
    watched = []
    if after_peak > 0:
        text = "A queue that is not empty by then has lost consumers or gained load."
        watched.append(_drain("time to drain after a peak", after_peak, text))
    if arrives >= 1:
        text = f"About {number(arrives)} {plural(arrives, 'request gathers', 'requests gather')} meanwhile."
        after_outage = recovery.drain_after_outage_s(point)
        watched.append(_drain("time to drain after the stated outage", after_outage, text))
    return watched


def _drain(metric: str, duration_s: float, text: str) -> Monitor:
    threshold = duration(duration_s) if math.isfinite(duration_s) else "it never clears"
    return Monitor(metric=metric, threshold=threshold, text=text)


def _dead_letters(point: PointFacts, kept: RetryPlan | None) -> list[Monitor]:
    if kept is None:
        return []
    per_day = recovery.dead_letters_a_day(point, kept)
    return [
        Monitor(
            metric="dead letters",
            threshold=f"{number(max(1.0, math.ceil(2 * per_day)))} a day",
            text=f"Expect {a_day(per_day)}; twice as many mean that something has changed.",
        )
    ]


def _in_line(point: PointFacts, style: Style) -> list[Monitor]:
    p99_s = point.inline.answer_p99_s if style == "hybrid" else point.inline.inline_p99_s
    workers = min(point.capacity.workers, point.capacity.consumers)
    knee = percent(100 * sizing.knee(point, workers))
    limit = min(point.inline.inline_limit_s, point.caller.deadline_s)
    threshold = duration(0.9 * limit) if math.isfinite(limit) else duration(2 * p99_s)
    drops = point.answers.synchronous.overflow == "drop" and point.answers.synchronous.backlog is not None
    return [
        Monitor(
            metric="p99 of the in-line answer",
            threshold=threshold,
            text=f"It is {duration(p99_s)} by these answers; past the limits on the way, callers get errors for work that was done.",
        ),
        Monitor(
            metric="busy workers",
            threshold=knee,
            text=(
                f"A peak offers work for {number(point.load.peak_rate * point.work.mean_s * point.failure.attempts)} "
                f"of {count(workers, 'worker')}; past {knee} the "
                "mean wait is longer than half of processing."
            ),
        ),
        Monitor(
            metric=f"{'dropped connections (ListenOverflows)' if drops else 'refused requests (503)'} and client timeouts",
            threshold=percent(100 * point.caller.tolerated),
            text="More of them miss the objective.",
        ),
    ]


def _provider(point: PointFacts) -> list[Monitor]:
    cap = sizing.provider_cap(point)
    if not math.isfinite(cap):
        return []
    return [
        Monitor(
            metric="calls to the model provider and its 429s",
            threshold=rate(0.9 * cap),
            text=f"The provider's limits allow {rate(cap)}, attempts counted; past them, it refuses.",
        )
    ]
