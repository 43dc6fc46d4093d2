"""A Result as tidy tables, for pandas, polars and spreadsheets: the figures of the page and the report, under the names of the JSON."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from simulator.result import ClassResult, DesignResult, Quantiles, Result, Series

_DIFFERENCE = "event_driven_minus_synchronous"
_COUNTS = (
    *("offered", "accepted", "completed", "good", "late", "failed", "timed_out", "rejected", "dead_lettered", "undelivered", "lost"),
    *("in_system", "undecided"),
)  # fmt: skip
_TIMES = tuple(f"{of}_{name}_s" for of in ("wait", "latency") for name in Quantiles.model_fields)
FIGURE_UNITS = (
    dict.fromkeys(_COUNTS, "jobs")
    | dict.fromkeys(("good_share", "completed_share"), "share")
    | dict.fromkeys(_TIMES, "s")
    | {"queue_depth_mean": "jobs", "queue_depth_max": "jobs", "lag_max_s": "s", "utilisation": "share"}
    | {"attempts_per_job": "calls", "wasted_s": "s", "growth_per_min": "jobs per minute", "jobs_to_settle": "jobs"}
    | dict.fromkeys(("provider_calls", "provider_429", "delivery_calls", "client_calls"), "calls")
    | {"redelivered": "jobs", "duplicates": "jobs"}
)
"""Of each figure of a design, in their order."""
_OF_CLASS = tuple(name for name in _COUNTS if name != "accepted")
_SERIES = ("arrivals", "completed", "queue_depth", "in_flight", "lag_s")
_TEXT, _NUMBER, _WHOLE, _FLAG = pl.String(), pl.Float64(), pl.Int64(), pl.Boolean()
_Columns = Mapping[str, pl.DataType]
_Row = Mapping[str, Any]

_COLUMNS: Mapping[str, _Columns] = {
    "figures": {"design": _TEXT, "figure": _TEXT, "unit": _TEXT, "value": _NUMBER, "low": _NUMBER, "high": _NUMBER},
    "designs": {"design": _TEXT, "conclusion": _TEXT, "is_stable": _FLAG, "verdict": _TEXT, "engine": _TEXT}
    | {"seed": _WHOLE, "replications": _WHOLE},
    "classes": {"design": _TEXT, "queue": _TEXT, "is_stable": _FLAG}
    | dict.fromkeys(_OF_CLASS, _WHOLE)
    | dict.fromkeys(("good_share", "good_share_low", "good_share_high", *_TIMES), _NUMBER),
    "replications": {"design": _TEXT, "replication": _WHOLE}
    | {name: _NUMBER for name in FIGURE_UNITS if name not in ("growth_per_min", "jobs_to_settle")},
    "series": {"design": _TEXT}
    | dict.fromkeys(("t_s", "width_s", *_SERIES, "latency_p50_s", "latency_p95_s"), _NUMBER),
    "latency_distribution": {"design": _TEXT, "latency_s": _NUMBER, "share": _NUMBER},
    "provider_calls": {"design": _TEXT, "t_s": _NUMBER, "width_s": _NUMBER, "busiest_per_s": _NUMBER},
    "window_series": {"window": _WHOLE, "design": _TEXT} | dict.fromkeys(("t_s", "width_s", *_SERIES), _NUMBER),
    "window_latencies": {"window": _WHOLE, "design": _TEXT}
    | dict.fromkeys(("t_s", "width_s", "completed", "latency_p95_s", "latency_longest_s"), _NUMBER),
    "subscribers": {"design": _TEXT, "subscriber": _TEXT, "offered": _WHOLE, "handled": _WHOLE, "failed": _WHOLE}
    | dict.fromkeys((name for name in _TIMES if name.startswith("latency_")), _NUMBER),
    "live_figures": {"design": _TEXT, "figure": _TEXT, "queue": _TEXT, "unit": _TEXT}
    | dict.fromkeys(("predicted", "measured", "error_percent"), _NUMBER)
    | {"within": _FLAG, "below_resolution": _FLAG},
}


def tabulate(result: Result) -> dict[str, pl.DataFrame]:
    """All tables by their names; one is empty if the run has nothing of its kind. Each row names its design.

    `figures` has a row a figure, with its unit and its 95 % interval, of each design and of the paired difference; `designs` what was concluded of
    each. A row is a class in `classes`, a replication in `replications`, a time bin of the first replication in `series` (counts of the
    bin, levels at its end, latencies of the jobs that arrived in it), `provider_calls` (the busiest second), `window_series` and
    `window_latencies` (finer, of peaks and outages), a point of the cumulative curve of all offered jobs in `latency_distribution`.
    """
    rows: dict[str, Iterable[_Row]] = {
        "figures": _figures(result),
        "designs": _designs(result),
        "classes": _each(result, _classes),
        "replications": _each(result, _replications),
        "series": _each(result, lambda design: _series(design.series, None)),
        "latency_distribution": _each(result, lambda design: _paired(design.curve.latency_s, design.curve.share)),
        "provider_calls": _each(result, _provider_calls),
        "window_series": _each(result, _window_series),
        "window_latencies": _each(result, _window_latencies),
        "subscribers": _each(result, _subscribers),
        "live_figures": [figure.model_dump() for figure in result.live.figures] if result.live else [],
    }
    return {name: pl.DataFrame(list(rows[name]), columns, orient="row") for name, columns in _COLUMNS.items()}


def _each(result: Result, rows_of: Any) -> Iterator[_Row]:
    for name, design in result.designs.items():
        for row in rows_of(design):
            yield {"design": name, **row}


def _figures(result: Result) -> Iterator[_Row]:
    for design, one in result.designs.items():
        for name, unit in FIGURE_UNITS.items():
            low, high = one.intervals.get(name, (None, None))
            yield {
                "design": design,
                "figure": name,
                "unit": unit,
                "value": one.figure(name),
                "low": low,
                "high": high,
            }
    for name, difference in result.difference.items():
        yield {"design": _DIFFERENCE, "figure": name, "unit": FIGURE_UNITS[name], "value": difference.mean} | {
            "low": difference.low,
            "high": difference.high,
        }


def _designs(result: Result) -> Iterator[_Row]:
    verdict = result.verdict if isinstance(result.verdict, str) else ", ".join(result.verdict)
    of_run = {"verdict": verdict, "engine": result.engine, "seed": result.seed, "replications": result.replications}
    for name, design in result.designs.items():
        yield {"design": name, "conclusion": design.conclusion, "is_stable": design.stable, **of_run}


def _times(of: str, times: Quantiles) -> dict[str, float | None]:
    return {f"{of}_{name}_s": value for name, value in times}


def _classes(design: DesignResult) -> Iterator[_Row]:
    for queue, one in design.classes.items():
        yield {"queue": queue, "is_stable": design.stable if one.stable is None else one.stable, **_of_class(one)}


def _of_class(one: ClassResult) -> _Row:
    low, high = one.intervals.get("good_share", (None, None))
    return {
        **{name: getattr(one, name) for name in _OF_CLASS},
        "good_share": one.good_share,
        "good_share_low": low,
        "good_share_high": high,
        **_times("wait", one.wait_s),
        **_times("latency", one.latency_s),
    }


def _replications(design: DesignResult) -> Iterator[_Row]:
    for place, values in enumerate(zip(*design.by_replication.values(), strict=True)):
        yield {"replication": place + 1, **dict(zip(design.by_replication, values, strict=True))}


def _series(series: Series, width_s: float | None) -> Iterator[_Row]:
    times_s = series.t_s
    if width_s is None:
        width_s = times_s[1] - times_s[0] if len(times_s) > 1 else None
    latencies = {name: getattr(series, name) for name in ("latency_p50_s", "latency_p95_s")}
    for place, start_s in enumerate(times_s):
        yield {
            "t_s": start_s,
            "width_s": width_s,
            **{name: getattr(series, name)[place] for name in _SERIES},
            **{name: values[place] for name, values in latencies.items() if values},
        }


def _paired(latencies_s: tuple[float, ...], shares: tuple[float, ...]) -> Iterator[_Row]:
    for latency_s, share in zip(latencies_s, shares, strict=True):
        yield {"latency_s": latency_s, "share": share}


def _provider_calls(design: DesignResult) -> Iterator[_Row]:
    rate = design.call_rate
    for place, busiest in enumerate(rate.per_s):
        yield {"t_s": rate.start_s + place * rate.width_s, "width_s": rate.width_s, "busiest_per_s": busiest}


def _window_series(design: DesignResult) -> Iterator[_Row]:
    for window, fine in enumerate(design.fine, 1):
        for row in _series(fine.series, fine.width_s):
            yield {"window": window, **row}


def _window_latencies(design: DesignResult) -> Iterator[_Row]:
    for window, fine in enumerate(design.fine, 1):
        latency = fine.latency
        for place, (completed, p95_s, longest_s) in enumerate(
            zip(latency.completed, latency.p95_s, latency.longest_s, strict=True)
        ):
            yield {
                "window": window,
                "t_s": fine.start_s + place * latency.width_s,
                "width_s": latency.width_s,
                "completed": completed,
                "latency_p95_s": p95_s,
                "latency_longest_s": longest_s,
            }


def _subscribers(design: DesignResult) -> Iterator[_Row]:
    for name, one in design.subscribers.items():
        handled = {"offered": one.offered, "handled": one.handled, "failed": one.failed}
        yield {"subscriber": name, **handled, **_times("latency", one.latency_s)}
