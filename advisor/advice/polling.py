"""How often to ask for a result: from the distribution of latencies, with what it costs in calls and in delay."""

import math
from dataclasses import dataclass

import numpy as np

from advisor.advice.facts import Point
from advisor.advice.latency import Latency, latency_of

CALLS_ON_AVERAGE = 10.0
"""Asking ten times in a mean latency adds a twentieth of it on average."""
CALLS_OF_THE_SLOWEST = 100.0
"""The slowest one in a hundred asks about this often at the most, where the deadline leaves the time."""
PART_OF_SLACK = 0.1
"""An interval takes this part of what the deadline leaves after p99 at the most."""
TIGHT_S = 30.0
"""Under this deadline the delay that polling adds is felt, so an internal caller that can be called back is."""
SHORTEST_S, SHORTEST_TIGHT_S = 1.0, 0.1
"""Nobody asks more often than once a second; under a tight deadline, ten times a second."""
LONGEST_S = 300.0
"""Past five minutes a caller no longer knows whether anybody works for it."""
SELDOM_EARLIER = 0.05
"""The share of the results that may be there before the first call."""


@dataclass(frozen=True)
class Polling:
    """A polling plan. The client asks first after `first_s`, then every `interval_s`, at a phase of its own."""

    interval_s: float
    first_s: float
    calls_mean: float
    calls_p99: float
    latency: Latency

    @property
    def added_mean_s(self) -> float:
        return self.interval_s / 2


def polling_of(point: Point) -> Polling:
    """The plan for a point.

    The interval is a tenth of the mean latency, or more where the slowest would ask too often; it never takes more than a tenth of what the
    deadline leaves after p99 (of p50, where it leaves nothing); then down to 1, 2 or 5 x 10^n.
    """
    latency = latency_of(point)
    p99_s = latency.quantile_s(0.99)
    slack_s = point.caller.deadline_s - p99_s if point.caller.deadline_s > p99_s else point.work.p50_s
    wanted = max(latency.mean_s / CALLS_ON_AVERAGE, p99_s / CALLS_OF_THE_SLOWEST)
    shortest = SHORTEST_S if point.caller.deadline_s > TIGHT_S else SHORTEST_TIGHT_S
    interval = max(shortest, _round_down(min(wanted, PART_OF_SLACK * slack_s, LONGEST_S)))
    first = max(interval, _round_down(latency.quantile_s(SELDOM_EARLIER)))
    calls = 1 + np.ceil(np.maximum(0.0, latency.values_s - first) / interval)
    return Polling(
        interval_s=interval,
        first_s=first,
        calls_mean=latency.mean_of(calls),
        calls_p99=1 + math.ceil(max(0.0, p99_s - first) / interval),
        latency=latency,
    )


def polling_interval_s(point: Point) -> float:
    return polling_of(point).interval_s


def _round_down(value: float) -> float:
    """The largest of 1, 2, 5 x 10^n that is no larger; 0 for what is not positive."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1, 2, 5) if step * power <= value * (1 + 1e-9))
