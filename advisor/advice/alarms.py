"""The queues as they are simulated, and their alarms: late enough for ordinary days with their peaks, and early enough for the deadline."""

import math

from advisor.advice.contract import ClassEvidence, DesignPlan, Queue, StyleEvidence
from advisor.advice.facts import PointFacts
from advisor.advice.recovery import between_peaks
from advisor.advice.scenario import consumers_allowed
from advisor.advice.sizing import ALARM, EVENTS, left_for_waiting_s, stream_of

PAST_ORDINARY = 2.0
"""An alarm sounds at this multiple of the longest wait of an ordinary day at the earliest."""
BETWEEN = 0.75
"""If that is too late for the deadline, it sounds at this part of the way from that wait to what the deadline leaves."""
FEWEST_WAITING = 3
"""One job that waits is no cause for alarm, nor is another behind it."""
DEEPER = 3.0
"""The same of the depth: it varies more, and the lag alone is early enough."""
SPREAD = 3.0
"""Standard deviations of a number of arrivals."""


def planned_queues(
    queues: tuple[Queue, ...], plan: DesignPlan | None, outcome: StyleEvidence | None, point: PointFacts
) -> tuple[Queue, ...]:
    """The queues with the consumers, waits and alarms of the simulation; as the formulas have them without one."""
    if plan is None or outcome is None or [queue.name for queue in queues] == [EVENTS]:
        return queues
    own, shared = plan.queue_consumers, plan.consumers or consumers_allowed(point.answers)
    left_s = left_for_waiting_s(point.answers, point)
    planned, more_urgent = [], 0.0
    for queue in queues:
        one = outcome.classes.get(queue.name)
        figures = {
            "consumers": shared if own is None else own[queue.name],
            "wait_p95_s": None if one is None else one.wait_p95_s,
        }
        queue = queue.model_copy(update=figures)
        if one is not None and one.wait_max_s is not None:
            queue = _with_alarms(queue, point, one, left_s[queue.name], more_urgent)
        planned.append(queue)
        more_urgent += queue.share_percent / 100 if own is None else 0.0
    return tuple(planned)


def _with_alarms(queue: Queue, point: PointFacts, one: ClassEvidence, left_s: float, more_urgent: float) -> Queue:
    waits_s = [point.work.p95_s / queue.consumers, one.lag_max_s or 0.0]
    if one.wait_max_s is not None and (one.wait_max_s < left_s or one.lag_max_s is None):
        waits_s.append(one.wait_max_s)  # of a job that was tried again it is that of all its attempts
    lag_s = alarm_lag_s(queue.max_wait_s, max(waits_s), left_s)
    deepest = one.queue_depth_max
    ordinary = _depth_at_lag(queue, point, lag_s, more_urgent) if deepest is None else float(deepest)
    past = ordinary + SPREAD * max(1.0, point.load.arrival_cv) * math.sqrt(ordinary)
    depth = past if deepest is None else max(past, DEEPER * ordinary)
    return queue.model_copy(update={"alarm_lag_s": lag_s, "alarm_depth": max(FEWEST_WAITING, math.ceil(depth))})


def _depth_at_lag(queue: Queue, point: PointFacts, lag_s: float, more_urgent: float) -> float:
    """How many wait if the first has waited that long; `more_urgent` is the share of the jobs that go first.

    A job that comes when d jobs wait waits d / (what the more urgent classes leave of the capacity), and the jobs that wait are those that
    came within the lag: the smaller of both numbers is what such a lag goes with.
    """
    share, load = queue.share_percent / 100, point.load
    peak_s = min(lag_s, load.peak_s) if load.peak_s > 0 else lag_s
    arrive = share * (load.peak_rate * peak_s + between_peaks(point) * (lag_s - peak_s))
    capacity = min(point.capacity.cap, queue.consumers / stream_of(point).work_s)
    left = capacity - more_urgent * load.peak_rate
    return min(arrive, left * lag_s) if left > 0 else arrive


def alarm_lag_s(allowed_s: float, longest_s: float, left_s: float) -> float:
    """A part of the wait that is allowed, or past the longest wait of an ordinary day, if that is longer; before the time `left_s` in any case.

    `left_s` is what the deadline leaves after processing. If jobs of an ordinary day wait as long, the alarm sounds for them, too.
    """
    early_s, silent_s = ALARM * allowed_s, PAST_ORDINARY * longest_s
    if early_s >= silent_s or left_s <= early_s:
        return early_s
    if silent_s <= ALARM * left_s:
        return silent_s
    return longest_s + BETWEEN * (left_s - longest_s) if longest_s < left_s else left_s
