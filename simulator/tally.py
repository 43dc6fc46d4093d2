"""The Tally of one replication of one design: counts, histograms and time bins, of constant size whatever the number of jobs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
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


SUMS = 1e-12
"""What rounding may take from a sum of shares."""


def quantile_s(histogram: Counts | Floats, total: float, q: float) -> float:
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
class TimeSample:
    """Times of `total` jobs in seconds, by the buckets of `EDGES_S`; jobs that have none (never served) count as infinite."""

    histogram: Counts
    total: int
    sum_s: float
    max_s: float
    ended: Counts | None = None
    """Of a run that was cut: from arrival to an end without a result."""
    censored: Counts | None = None
    """Of a run that was cut: the age of the jobs in the system, whose time is not known."""
    plus_s: float = 0.0
    """What is added to the value of each bucket."""

    @classmethod
    def of_values(cls, values_s: Floats, total: int | None = None) -> Self:
        """`total` None: every job has a time."""
        largest = float(values_s.max()) if len(values_s) else 0.0
        return cls(histogram_of(values_s), len(values_s) if total is None else total, float(values_s.sum()), largest)

    @classmethod
    def pooled(cls, samples: Sequence["TimeSample"]) -> "TimeSample":
        return cls(
            histogram=np.sum([sample.histogram for sample in samples], axis=0, dtype=np.int64),
            total=sum(sample.total for sample in samples),
            sum_s=sum(sample.sum_s for sample in samples),
            max_s=max(sample.max_s for sample in samples),
            ended=_sum([sample.ended for sample in samples]),
            censored=_sum([sample.censored for sample in samples]),
            plus_s=samples[0].plus_s,
        )

    def later(self, by_s: float) -> Self:
        """Each of them longer by `by_s`."""
        timed = int(self.histogram.sum())
        longest = self.max_s + by_s * (timed > 0)
        return replace(self, sum_s=self.sum_s + by_s * timed, max_s=longest, plus_s=self.plus_s + by_s)

    @cached_property
    def masses(self) -> tuple[Counts | Floats, float]:
        """The histogram and the number of jobs that it is of; jobs that a cut left without an end are spread as their like.

        Source: the estimate of a cumulative incidence by Aalen and Johansen, Scandinavian Journal of Statistics 5 (1978): a job counts
        among those that may still end until the age at which it was last seen. What ends the estimate undecided is left out.
        """
        if self.censored is None or self.ended is None or not self.censored.any():
            return self.histogram, self.total
        leaves = self.histogram + self.ended
        at_risk = np.cumsum((leaves + self.censored)[::-1])[::-1]
        hazard = np.divide(leaves, at_risk, out=np.zeros(len(leaves)), where=at_risk > 0)
        remain = np.concatenate([[1.0], np.cumprod(1 - hazard)])
        masses = remain[:-1] * np.divide(self.histogram, at_risk, out=np.zeros(len(leaves)), where=at_risk > 0)
        return masses * self.total, float((1 - remain[-1]) * self.total)

    def share_up_to(self, bucket: int) -> float:
        """The share of the jobs whose time is in this bucket of the histogram or in one before."""
        masses, total = self.masses
        return float(masses[: bucket + 1].sum() / total) if total else 0.0

    def bucket_of_quantile(self, q: float) -> int | None:
        """None if it is infinite."""
        masses, total = self.masses
        place = int(np.searchsorted(np.cumsum(masses), max(q * total * (1 - SUMS), 1e-9)))
        return place if total and place < len(masses) else None

    def quantile_s(self, q: float) -> float:
        masses, total = self.masses
        value = quantile_s(masses, total * (1 - SUMS), q)
        return min(value + self.plus_s, self._largest_s) if value < inf else inf

    @property
    def _is_whole(self) -> bool:
        masses, total = self.masses
        return float(masses.sum()) >= total * (1 - SUMS)

    @property
    def _largest_s(self) -> float:
        return self.max_s if self._is_whole else inf

    def figures(self) -> dict[str, float]:
        """Mean, quantiles and maximum; infinite mass (jobs that never got there) makes mean and maximum infinite, and the upper quantiles."""
        masses, total = self.masses
        if not total:
            return dict.fromkeys(("mean", *QUANTILES, "max"), inf)
        is_cut = masses is not self.histogram
        mean = float(masses @ MIDDLES_S) / total + self.plus_s if is_cut else self.sum_s / self.total
        return {
            "mean": mean if self._is_whole else inf,
            **{name: self.quantile_s(q) for name, q in QUANTILES.items()},
            "max": self._largest_s,
        }


NO_TIMES = TimeSample(np.zeros(layout.BUCKETS_OF_HISTOGRAM, np.int64), 0, 0.0, 0.0)


def _sum(histograms: Sequence[Counts | None]) -> Counts | None:
    known = [histogram for histogram in histograms if histogram is not None]
    return np.sum(known, axis=0, dtype=np.int64) if known else None


def histogram_of(values_s: Floats) -> Counts:
    return np.bincount(_buckets_of(values_s), minlength=layout.BUCKETS_OF_HISTOGRAM)


def _buckets_of(values_s: Floats) -> Counts:
    return np.maximum(np.searchsorted(EDGES_S, values_s, "right") - 1, 0)


def latency_counts_of(latencies_s: Floats, arrivals_s: Floats, bins: int, bin_width_s: float) -> Counts:
    """Latencies by the bin of the arrival, in the coarser buckets of `Tally.latency_counts`."""
    counts = np.zeros((bins, layout.LATENCY_BIN["counts"].shape[0]), np.int64)
    places = np.minimum((arrivals_s / bin_width_s).astype(np.int64), bins - 1)
    np.add.at(counts, (places, _buckets_of(latencies_s) >> layout.LATENCY_SHIFT), 1)
    return counts


@dataclass(frozen=True, eq=False)
class ClassTally:
    """What one replication counted of one class. Waits are of its jobs that were taken in, latencies of all."""

    counts: dict[str, int]
    wait: TimeSample
    latency: TimeSample
    decided: int
    """The jobs that the good share is of: all offered, but for those whose deadline had not passed when the run was cut."""
    decided_good: int
    batches: Counts
    """As the Tally's, of this class's jobs."""

    @property
    def good_share(self) -> float:
        return self.decided_good / self.decided if self.decided else 0.0


@dataclass(frozen=True, eq=False)
class Tally:
    """What one replication of one design counted. All figures leave the warm-up out.

    Waits are of the jobs that were taken in: one that left the queue without being started counts with the time until it left.
    """

    counts: dict[str, int]
    provider_calls: int
    provider_429: int
    delivery_calls: int
    client_calls: int
    waits: TimeSample
    latencies: TimeSample
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
    latency_counts: Counts | None = None
    """Of a first replication: the latencies of the jobs that arrived in each bin, in the coarser buckets of a FineTally."""

    @cached_property
    def wait(self) -> dict[str, float]:
        return self.waits.figures()

    @cached_property
    def latency(self) -> dict[str, float]:
        return self.latencies.figures()

    @property
    def decided(self) -> int:
        return sum(one.decided for one in self.classes)

    @property
    def decided_good(self) -> int:
        return sum(one.decided_good for one in self.classes)

    @property
    def good_share(self) -> float:
        return self.decided_good / self.decided if self.decided else 0.0

    @property
    def missed(self) -> int:
        return self.counts["late"] + sum(self.counts[name] for name in OUTCOME_COUNTS)

    @property
    def attempts_per_job(self) -> float:
        return self.provider_calls / self.counts["offered"] if self.counts["offered"] else 0.0

    def queue_depths(self) -> tuple[Floats, Floats]:
        """The ends of the time bins, and the jobs that wait then."""
        depths = np.asarray(self.bins[layout.B_DEPTH], dtype=np.float64)
        ends_s: Floats = np.arange(1.0, len(depths) + 1) * self.bin_width_s
        return ends_s, depths

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


def tally_of(m: Any, *, has_times: bool = True) -> Tally:
    """The tally in a machine's record after its run (copied: the record may go).

    `has_times` False leaves waits, latencies and series empty: copying them takes a good part of a short run.
    """
    raw = m["counts"]
    batches = _batches(m)
    kept = batches[:, 0] > 0
    batches = batches[kept]
    several = [m["class_batches"][place, : len(kept)][kept] for place in range(int(m["classes"]))]
    classes = tuple(
        _class_tally(m, place, own, has_times=has_times)
        for place, own in enumerate(several if len(several) > 1 else [batches])
    )
    counts = {"accepted": int(raw[layout.C_ACCEPTED])} | _counts(raw, sum(one.counts["undecided"] for one in classes))
    waits, latencies = (
        TimeSample.pooled([getattr(one, name) for one in classes]) if has_times else NO_TIMES
        for name in ("wait", "latency")
    )
    observed = float(m["changed"]) - float(m["since"])
    subscribers, bins = int(m["subscribers"]) if has_times else 0, int(m["bin"]) if has_times else 0
    call_bins = np.trim_zeros(m["call_bins"], "b") if has_times else m["call_bins"][:0]
    return Tally(
        counts=counts,
        provider_calls=int(raw[layout.C_CALLS]),
        provider_429=int(raw[layout.C_429]),
        delivery_calls=int(raw[layout.C_DELIVERY]),
        client_calls=max(int(raw[layout.C_SENT]), counts["offered"]) + int(raw[layout.C_CALLED_AGAIN]),
        redelivered=int(raw[layout.C_REDELIVERED]),
        duplicates=int(raw[layout.C_DUPLICATES]),
        waits=replace(waits, sum_s=float(m["wait_sum"])),
        latencies=replace(latencies, sum_s=float(m["latency_sum"])),
        depth_mean=float(m["area"]) / observed if observed > 0 else 0.0,
        depth_max=int(raw[layout.C_MAX_DEPTH]),
        lag_max_s=float(m["lag_max"]),
        utilisation=min(1.0, float(m["busy"]) / float(m["capacity"])) if m["capacity"] > 0 else 0.0,
        wasted_s=float(m["wasted"]),
        growth_per_min=60 * int(m["in_system"]) / float(m["now"]) if m["now"] > 0 else 0.0,
        classes=classes,
        batches=batches,
        fans=m["fans"][:subscribers].copy(),
        fan_sums_s=m["fan_sums"][:subscribers].copy(),
        fan_histograms=m["fan_histograms"][:subscribers].copy(),
        bins=m["bins"][:, :bins].copy(),
        bin_width_s=float(m["bin_width"]),
        call_bins=call_bins.copy(),
        call_width_s=float(2 ** int(m["call_shift"])),
        depth_max_at_s=float(m["depth_max_at"]),
        busiest_second=int(m["busiest_second"]),
        busiest_calls=int(m["busiest_calls"]),
        levels=m["levels"][: _batches_begun(m)][kept],
    )


def missed_of(m: Any) -> int:
    """The jobs in a machine's record that have ended without a result in time."""
    counts = m["counts"]
    late = int(counts[layout.C_COMPLETED]) - int(counts[layout.C_GOOD])
    return late + sum(int(counts[place]) for place in OUTCOME_COUNTS.values())


