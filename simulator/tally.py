"""The Tally of one replication of one design: counts, histograms and time bins, of constant size whatever the number of jobs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Self, cast

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
    "lost": layout.C_LOST,
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
    """The smallest value that a share `q` of `total` does not exceed.

    Infinite if the histogram holds too few of them, or if it is in the last bucket, which has no end.
    """
    wanted = q * total
    cumulated = np.cumsum(histogram)
    if not total or cumulated[-1] < wanted:
        return inf
    bucket = int(np.searchsorted(cumulated, max(wanted, 1e-9)))
    return float(MIDDLES_S[bucket]) if bucket < len(MIDDLES_S) - 1 else inf


@dataclass(frozen=True, eq=False)
class Times:
    """Of jobs of one class: seconds, summed, the largest, and by the buckets of `EDGES_S`."""

    sum_s: float
    max_s: float
    histogram: Counts

    @classmethod
    def of_values(cls, values: Floats) -> Self:
        largest = float(values.max()) if len(values) else 0.0
        return cls(float(values.sum()), largest, histogram_of(values))

    def later(self, by_s: float) -> Self:
        """Each of them longer by `by_s`, in the histogram as far as its buckets allow."""
        buckets = np.searchsorted(EDGES_S, MIDDLES_S + by_s, "right") - 1
        moved = np.bincount(buckets, self.histogram, len(self.histogram)).astype(np.int64)
        total = int(moved.sum())
        return type(self)(self.sum_s + by_s * total, self.max_s + by_s * (total > 0), moved)


@dataclass(frozen=True, eq=False)
class ClassTally:
    """What one replication counted of one class. Waits are of its jobs that started, latencies of those completed."""

    counts: dict[str, int]
    started: int
    wait: Times
    latency: Times


def pooled(times: Sequence[Times]) -> Times:
    return Times(
        sum(one.sum_s for one in times),
        max(one.max_s for one in times),
        np.sum([one.histogram for one in times], axis=0, dtype=np.int64),
    )


def quantiles_of(times: Times, total: int, *, complete: bool = True) -> dict[str, float]:
    """As `quantiles`: `total` jobs, of which the histogram has all if it is complete."""
    return quantiles(times.histogram, total, times.sum_s, times.max_s, complete=complete)


def histogram_of(values_s: Floats) -> Counts:
    buckets = np.maximum(np.searchsorted(EDGES_S, values_s, "right") - 1, 0)
    return np.bincount(buckets, minlength=layout.BUCKETS_OF_HISTOGRAM)


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
    classes: tuple[ClassTally, ...]
    batches: Counts
    """Offered and good jobs, by consecutive jobs in arrival order; equally many offered in each, the last apart."""
    fans: Counts
    fan_sums_s: Floats
    fan_histograms: Counts
    bins: Floats
    bin_width_s: float
    call_bins: Counts
    """Calls to the provider in the busiest second of each bin, up to the last call."""
    call_width_s: float
    depth_max_at_s: float = 0.0
    """When the queue was first as long as `depth_max`."""
    busiest_second: int = 0
    busiest_calls: int = 0
    levels: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    """At the first job of each batch: the instant, and the backlog (jobs and calls that wait, back off or will call again)."""
    redelivered: int = 0
    duplicates: int = 0

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


@dataclass(frozen=True, eq=False)
class FineTally:
    """A window of one replication of one design, in bins of its own. `latencies` are of the jobs that arrived in each bin."""

    start_s: float
    bin_width_s: float
    bins: Floats
    call_start_s: float
    call_width_s: float
    call_bins: Counts
    busiest_second: int
    busiest_calls: int
    longest_s: Floats
    latency_counts: Counts

    @classmethod
    def from_machine(cls, m: Any, latencies: NDArray[Any]) -> "FineTally":
        return cls(
            start_s=float(m["bin_start"]),
            bin_width_s=float(m["bin_width"]),
            bins=m["bins"][:, : int(m["bin"])].copy(),
            call_start_s=float(m["call_start"]),
            call_width_s=float(2 ** int(m["call_shift"])),
            call_bins=np.trim_zeros(m["call_bins"], "b").copy(),
            busiest_second=int(m["busiest_second"]),
            busiest_calls=int(m["busiest_calls"]),
            longest_s=latencies["longest"].copy(),
            latency_counts=latencies["counts"].copy(),
        )


def tally_of(m: Any) -> Tally:
    """The tally in a machine's record after its run (copied: the record may go)."""
    raw = m["counts"]
    counts, histograms = (
        {"accepted": int(raw[layout.C_ACCEPTED])} | _counts(raw),
        m["histograms"][: int(m["classes"])].sum(axis=0),
    )
    started = int(raw[layout.C_STARTED])
    observed = float(m["changed"]) - float(m["since"])
    subscribers = int(m["subscribers"])
    return Tally(
        counts=counts,
        provider_calls=int(raw[layout.C_CALLS]),
        provider_429=int(raw[layout.C_429]),
        delivery_calls=int(raw[layout.C_DELIVERY]),
        client_calls=max(int(raw[layout.C_SENT]), counts["offered"]) + int(raw[layout.C_CALLED_AGAIN]),
        redelivered=int(raw[layout.C_REDELIVERED]),
        duplicates=int(raw[layout.C_DUPLICATES]),
        wait=quantiles(histograms[layout.H_WAIT], started, float(m["wait_sum"]), float(m["wait_max"]), complete=True),
        latency=quantiles(
            histograms[layout.H_LATENCY],
            counts["offered"],
            float(m["latency_sum"]),
            float(m["latency_max"]),
            complete=counts["completed"] == counts["offered"],
        ),
        latency_histogram=histograms[layout.H_LATENCY].copy(),
        depth_mean=float(m["area"]) / observed if observed > 0 else 0.0,
        depth_max=int(raw[layout.C_MAX_DEPTH]),
        lag_max_s=float(m["lag_max"]),
        utilisation=min(1.0, float(m["busy"]) / float(m["capacity"])) if m["capacity"] > 0 else 0.0,
        wasted_s=float(m["wasted"]),
        growth_per_min=60 * int(m["in_system"]) / float(m["now"]) if m["now"] > 0 else 0.0,
        classes=tuple(_class_tally(m, place) for place in range(int(m["classes"]))),
        batches=_batches(m),
        fans=m["fans"][:subscribers].copy(),
        fan_sums_s=m["fan_sums"][:subscribers].copy(),
        fan_histograms=m["fan_histograms"][:subscribers].copy(),
        bins=m["bins"][:, : int(m["bin"])].copy(),
        bin_width_s=float(m["bin_width"]),
        call_bins=np.trim_zeros(m["call_bins"], "b").copy(),
        call_width_s=float(2 ** int(m["call_shift"])),
        depth_max_at_s=float(m["depth_max_at"]),
        busiest_second=int(m["busiest_second"]),
        busiest_calls=int(m["busiest_calls"]),
        levels=m["levels"][: _batches_begun(m)].copy(),
    )


