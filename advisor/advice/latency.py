"""How long a result takes by way of a queue: the distribution that polling is planned from."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from advisor.advice import recovery
from advisor.advice.columns import Floats
from advisor.advice.facts import Point
from advisor.advice.queueing import NEAR_CAPACITY, Z95, erlang_c

SERVICE_PARTS, WAIT_PARTS = 200, 20
"""Into how many equally likely parts processing and a peak's wait are cut."""
NORMAL_MIDDLES = np.array([NormalDist().inv_cdf((part + 0.5) / SERVICE_PARTS) for part in range(SERVICE_PARTS)])


@dataclass(frozen=True)
class Latency:
    """Latencies in ascending order, and the share of the jobs that has each."""

    values_s: Floats
    shares: Floats

    @property
    def mean_s(self) -> float:
        return float(self.values_s @ self.shares)

    def quantile_s(self, share: float) -> float:
        place = int(np.searchsorted(np.cumsum(self.shares), share - 1e-12))
        return float(self.values_s[min(place, len(self.values_s) - 1)])

    def mean_of(self, figures: Floats) -> float:
        return float(figures @ self.shares)


def latency_of(point: Point) -> Latency:
    """Processing (the lognormal through p50 and p95), retries, the stationary wait between peaks, and what a peak gathers.

    The backlog of a peak rises evenly and drains evenly, so those who meet it wait evenly between nothing and all that was gathered.
    Where nothing serves the load in time, waiting is left out: capacity comes first, and with it the wait goes.
    """
    sigma = np.log(max(point.work.p95_s, point.work.p50_s) / point.work.p50_s) / Z95
    served = point.work.p50_s * np.exp(sigma * NORMAL_MIDDLES)
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


def _delayed_share(point: Point) -> float:
    if point.capacity.gathers_s <= 0 or point.load.rate <= 0:
        return 0.0
    peaks_per_s = point.load.peak_share / (point.load.peak_rate * point.load.peak_s) * point.load.rate
    draining = peaks_per_s * recovery.drain_after_peak_s(point) * recovery.between_peaks(point) / point.load.rate
    return min(1.0, point.load.peak_share + draining)


def _stationary_wait_s(point: Point) -> float:
    """The mean wait for a consumer between the peaks, by Erlang C with Allen-Cunneen."""
    stable = min(recovery.between_peaks(point), NEAR_CAPACITY * point.capacity.cap)
    consumers = max(1.0, min(point.capacity.consumers, point.capacity.concurrency))
    chance = float(erlang_c(np.array([consumers]), np.array([stable / point.capacity.cap * consumers]))[0])
    return (point.load.arrival_cv**2 + point.work.service_cv2) / 2 * chance / (point.capacity.cap - stable)
