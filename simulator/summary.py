"""Tallies summarised: a DesignResult a design, and the difference between the two, paired by replication."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from core.values import rounded
from simulator.batch_means import interval_of_one_run, paired_shares
from simulator.conclusions import combined_half_width, difference_floor, jackknife, share_interval
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
from simulator.tally import EDGES_S, MIDDLES_S, QUANTILES, ClassTally, FineTally, Tally, TimeSample, quantile_s

MOST_POINTS = 400
KEEPS_UP = 0.1
"""A class keeps up in a growing design if its share of jobs left is at most this part of the design's."""
DIGITS = 12
"""Significant digits of a result. Those that follow depend on the C library and the processor: without them a seed gives the same everywhere."""
JOBS_A_STEP = 50
GROUPS = (1, 2, 4, 5, 8, 10, 20, 25, 40, 50)
"""How many bins a step of the latency over time may have."""
LATENCY_MIDDLES_S = np.append(MIDDLES_S[(1 << layout.LATENCY_SHIFT) // 2 :: 1 << layout.LATENCY_SHIFT], np.inf)
"""The value of a coarser bucket of latencies; the last one has no end."""
TIME_METRICS = ("wait_", "latency_")
SHARES = {"good_share", "completed_share", "utilisation"}
POOLED_NAMES = {f"{of}_{name}_s" for of in ("wait", "latency") for name in QUANTILES}
LONGEST_NAMES = {"wait_max_s", "latency_max_s"}


def design_result(
    tallies: Sequence[Tally],
    names: Sequence[str],
    *,
    stable: bool,
    growth_per_min: float | None = None,
    jobs_to_settle: int | None = None,
    fine: Sequence[FineTally] = (),
    resampled: Sequence[Tally] = (),
    is_brief: bool = False,
) -> DesignResult:
    """A design's result; `names` are those of the classes. Without a steady state there are no percentiles, only growth.

    `resampled` are tallies of resamples of the recording, if there is one: they widen the intervals, and count in nothing else.
    `is_brief`: of the intervals the good share's alone, of the series the calls in flight alone, and no figures of each replication.
    """
    counts: dict[str, Any] = {name: sum(tally.counts[name] for tally in tallies) for name in tallies[0].counts}
    return DesignResult(
        **counts,
        stable=stable,
        growth_per_min=growth_per_min,
        jobs_to_settle=jobs_to_settle,
        decided=sum(tally.decided for tally in tallies),
        decided_good=sum(tally.decided_good for tally in tallies),
        wait_s=_quantiles(_pooled(tallies, "waits")) if stable else Quantiles(),
        latency_s=_quantiles(_pooled(tallies, "latencies")) if stable else Quantiles(),
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
        classes=_classes(tallies, resampled, names, stable=stable),
        intervals=_good_share_interval(tallies, resampled)
        if is_brief
        else _intervals(tallies, resampled, stable=stable),
        series=Series(in_flight=_rounded(tallies[0].bins[layout.B_FLIGHT])) if is_brief else _series(tallies[0]),
        call_rate=CallRate() if is_brief else _call_rate(tallies[0]),
        curve=_curve(tallies),
        fine=tuple(_fine_series(tally) for tally in fine),
        by_replication={} if is_brief else _by_replication(tallies, stable=stable),
    )


def _by_replication(tallies: Sequence[Tally], *, stable: bool) -> dict[str, tuple[float | None, ...]]:
    totals = ("provider_calls", "provider_429", "delivery_calls", "client_calls", "redelivered", "duplicates")
    each = [{**tally.counts, **_figures(tally), **{name: getattr(tally, name) for name in totals}} for tally in tallies]
    return {
        name: tuple(float(figures[name]) if isfinite(figures[name]) else None for figures in each)
        for name in each[0]
        if stable or not name.startswith(TIME_METRICS)
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _pooled(tallies: Sequence[Tally], name: str) -> TimeSample:
    return TimeSample.pooled([getattr(tally, name) for tally in tallies])


def _quantiles(sample: TimeSample) -> Quantiles:
    return Quantiles(**{name: value if isfinite(value) else None for name, value in sample.figures().items()})


def _intervals(tallies: Sequence[Tally], resampled: Sequence[Tally], *, stable: bool) -> dict[str, tuple[float, float]]:
    """95 % intervals: over replications, or (good share alone) over batches of consecutive jobs where there is one replication."""
    intervals = _good_share_interval(tallies, resampled)
    if len(tallies) == 1:
        return intervals
    figures, others = ([_figures(tally) for tally in each] for each in (tallies, resampled))
    shares = {"good_share", "completed_share"}
    for name in figures[0].keys() - POOLED_NAMES - LONGEST_NAMES - shares:
        values, again = ([metrics[name] for metrics in each] for each in (figures, others))
        if all(map(isfinite, values)) and (stable or not name.startswith(TIME_METRICS)):
            half = combined_half_width(values, [value for value in again if isfinite(value)])
            intervals |= _bounded(name, _mean(values), half)
    offered, completed = (sum(tally.counts[name] for tally in tallies) for name in ("offered", "completed"))
    values, again = ([metrics["completed_share"] for metrics in each] for each in (figures, others))
    intervals["completed_share"] = share_interval(completed, offered, half=combined_half_width(values, again))
    if stable:
        intervals |= _quantile_intervals(tallies, resampled)
    return {name: intervals[name] for name in figures[0] if name in intervals}


def _good_share_interval(tallies: Sequence[Tally], resampled: Sequence[Tally]) -> dict[str, tuple[float, float]]:
    if len(tallies) == 1:
        return {"good_share": interval_of_one_run(tallies[0])}
    good, decided = sum(tally.decided_good for tally in tallies), sum(tally.decided for tally in tallies)
    shares, again = ([_shown(tally.good_share) for tally in each] for each in (tallies, resampled))
    return {"good_share": share_interval(good, decided, half=combined_half_width(shares, again))}


def _shown(figure: float) -> float:
    return rounded(figure, DIGITS)


def _quantile_intervals(tallies: Sequence[Tally], resampled: Sequence[Tally]) -> dict[str, tuple[float, float]]:
    """Of the pooled quantiles: at the ends of the interval of the share of jobs that the quantile does not exceed.

    That share is finite in every replication, even if the quantile is not.
    Source: R. S. Woodruff, Confidence intervals for medians, Journal of the American Statistical Association 47 (1952).
    """
    intervals = {}
    for of, name in (("wait", "waits"), ("latency", "latencies")):
        samples, others = ([getattr(tally, name) for tally in each] for each in (tallies, resampled))
        pooled = TimeSample.pooled(samples)
        for quantile, q in QUANTILES.items():
            bucket = pooled.bucket_of_quantile(q)
            if bucket is None:
                continue
            share = pooled.share_up_to(bucket)
            half = combined_half_width(*([sample.share_up_to(bucket) for sample in each] for each in (samples, others)))
            low, high = share_interval(round(share * pooled.total), pooled.total, half=half)
            ends = [pooled.quantile_s(max(0.0, q + bound - share)) for bound in (low, high)]
            if isfinite(ends[1]):
                intervals[f"{of}_{quantile}_s"] = (ends[0], ends[1])
    return intervals


def _figures(tally: Tally) -> dict[str, float]:
    """Rounded before they are subtracted: a difference of two figures that are alike would show digits that depend on the machine."""
    return rounded(tally.metrics(), DIGITS)


def _bounded(name: str, mean: float, half: float) -> dict[str, tuple[float, float]]:
    if not isfinite(half):
        return {}
    low, high = max(0.0, mean - half), mean + half
    return {name: (min(1.0, low), min(1.0, high)) if name in SHARES else (low, high)}


def differences(
    less: Sequence[Tally],
    more: Sequence[Tally],
    *,
    stable: bool,
    resampled: tuple[Sequence[Tally], Sequence[Tally]] = ((), ()),
) -> dict[str, Interval]:
    """`more` minus `less`, paired by replication (by batch, and good share alone, where there is one). Infinite figures have no difference."""
    decided = sum(min(a.decided, b.decided) for a, b in zip(less, more, strict=True))
    floors = {"good_share": difference_floor(decided), "completed_share": difference_floor(decided)}
    if len(less) == 1:
        half = half_width(paired_shares(less[0], more[0]))
        return _interval(more[0].good_share - less[0].good_share, half, "good_share", floors)
    intervals: dict[str, Interval] = {}
    pairs_of_metrics, pairs_of_others = (
        [(_figures(a), _figures(b)) for a, b in zip(*each, strict=True)] for each in ((less, more), resampled)
    )
    pooled = _pooled_differences(less, more, resampled) if stable else {}
    for name in pairs_of_metrics[0][0]:
        if not stable and name.startswith(TIME_METRICS):
            continue
        if name in POOLED_NAMES:
            intervals |= {name: pooled[name]} if name in pooled else {}
            continue
        values, others = ([b[name] - a[name] for a, b in pairs] for pairs in (pairs_of_metrics, pairs_of_others))
        if all(map(isfinite, values)):
            half = combined_half_width(values, [value for value in others if isfinite(value)])
            intervals |= _interval(_mean(values), half, name, floors)
    return intervals


def _pooled_differences(
    less: Sequence[Tally], more: Sequence[Tally], resampled: tuple[Sequence[Tally], Sequence[Tally]]
) -> dict[str, Interval]:
    """Of quantiles: the difference of the pooled ones, its interval by the jackknife over replications."""
    intervals: dict[str, Interval] = {}
    for of, samples in (("wait", "waits"), ("latency", "latencies")):
        without = [[_without(tallies, place, samples) for place in range(len(tallies))] for tallies in (less, more)]
        whole = [_figures_of(_pooled(tallies, samples)) for tallies in (less, more)]
        again = [[_figures_of(getattr(tally, samples)) for tally in tallies] for tallies in resampled]
        for name in QUANTILES:
            values, others = ([b[name] - a[name] for a, b in zip(*each, strict=True)] for each in (without, again))
            mean = whole[1][name] - whole[0][name]
            pseudovalues = jackknife(values, mean)
            if pseudovalues is not None:
                half = combined_half_width(pseudovalues, [value for value in others if isfinite(value)])
                intervals |= _interval(mean, half, f"{of}_{name}_s", {})
    return intervals


def _without(tallies: Sequence[Tally], place: int, samples: str) -> dict[str, float]:
    return _figures_of(_pooled([*tallies[:place], *tallies[place + 1 :]], samples))


def _figures_of(sample: TimeSample) -> dict[str, float]:
    """Rounded before they are subtracted, as `_figures`."""
    return rounded(sample.figures(), DIGITS)


def _interval(mean: float, half: float, name: str, floors: Mapping[str, float]) -> dict[str, Interval]:
    half = max(half, floors.get(name, 0.0))
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


def _classes(
    tallies: Sequence[Tally], resampled: Sequence[Tally], names: Sequence[str], *, stable: bool
) -> dict[str, ClassResult]:
    results = {}
    for place, name in enumerate(names):
        each, again = ([tally.classes[place] for tally in some] for some in (tallies, resampled))
        counts = {count: sum(one.counts[count] for one in each) for count in each[0].counts}
        waits, latencies = (TimeSample.pooled([getattr(one, of) for one in each]) for of in ("wait", "latency"))
        steady = stable or _keeps_up(counts, tallies)
        results[name] = ClassResult(
            **counts,
            stable=steady,
            decided=sum(one.decided for one in each),
            decided_good=sum(one.decided_good for one in each),
            wait_mean_s=waits.sum_s / waits.total if waits.total else None,
            wait_s=_quantiles(waits) if steady else Quantiles(),
            latency_s=_quantiles(latencies) if steady else Quantiles(),
            intervals=_class_intervals(tallies, each, again),
        )
    return results


def _keeps_up(of_class: Mapping[str, int], tallies: Sequence[Tally]) -> bool:
    """Whether a class of a growing design has few jobs left when arrivals end: the others are the ones that grow."""
    offered, left = (sum(tally.counts[name] for tally in tallies) for name in ("offered", "in_system"))
    return left > 0 and of_class["in_system"] * offered <= KEEPS_UP * left * of_class["offered"]


def _class_intervals(
    tallies: Sequence[Tally], each: Sequence[ClassTally], resampled: Sequence[ClassTally]
) -> dict[str, tuple[float, float]]:
    good, decided = sum(one.decided_good for one in each), sum(one.decided for one in each)
    if not decided:
        return {}
    if len(each) == 1:
        return {"good_share": interval_of_one_run(tallies[0], each[0].batches)}
    shares, again = ([one.good_share for one in some if one.decided] for some in (each, resampled))
    return {"good_share": share_interval(good, decided, half=combined_half_width(shares, again))}


def _series(tally: Tally) -> Series:
    bins, width = tally.bins, tally.bin_width_s
    return Series(
        t_s=_rounded(np.arange(bins.shape[1]) * width),
        arrivals=_rounded(bins[layout.B_ARRIVALS]),
        queue_depth=_rounded(bins[layout.B_DEPTH]),
        in_flight=_rounded(bins[layout.B_FLIGHT]),
        lag_s=_rounded(bins[layout.B_LAG]),
        completed=_rounded(bins[layout.B_COMPLETED]),
        latency_p50_s=_quantiles_in_bins(tally.latency_counts, 0.5),
        latency_p95_s=_quantiles_in_bins(tally.latency_counts, 0.95),
    )


def _quantiles_in_bins(counts: Any, q: float) -> tuple[float | None, ...]:
    if counts is None:
        return ()
    values_s = LATENCY_MIDDLES_S[_buckets_of_quantile(counts, counts.sum(axis=1), q)]
    return _gaps(values_s, (values_s < np.inf) & counts.any(axis=1))


def _buckets_of_quantile(counts: Any, totals: Any, q: float) -> Any:
    return (np.cumsum(counts, axis=1) >= q * totals[:, None]).argmax(axis=1)


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
    p95 = np.minimum(LATENCY_MIDDLES_S[_buckets_of_quantile(grouped, totals, 0.95)], longest)
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
    histogram, offered = _pooled(tallies, "latencies").masses
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