def _class_tally(m: Any, place: int) -> ClassTally:
    """A single class has the times of all jobs."""
    counted, alone = m["by_class"][place], int(m["classes"]) == 1
    wait = (m["wait_sum"], m["wait_max"]) if alone else m["class_times"][place][[layout.T_WAIT_SUM, layout.T_WAIT_MAX]]
    latency = (
        (m["latency_sum"], m["latency_max"])
        if alone
        else m["class_times"][place][[layout.T_LATENCY_SUM, layout.T_LATENCY_MAX]]
    )
    waits, latencies = m["histograms"][place].astype(np.uint32)
    return ClassTally(
        counts=_counts(counted),
        started=int(counted[layout.C_STARTED]),
        wait=Times(float(wait[0]), float(wait[1]), waits),
        latency=Times(float(latency[0]), float(latency[1]), latencies),
    )


def _batches_begun(m: Any) -> int:
    offered = int(m["next_job"]) - int(m["warmup"])
    return max(0, -(-offered >> int(m["batch_shift"])))


def _batches(m: Any) -> Counts:
    offered, size = int(m["next_job"]) - int(m["warmup"]), 1 << int(m["batch_shift"])
    batches = m["batches"][: _batches_begun(m)].copy()
    batches[:, 0] += np.minimum(size, offered - size * np.arange(len(batches)))
    return cast(Counts, batches)


def _counts(raw: Counts) -> dict[str, int]:
    outcomes = {name: int(raw[place]) for name, place in OUTCOME_COUNTS.items()}
    offered, completed, good = int(raw[layout.C_OFFERED]), int(raw[layout.C_COMPLETED]), int(raw[layout.C_GOOD])
    return {
        "offered": offered,
        "completed": completed,
        "good": good,
        "late": completed - good,
        **outcomes,
        "in_system": offered - completed - sum(outcomes.values()),
    }


def quantiles(histogram: Counts, total: int, value_sum: float, largest: float, *, complete: bool) -> dict[str, float]:
    """Mean, quantiles and maximum; infinite mass (jobs that never got there) makes mean and maximum infinite, and the upper quantiles."""
    if not total:
        return dict.fromkeys(("mean", *QUANTILES, "max"), inf)
    figures = {name: quantile_s(histogram, total, q) for name, q in QUANTILES.items()}
    return {
        "mean": value_sum / total if complete else inf,
        **{name: min(value, largest) if complete and value < inf else value for name, value in figures.items()},
        "max": largest if complete else inf,
    }