def _class_tally(m: Any, place: int, batches: Counts, *, has_times: bool) -> ClassTally:
    counted = m["by_class"][place]
    undecided, open_offered, open_good = m["open_jobs"][place].tolist()
    counts = _counts(counted, undecided)
    wait, latency = (
        _class_times(m, place, int(counted[layout.C_WAITED]), counts["offered"]) if has_times else (NO_TIMES, NO_TIMES)
    )
    return ClassTally(
        counts=counts,
        wait=wait,
        latency=latency,
        decided=counts["offered"] - open_offered,
        decided_good=counts["good"] - open_good,
        batches=batches,
    )


def _class_times(m: Any, place: int, waited: int, offered: int) -> tuple[TimeSample, TimeSample]:
    """Waits and latencies. A single class has the times of all jobs."""
    alone = int(m["classes"]) == 1
    wait = (m["wait_sum"], m["wait_max"]) if alone else m["class_times"][place][[layout.T_WAIT_SUM, layout.T_WAIT_MAX]]
    latency = (
        (m["latency_sum"], m["latency_max"])
        if alone
        else m["class_times"][place][[layout.T_LATENCY_SUM, layout.T_LATENCY_MAX]]
    )
    cut = bool(np.isfinite(m["end"]))
    waits, latencies, *open_ages = m["histograms"][place][: layout.HISTOGRAMS if cut else layout.H_ENDED].astype(
        np.uint32
    )
    return (
        TimeSample(waits, waited, float(wait[0]), float(wait[1])),
        TimeSample(latencies, offered, float(latency[0]), float(latency[1]), *open_ages),
    )


def _batches_begun(m: Any) -> int:
    offered = int(m["next_job"]) - int(m["warmup"])
    return max(0, -(-offered >> int(m["batch_shift"])))


def _batches(m: Any) -> Counts:
    offered, size = int(m["next_job"]) - int(m["warmup"]), 1 << int(m["batch_shift"])
    batches = m["batches"][: _batches_begun(m)].copy()
    batches[:, 0] += np.minimum(size, offered - size * np.arange(len(batches)))
    return cast(Counts, batches)


def _counts(raw: Counts, undecided: int) -> dict[str, int]:
    outcomes = {name: int(raw[place]) for name, place in OUTCOME_COUNTS.items()}
    offered, completed, good = int(raw[layout.C_OFFERED]), int(raw[layout.C_COMPLETED]), int(raw[layout.C_GOOD])
    return {
        "offered": offered,
        "completed": completed,
        "good": good,
        "late": completed - good,
        **outcomes,
        "in_system": offered - completed - sum(outcomes.values()) - undecided,
        "undecided": undecided,
    }
