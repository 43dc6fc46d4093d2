"""The queues as they are simulated, and their alarms: late enough for an ordinary day with its peaks, and early enough for the deadline."""

import math

from advisor.advice.contract import DesignPlan, Queue, StyleEvidence
from advisor.advice.facts import PointFacts
from advisor.advice.recovery import between_peaks
from advisor.advice.scenario import consumers_allowed
from advisor.advice.sizing import ALARM, EVENTS, stream_of

PAST_ORDINARY = 2.0
"""An alarm sounds at this multiple of the longest wait of an ordinary day at the earliest."""
FEWEST_WAITING = 2
"""One job that waits is no cause for alarm."""
SPREAD = 3.0
"""Standard deviations of the arrivals during a lag: a queue that is longer has grown for longer."""


def _with_alarms(queue: Queue, point: PointFacts, outcome: StyleEvidence, more_urgent: float) -> Queue:
    """`more_urgent` is the share of the jobs that go first.

    A job that comes when d jobs wait waits d / (what the more urgent classes leave of the capacity), and the jobs that wait are those that
    came within the lag: the smaller of both numbers is what such a lag goes with.
    """
    one = outcome.classes.get(queue.name)
    if one is None or one.wait_max_s is None:
        return queue
    left_s = point.caller.deadline_s - point.work.p95_s
    longest_s = one.wait_max_s
    if longest_s >= left_s and outcome.lag_max_s is not None:
        longest_s = outcome.lag_max_s  # the wait of a job that was tried again is that of all its attempts
    lag_s = alarm_lag_s(queue.max_wait_s, longest_s, left_s)
    share, load = queue.share_percent / 100, point.load
    peak_s = min(lag_s, load.peak_s) if load.peak_s > 0 else lag_s
    arrive = share * (load.peak_rate * peak_s + between_peaks(point) * (lag_s - peak_s))
    capacity = min(point.capacity.cap, queue.consumers / stream_of(point).work_s)
    left = capacity - more_urgent * load.peak_rate
    jobs = min(arrive, left * lag_s) if left > 0 else arrive
    spread = SPREAD * max(1.0, load.arrival_cv) * math.sqrt(jobs)
    return queue.model_copy(update={"alarm_lag_s": lag_s, "alarm_depth": max(FEWEST_WAITING, math.ceil(jobs + spread))})


def planned_queues(
    queues: tuple[Queue, ...], plan: DesignPlan | None, outcome: StyleEvidence | None, point: PointFacts
) -> tuple[Queue, ...]:
    """The queues with the consumers, waits and alarms of the simulation; as the formulas have them without one."""
    if plan is None or outcome is None or [queue.name for queue in queues] == [EVENTS]:
        return queues
    own, shared = plan.queue_consumers, plan.consumers or consumers_allowed(point.answers)
    planned, more_urgent = [], 0.0
    for queue in queues:
        one = outcome.classes.get(queue.name)
        figures = {
            "consumers": shared if own is None else own[queue.name],
            "wait_p95_s": None if one is None else one.wait_p95_s,
        }
        planned.append(_with_alarms(queue.model_copy(update=figures), point, outcome, more_urgent))
        more_urgent += queue.share_percent / 100 if own is None else 0.0
    return tuple(planned)


def alarm_lag_s(allowed_s: float, longest_s: float, left_s: float) -> float:
    """A part of the wait that is allowed, or past the longest wait of an ordinary day, if that is longer; before the time `left_s` in any case.

    `left_s` is what the deadline leaves after processing. If an ordinary day uses it up, no alarm can be both silent on it and early enough.
    """
    early_s, silent_s = ALARM * allowed_s, PAST_ORDINARY * longest_s
    if early_s >= silent_s or left_s <= longest_s:
        return early_s
    return silent_s if silent_s <= ALARM * left_s else (longest_s + left_s) / 2
