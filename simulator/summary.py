"""Tallies summarised: a DesignResult a design, and the difference between the two, paired by replication."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from core.values import rounded
from simulator.batch_means import interval_of_one_run, paired_shares
from simulator.kernel import layout
from simulator.result import (
    CallRate,
    ClassResult,
    Curve,
    Depth,
    DesignResult,
    FineSeries,
    Interval,
    Lag,
    LatencySeries,
    Quantiles,
    Series,
    SubscriberResult,
)
from simulator.statistics import half_width
from simulator.tally import (
    EDGES_S,
    MIDDLES_S,
    QUANTILES,
    ClassTally,
    FineTally,
    Tally,
    pooled,
    quantile_s,
    quantiles_of,
)

MOST_POINTS = 400
DIGITS = 12
"""Significant digits of a result. Those that follow depend on the C library and the processor: without them a seed gives the same everywhere."""
JOBS_A_STEP = 20
GROUPS = (1, 2, 4, 5, 8, 10, 20, 25, 40, 50)
"""How many bins a step of the latency over time may have."""
LATENCY_MIDDLES_S = MIDDLES_S[(1 << layout.LATENCY_SHIFT) // 2 :: 1 << layout.LATENCY_SHIFT]
"""The value of a coarser bucket of latencies."""
TIME_METRICS = ("wait_", "latency_")
SHARES = {"good_share", "completed_share", "utilisation"}


def design_result(
    tallies: Sequence[Tally],
    names: Sequence[str],
    *,
    stable: bool,
    growth_per_min: float | None = None,
    jobs_to_settle: int | None = None,
    fine: Sequence[FineTally] = (),
) -> DesignResult:
    """A design's result; `names` are those of the classes. Without a steady state there are no percentiles, only growth."""
    counts = {name: sum(tally.counts[name] for tally in tallies) for name in tallies[0].counts}
    return DesignResult(
        **counts,
        stable=stable,
        growth_per_min=growth_per_min,
        jobs_to_settle=jobs_to_settle,
        wait_s=_quantiles([tally.wait for tally in tallies]) if stable else Quantiles(),
        latency_s=_quantiles([tally.latency for tally in tallies]) if stable else Quantiles(),
        queue_depth=Depth(
            mean=_mean([tally.depth_mean for tally in tallies]),
            max=_mean([float(tally.depth_max) for tally in tallies]),
        ),
        lag_s=Lag(max=_mean([tally.lag_max_s for tally in tallies])),
        utilisation=_mean([tally.utilisation for tally in tallies]),
        attempts_per_job=_mean([tally.attempts_per_job for tally in tallies]),
        wasted_s=_mean([tally.wasted_s for tally in tallies]),
        provider_calls=sum(tally.provider_calls for tally in tallies),
        provider_429=sum(tally.provider_429 for tally in tallies),
        delivery_calls=sum(tally.delivery_calls for tally in tallies),
        client_calls=sum(tally.client_calls for tally in tallies),
        redelivered=sum(tally.redelivered for tally in tallies),
        duplicates=sum(tally.duplicates for tally in tallies),
        subscribers=_subscribers(tallies),
        classes=_classes(tallies, names, stable=stable),
        intervals=_intervals(tallies, stable=stable),
        series=_series(tallies[0]),
        call_rate=_call_rate(tallies[0]),
        curve=_curve(tallies),
        fine=tuple(_fine_series(tally) for tally in fine),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _finite_mean(values: Sequence[float]) -> float | None:
    mean = _mean(values)
    return mean if isfinite(mean) else None


def _quantiles(each: Sequence[dict[str, float]]) -> Quantiles:
    return Quantiles(**{name: _finite_mean([figures[name] for figures in each]) for name in each[0]})


def _intervals(tallies: Sequence[Tally], *, stable: bool) -> dict[str, tuple[float, float]]:
    """95 % intervals: over replications, or (good share alone) over batches of consecutive jobs where there is one replication."""
    if len(tallies) == 1:
        return {"good_share": interval_of_one_run(tallies[0])}
    intervals: dict[str, tuple[float, float]] = {}
    figures = [_figures(tally) for tally in tallies]
    for name in figures[0]:
        values = [metrics[name] for metrics in figures]
        if all(map(isfinite, values)) and (stable or not name.startswith(TIME_METRICS)):
            intervals |= _bounded(name, _mean(values), half_width(values))
    return intervals


def _figures(tally: Tally) -> dict[str, float]:
    """Rounded before they are subtracted: a difference of two figures that are alike would show digits that depend on the machine."""
    return rounded(tally.metrics(), DIGITS)


def _bounded(name: str, mean: float, half: float) -> dict[str, tuple[float, float]]:
    if not isfinite(half):
        return {}
    low, high = max(0.0, mean - half), mean + half
    return {name: (min(1.0, low), min(1.0, high)) if name in SHARES else (low, high)}


def differences(less: Sequence[Tally], more: Sequence[Tally], *, stable: bool) -> dict[str, Interval]:
    """`more` minus `less`, paired by replication (by batch, and good share alone, where there is one). Infinite figures have no difference."""
    if len(less) == 1:
        return _interval("good_share", paired_shares(less[0], more[0]), more[0].good_share - less[0].good_share)
    intervals: dict[str, Interval] = {}
    pairs_of_metrics = [(_figures(a), _figures(b)) for a, b in zip(less, more, strict=True)]
    for name in pairs_of_metrics[0][0]:
        if not stable and name.startswith(TIME_METRICS):
            continue
        if all(isfinite(a[name]) and isfinite(b[name]) for a, b in pairs_of_metrics):
            values = [b[name] - a[name] for a, b in pairs_of_metrics]
            intervals |= _interval(name, values, _mean(values))
    return intervals


def _interval(name: str, values: Sequence[float], mean: float) -> dict[str, Interval]:
    half = half_width(values)
    return {name: Interval(mean=mean, low=mean - half, high=mean + half)} if isfinite(half) else {}


def _subscribers(tallies: Sequence[Tally]) -> dict[str, SubscriberResult]:
    results = {}
    for place in range(len(tallies[0].fans)):
        offered, handled, failed = (int(sum(tally.fans[place, column] for tally in tallies)) for column in range(3))
        histogram = sum(tally.fan_histograms[place] for tally in tallies)
        total = float(sum(tally.fan_sums_s[place, 0] for tally in tallies))
        largest = float(max(tally.fan_sums_s[place, 1] for tally in tallies))
        figures = {name: quantile_s(np.asarray(histogram), handled, q) for name, q in QUANTILES.items()}
        latency = Quantiles(mean=total / handled, **figures, max=largest) if handled else Quantiles()
        results[f"subscriber_{place + 1}"] = SubscriberResult(
            offered=offered, handled=handled, failed=failed, latency_s=latency
        )
    return results


def _classes(tallies: Sequence[Tally], names: Sequence[str], *, stable: bool) -> dict[str, ClassResult]:
    results = {}
    for place, name in enumerate(names):
        each = [tally.classes[place] for tally in tallies]
        counts = {count: sum(one.counts[count] for one in each) for count in each[0].counts}
        started, offered = sum(one.started for one in each), counts["offered"]
        waits, latencies = pooled([one.wait for one in each]), pooled([one.latency for one in each])
        results[name] = ClassResult(
            **counts,
            wait_mean_s=waits.sum_s / started if started else None,
            wait_s=_finite(quantiles_of(waits, started)) if stable else Quantiles(),
            latency_s=_finite(quantiles_of(latencies, offered, complete=counts["completed"] == offered))
            if stable
            else Quantiles(),
            intervals=_share_over_replications(each),
        )
    return results


def _finite(figures: dict[str, float]) -> Quantiles:
    return Quantiles(**{name: value if isfinite(value) else None for name, value in figures.items()})


def _share_over_replications(each: Sequence[ClassTally]) -> dict[str, tuple[float, float]]:
    shares = [one.counts["good"] / one.counts["offered"] for one in each if one.counts["offered"]]
    return _bounded("good_share", _mean(shares), half_width(shares)) if shares else {}


def _series(tally: Tally) -> Series:
    bins, width = tally.bins, tally.bin_width_s
    return Series(
        t_s=_rounded(np.arange(bins.shape[1]) * width),
        arrivals=_rounded(bins[layout.B_ARRIVALS]),
        queue_depth=_rounded(bins[layout.B_DEPTH]),
        in_flight=_rounded(bins[layout.B_FLIGHT]),
        lag_s=_rounded(bins[layout.B_LAG]),
        completed=_rounded(bins[layout.B_COMPLETED]),
    )


def _call_rate(tally: Tally | FineTally, start_s: float = 0.0) -> CallRate:
    busiest = {"busiest_per_s": float(tally.busiest_calls), "busiest_at_s": float(tally.busiest_second)}
    return CallRate(
        width_s=tally.call_width_s,
        per_s=_rounded(tally.call_bins),
        start_s=start_s,
        **(busiest if tally.busiest_calls else {}),
    )


def _fine_series(tally: FineTally) -> FineSeries:
    bins = tally.bins
    return FineSeries(
        start_s=tally.start_s,
        width_s=tally.bin_width_s,
        arrivals=_rounded(bins[layout.B_ARRIVALS]),
        queue_depth=_rounded(bins[layout.B_DEPTH]),
        in_flight=_rounded(bins[layout.B_FLIGHT]),
        lag_s=_rounded(bins[layout.B_LAG]),
        completed=_rounded(bins[layout.B_COMPLETED]),
        call_rate=_call_rate(tally, tally.call_start_s),
        latency=_latency_series(tally),
    )


def _latency_series(tally: FineTally) -> LatencySeries:
    counts = tally.latency_counts
    occupied = np.flatnonzero(counts.sum(axis=1))
    if not len(occupied):
        return LatencySeries()
    wanted = JOBS_A_STEP * len(occupied) / counts.sum()
    group = next((group for group in GROUPS if group >= wanted), GROUPS[-1])
    grouped = counts.reshape(-1, group, counts.shape[1]).sum(axis=1)
    longest = tally.longest_s.reshape(-1, group).max(axis=1)
    totals = grouped.sum(axis=1)
    buckets = (np.cumsum(grouped, axis=1) >= 0.95 * totals[:, None]).argmax(axis=1)
    p95 = np.minimum(LATENCY_MIDDLES_S[buckets], longest)
    return LatencySeries(
        width_s=group * tally.bin_width_s,
        completed=_rounded(totals),
        p95_s=_gaps(p95, totals),
        longest_s=_gaps(longest, totals),
    )


def _gaps(values: Any, totals: Any) -> tuple[float | None, ...]:
    pairs = zip(np.round(values, 6).tolist(), totals.tolist(), strict=True)
    return tuple(value if total else None for value, total in pairs)


def _rounded(values: Any) -> tuple[float, ...]:
    return tuple(np.round(values, 6).tolist())


def _curve(tallies: Sequence[Tally]) -> Curve:
    histogram = np.sum([tally.latency_histogram for tally in tallies], axis=0)
    offered = sum(tally.counts["offered"] for tally in tallies)
    places = np.flatnonzero(histogram)
    if not offered or not len(places):
        return Curve()
    shares = np.cumsum(histogram)[places] / offered
    edges = np.minimum(EDGES_S[places + 1], EDGES_S[-2])
    if len(places) > MOST_POINTS:
        wanted = np.linspace(shares[0], shares[-1], MOST_POINTS // 2)
        spread = np.linspace(0, len(places) - 1, MOST_POINTS // 2)
        keep = np.unique(np.concatenate([np.searchsorted(shares, wanted), spread.astype(np.int64)]))
        keep = keep[keep < len(places)]
        shares, edges = shares[keep], edges[keep]
    return Curve(latency_s=_rounded(edges), share=tuple(shares.tolist()))
