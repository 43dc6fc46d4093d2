"""How often to ask for a result: from the distribution of latencies, with what it costs in calls and in delay."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from advisor.advice import recovery
from advisor.advice.answer_vectors import NumberVector
from advisor.advice.contract import StyleEvidence
from advisor.advice.facts import PointFacts
from advisor.advice.queueing import NEAR_CAPACITY, erlang_c
from simulator.lognormal import Lognormal

SERVICE_PARTS, WAIT_PARTS = 200, 20
"""Into how many equally likely parts processing and a peak's wait are cut."""
NORMAL_MIDDLES = np.array([NormalDist().inv_cdf((part + 0.5) / SERVICE_PARTS) for part in range(SERVICE_PARTS)])


@dataclass(frozen=True)
class Latency:
    """Latencies in ascending order, and the share of the jobs that has each."""

    values_s: NumberVector
    shares: NumberVector

    @property
    def mean_s(self) -> float:
        return float(self.values_s @ self.shares)

    def quantile_s(self, share: float) -> float:
        place = int(np.searchsorted(np.cumsum(self.shares), share - 1e-12))
        return float(self.values_s[min(place, len(self.values_s) - 1)])

    def mean_of(self, figures: NumberVector) -> float:
        return float(figures @ self.shares)


def latency_of(point: PointFacts) -> Latency:
    """Processing (the lognormal through p50, p95 and a given p99), retries, the stationary wait between peaks, and the backlog of a peak.

    The backlog of a peak rises evenly and drains evenly, so those who meet it wait evenly between nothing and all that was gathered.
    Where nothing serves the load in time, waiting is left out: capacity comes first, and with it the wait goes.
    """
    times = Lognormal.through(point.work.p50_s, point.work.p95_s, point.answers.processing.p99_s)
    served = times.quantile_s(NORMAL_MIDDLES)
    typical = served + (point.failure.tries - 1) * point.work.mean_s + point.failure.pauses_s
    out_of_reach = (
        point.capacity.long_run_load >= 1 or point.capacity.gathers_s + point.work.p95_s > point.caller.deadline_s
    )
    if out_of_reach:
        return Latency(typical, np.full(SERVICE_PARTS, 1 / SERVICE_PARTS))
    typical = typical + _stationary_wait_s(point)
    delayed = _delayed_share(point)
    waits = point.capacity.gathers_s * (np.arange(WAIT_PARTS) + 0.5) / WAIT_PARTS
    values = np.concatenate([typical, (typical[:, None] + waits).ravel()])
    shares = np.concatenate(
        [
            np.full(SERVICE_PARTS, (1 - delayed) / SERVICE_PARTS),
            np.full(SERVICE_PARTS * WAIT_PARTS, delayed / (SERVICE_PARTS * WAIT_PARTS)),
        ]
    )
    order = np.argsort(values, kind="stable")
    return Latency(values[order], shares[order])


def _delayed_share(point: PointFacts) -> float:
    if point.capacity.gathers_s <= 0 or point.load.rate <= 0:
        return 0.0
    peaks_per_s = point.load.peak_share / (point.load.peak_rate * point.load.peak_s) * point.load.rate
    draining = peaks_per_s * recovery.drain_after_peak_s(point) * recovery.between_peaks(point) / point.load.rate
    return min(1.0, point.load.peak_share + draining)


def _stationary_wait_s(point: PointFacts) -> float:
    """The mean wait for a consumer between the peaks, by Erlang C with Allen-Cunneen."""
    stable = min(recovery.between_peaks(point), NEAR_CAPACITY * point.capacity.cap)
    consumers = max(1.0, min(point.capacity.consumers, point.capacity.concurrency))
    chance = float(erlang_c(np.array([consumers]), np.array([stable / point.capacity.cap * consumers]))[0])
    return (point.load.arrival_cv**2 + point.work.service_cv2) / 2 * chance / (point.capacity.cap - stable)


CALLS_ON_AVERAGE = 10.0
"""Asking ten times in a mean latency adds a twentieth of it on average."""
CALLS_OF_THE_SLOWEST = 100.0
"""The slowest one in a hundred asks about this often at the most, where the deadline leaves the time."""
PART_OF_SLACK = 0.1
"""An interval takes this part of what the deadline leaves after p99 at the most."""
TIGHT_S = 30.0
"""Under this deadline the delay of polling matters: an internal caller is called back if it can be."""
SHORTEST_INTERVAL_S, SHORTEST_TIGHT_S = 1.0, 0.1
"""A client polls at most once a second; under a tight deadline, ten times a second."""
LONGEST_INTERVAL_S = 300.0
"""After five minutes a caller no longer knows whether its job is being worked on."""
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


def polling_of(point: PointFacts) -> Polling:
    """The plan for a point by the formulas."""
    latency = latency_of(point)
    p99_s = latency.quantile_s(0.99)
    interval = interval_s(point, latency.mean_s, p99_s)
    first = max(interval, _round_down(latency.quantile_s(SELDOM_EARLIER)))
    calls = 1 + np.ceil(np.maximum(0.0, latency.values_s - first) / interval)
    return Polling(
        interval_s=interval,
        first_s=first,
        calls_mean=latency.mean_of(calls),
        calls_p99=1 + math.ceil(max(0.0, p99_s - first) / interval),
        latency=latency,
    )


def interval_s(point: PointFacts, mean_s: float, p99_s: float) -> float:
    """How often to ask, for latencies with this mean and 99th percentile.

    A tenth of the mean latency, or more if the slowest would ask too often; never more than a tenth of what the deadline leaves after p99 (of
    p50, if it leaves nothing); then down to 1, 2 or 5 x 10^n.
    """
    slack_s = point.caller.deadline_s - p99_s if point.caller.deadline_s > p99_s else point.work.p50_s
    wanted = max(mean_s / CALLS_ON_AVERAGE, p99_s / CALLS_OF_THE_SLOWEST)
    shortest = SHORTEST_INTERVAL_S if point.caller.deadline_s > TIGHT_S else SHORTEST_TIGHT_S
    return max(shortest, _round_down(min(wanted, PART_OF_SLACK * slack_s, LONGEST_INTERVAL_S)))


OFTEN_PER_JOB, SELDOM_S = 10, 60.0
"""A caller with jobs that are asked for this often, at such intervals, has many of them: one call can ask for all."""


def simulated_polling(interval: float, outcome: StyleEvidence) -> dict[str, Any]:
    """What is simulated: the first call an interval after the 202, and the calls that it takes."""
    p99_s = outcome.latency_s.p99
    return {
        "interval_s": interval,
        "calls_per_job": round(outcome.delivery_calls_per_job, 1),
        **({} if p99_s is None else {"calls_per_job_p99": max(1, math.ceil(p99_s / interval - 1e-6))}),
        "added_delay_mean_s": interval / 2,
        "added_delay_max_s": interval,
        **({"each_call_asks_for": "all open jobs"} if _asks_for_all(interval, outcome) else {}),
    }


def _asks_for_all(interval: float, outcome: StyleEvidence) -> bool:
    return interval >= SELDOM_S and outcome.delivery_calls_per_job > OFTEN_PER_JOB


def polling_interval_s(point: PointFacts) -> float:
    return polling_of(point).interval_s


def _round_down(value: float) -> float:
    """The largest of 1, 2, 5 x 10^n that is no larger; 0 for what is not positive."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1, 2, 5) if step * power <= value * (1 + 1e-9))
