"""What to watch once it runs: queue depth and consumer lag above all."""

import math

from advisor.advice import recovery, sizing
from advisor.advice.contract import ClassEvidence, Evidence, Monitor, Queue, RetryPlan, Style, StyleEvidence
from advisor.advice.facts import PointFacts
from advisor.advice.words import a_day
from core.numbers import count, duration, number, percent, plural, rate

P99_ALARM = 0.9
"""The part of the tightest limit at which the alarm for the in-line answer sounds."""


def plan_monitors(
    point: PointFacts,
    style: Style,
    queues: tuple[Queue, ...],
    kept: RetryPlan | None,
    evidence: Evidence | None = None,
) -> tuple[Monitor, ...]:
    outcome = evidence.styles.get(style) if evidence else None
    watched = [] if style == "event_driven" else _in_line(point, style, outcome)
    if style != "synchronous":
        drains = _drains(point) if evidence is None else _simulated_drains(evidence)
        watched = [*_queues(queues, outcome), *drains, *_dead_letters(point, kept), *watched]
    return (*watched, *_provider(point))


def _queues(queues: tuple[Queue, ...], outcome: StyleEvidence | None) -> list[Monitor]:
    return [
        Monitor(
            metric=f"queue depth and consumer lag, {queue.name}",
            threshold=f"{count(queue.alarm_depth, 'job')} or {duration(queue.alarm_lag_s)}",
            text=_alarm_sentence(queue, outcome.classes.get(queue.name) if outcome else None),
        )
        for queue in queues
    ]


def _alarm_sentence(queue: Queue, one: ClassEvidence | None) -> str:
    if one is None or one.lag_max_s is None or one.queue_depth_max is None:
        return (
            f"Past either, jobs of this class will wait longer than {duration(queue.max_wait_s)} or miss the deadline."
        )
    past = "Past either, jobs of this class may miss the deadline."
    if one.lag_max_s >= queue.alarm_lag_s:
        longest = duration(one.lag_max_s)
        return (
            f"{past} In a simulated peak some wait {longest}, within the tolerated misses: the alarm sounds then, too."
        )
    most = f"{count(one.queue_depth_max, 'job')} and {duration(one.lag_max_s)}"
    return f"{past} Simulated days without an outage reach at most {most}."


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


def _simulated_drains(evidence: Evidence) -> list[Monitor]:
    after_peak, outage = evidence.drain_after_peak_s, evidence.outage
    watched = []
    if after_peak:
        text = (
            "It takes that long in the simulation. A queue that is not empty by then has lost consumers or gained load."
        )
        watched.append(_drain("time to drain after a peak", after_peak, text))
    if outage is not None and outage.queue_depth_max >= 1:
        depth = count(math.ceil(outage.queue_depth_max), "job")
        text = f"In the simulation {duration(outage.length_s)} of outage in a peak leave up to {depth} waiting."
        drains_s = math.inf if outage.drain_s is None else outage.drain_s
        watched.append(_drain("time to drain after the stated outage", drains_s, text))
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


def _in_line(point: PointFacts, style: Style, outcome: StyleEvidence | None) -> list[Monitor]:
    p99_s = point.inline.answer_p99_s if style == "hybrid" else point.inline.inline_p99_s
    by = "by these answers"
    if style == "synchronous" and outcome is not None and outcome.latency_s.p99 is not None:
        p99_s, by = outcome.latency_s.p99, "in the simulation"
    workers = min(point.capacity.workers, point.capacity.consumers)
    knee = percent(100 * sizing.knee(point, workers))
    limit = min(point.inline.inline_limit_s, point.caller.deadline_s)
    threshold = duration(_p99_alarm_s(p99_s, limit))
    drops = point.answers.synchronous.overflow == "drop" and point.answers.synchronous.backlog is not None
    return [
        Monitor(
            metric="p99 of the in-line answer",
            threshold=threshold,
            text=f"It is {duration(p99_s)} {by}; past the limits on the way, callers get errors for work that was done.",
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


def _p99_alarm_s(p99_s: float, limit_s: float) -> float:
    """A tenth before the limit, or halfway from the usual value to it, if that is later; twice the usual value if nothing limits it."""
    if not math.isfinite(limit_s):
        return 2 * p99_s
    return max(P99_ALARM * limit_s, (p99_s + limit_s) / 2) if p99_s < limit_s else P99_ALARM * limit_s


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
