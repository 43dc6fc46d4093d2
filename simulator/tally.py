"""The Tally of one replication of one design: counts, histograms and time bins, of constant size whatever the number of jobs."""

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.kernel import layout
from simulator.trace_columns import Floats

Counts = NDArray[np.int64]

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
OUTCOME_COUNTS = {
    "failed": layout.C_FAILED,
    "timed_out": layout.C_TIMED_OUT,
    "rejected": layout.C_REJECTED,
    "dead_lettered": layout.C_DEAD,
    "undelivered": layout.C_UNDELIVERED,
}


def bucket_edges_s() -> Floats:
    steps = np.arange(layout.BUCKETS_OF_HISTOGRAM - 1)
    octaves, parts = steps >> layout.FRACTION_BITS, steps & (2**layout.FRACTION_BITS - 1)
    edges = np.ldexp(1 + parts / 2**layout.FRACTION_BITS, octaves + layout.FIRST_OCTAVE)
    return np.concatenate([[0.0], edges, [inf]])


EDGES_S = bucket_edges_s()
MIDDLES_S = np.concatenate([[0.0], (EDGES_S[1:-2] + EDGES_S[2:-1]) / 2, [EDGES_S[-2]]])
"""The value of a bucket: within 0.4 % of what fell into it; less than a microsecond is 0."""


def quantile_s(histogram: Counts, total: int, q: float) -> float:
    """The smallest value that a share `q` of `total` does not exceed; infinite where the histogram holds too few of them."""
    wanted = q * total
    cumulated = np.cumsum(histogram)
    if not total or cumulated[-1] < wanted:
        return inf
    return float(MIDDLES_S[int(np.searchsorted(cumulated, max(wanted, 1e-9)))])


@dataclass(frozen=True, eq=False)
class Tally:
    """What one replication of one design counted. All figures leave the warm-up out; waits are of jobs that started."""

    counts: dict[str, int]
    provider_calls: int
    provider_429: int
    delivery_calls: int
    client_calls: int
    wait: dict[str, float]
    latency: dict[str, float]
    latency_histogram: Counts
    depth_mean: float
    depth_max: int
    lag_max_s: float
    utilisation: float
    wasted_s: float
    growth_per_min: float
    classes: Counts
    class_waits_s: Floats
    batches: Counts
    fans: Counts
    fan_sums_s: Floats
    fan_histograms: Counts
    bins: Floats
    bin_width_s: float
    call_bins: Counts
    """Calls to the provider in the busiest second of each bin, up to the last call."""
    call_width_s: float

    @property
    def good_share(self) -> float:
        return self.counts["good"] / self.counts["offered"] if self.counts["offered"] else 0.0

    @property
    def attempts_per_job(self) -> float:
        return self.provider_calls / self.counts["offered"] if self.counts["offered"] else 0.0

    def metrics(self) -> dict[str, float]:
        offered = self.counts["offered"]
        return {
            "good_share": self.good_share,
            "completed_share": self.counts["completed"] / offered if offered else 0.0,
            **{f"wait_{name}_s": value for name, value in self.wait.items()},
            **{f"latency_{name}_s": value for name, value in self.latency.items()},
            "queue_depth_mean": self.depth_mean,
            "queue_depth_max": float(self.depth_max),
            "lag_max_s": self.lag_max_s,
            "utilisation": self.utilisation,
            "attempts_per_job": self.attempts_per_job,
            "wasted_s": self.wasted_s,
        }


def tally_of(m: Any) -> Tally:
    """The tally in a machine's record after its run (copied: the record may go)."""
    raw = m["counts"]
    classes = int(m["classes"])
    counts = _counts(raw)
    started = int(raw[layout.C_STARTED])
    observed = float(m["changed"]) - float(m["since"])
    subscribers = int(m["subscribers"])
    return Tally(
        counts=counts,
        provider_calls=int(raw[layout.C_CALLS]),
        provider_429=int(raw[layout.C_429]),
        delivery_calls=int(raw[layout.C_DELIVERY]),
        client_calls=max(int(raw[layout.C_SENT]), counts["offered"]),
        wait=quantiles(
            m["histograms"][layout.H_WAIT], started, float(m["wait_sum"]), float(m["wait_max"]), complete=True
        ),
        latency=quantiles(
            m["histograms"][layout.H_LATENCY],
            counts["offered"],
            float(m["latency_sum"]),
            float(m["latency_max"]),
            complete=counts["completed"] == counts["offered"],
        ),
        latency_histogram=m["histograms"][layout.H_LATENCY].copy(),
        depth_mean=float(m["area"]) / observed if observed > 0 else 0.0,
        depth_max=int(raw[layout.C_MAX_DEPTH]),
        lag_max_s=float(m["lag_max"]),
        utilisation=min(1.0, float(m["busy"]) / float(m["capacity"])) if m["capacity"] > 0 else 0.0,
        wasted_s=float(m["wasted"]),
        growth_per_min=60 * int(m["in_system"]) / float(m["now"]) if m["now"] > 0 else 0.0,
        classes=m["by_class"][:classes].copy(),
        class_waits_s=m["class_waits"][:classes].copy(),
        batches=m["batches"].copy(),
        fans=m["fans"][:subscribers].copy(),
        fan_sums_s=m["fan_sums"][:subscribers].copy(),
        fan_histograms=m["fan_histograms"][:subscribers].copy(),
        bins=m["bins"][:, : int(m["bin"])].copy(),
        bin_width_s=float(m["bin_width"]),
        call_bins=np.trim_zeros(m["call_bins"], "b").copy(),
        call_width_s=float(2 ** int(m["call_shift"])),
    )


def _counts(raw: Counts) -> dict[str, int]:
    outcomes = {name: int(raw[place]) for name, place in OUTCOME_COUNTS.items()}
    offered, completed, good = int(raw[layout.C_OFFERED]), int(raw[layout.C_COMPLETED]), int(raw[layout.C_GOOD])
    return {
        "offered": offered,
        "accepted": int(raw[layout.C_ACCEPTED]),
        "completed": completed,
        "good": good,
        "late": completed - good,
        **outcomes,
        "lost": 0,
        "in_system": offered - completed - sum(outcomes.values()),
    }


def quantiles(histogram: Counts, total: int, value_sum: float, largest: float, *, complete: bool) -> dict[str, float]:
    """Mean, quantiles and maximum; infinite mass (jobs that never got there) makes mean and maximum infinite, and the upper quantiles."""
    if not total:
        return dict.fromkeys(("mean", *QUANTILES, "max"), inf)
    return {
        "mean": value_sum / total if complete else inf,
        **{
            name: min(quantile_s(histogram, total, q), largest) if complete else quantile_s(histogram, total, q)
            for name, q in QUANTILES.items()
        },
        "max": largest if complete else inf,
    }
