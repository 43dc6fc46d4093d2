"""The kernel's prediction against what a live run measured, figure by figure."""

from math import sqrt
from typing import Literal

from simulator.result import Design, DesignResult, LiveFigure

Unit = Literal["s", "share", "jobs", "calls"]
RELATIVE = 0.15
"""A figure agrees within so much of the larger value …"""
OF_SERVICE = 0.05
"""… or a time within this share of the mean service time …"""
JOBS = 2.0
"""… or a number of jobs within this many."""
STANDARD_ERRORS = 3.0
"""Counts of outcomes agree within so many standard errors of the difference of two samples."""
OUTCOMES = ("good", "late", "failed", "timed_out", "rejected", "dead_lettered", "undelivered", "lost", "in_system")


def compared(
    design: Design, predicted: DesignResult, measured: DesignResult, mean_service_s: float
) -> list[LiveFigure]:
    """Every figure that both have. `mean_service_s` sets how much a time may differ where it is small."""
    slack: dict[Unit, float] = {"s": OF_SERVICE * mean_service_s, "jobs": JOBS, "share": 0.0, "calls": JOBS}
    found = [
        _figure(design, name, unit, before, after, slack[unit])
        for name, unit, before, after in _figures(predicted, measured)
        if before is not None or after is not None
    ]
    return found + [
        _outcome(design, name, getattr(predicted, name), getattr(measured, name), measured.offered)
        for name in OUTCOMES
        if getattr(predicted, name) or getattr(measured, name)
    ]


def _figures(
    predicted: DesignResult, measured: DesignResult
) -> tuple[tuple[str, Unit, float | None, float | None], ...]:
    return (
        ("wait_s.mean", "s", predicted.wait_s.mean, measured.wait_s.mean),
        ("wait_s.p95", "s", predicted.wait_s.p95, measured.wait_s.p95),
        ("latency_s.mean", "s", predicted.latency_s.mean, measured.latency_s.mean),
        ("latency_s.p50", "s", predicted.latency_s.p50, measured.latency_s.p50),
        ("latency_s.p95", "s", predicted.latency_s.p95, measured.latency_s.p95),
        ("good_share", "share", predicted.good_share, measured.good_share),
        ("queue_depth.mean", "jobs", predicted.queue_depth.mean, measured.queue_depth.mean),
        ("queue_depth.max", "jobs", predicted.queue_depth.max, measured.queue_depth.max),
        ("lag_s.max", "s", predicted.lag_s.max, measured.lag_s.max),
        ("utilisation", "share", predicted.utilisation, measured.utilisation),
        ("provider_calls", "calls", float(predicted.provider_calls), float(measured.provider_calls)),
        ("delivery_calls", "calls", float(predicted.delivery_calls), float(measured.delivery_calls)),
    )


def _figure(
    design: Design, name: str, unit: Unit, predicted: float | None, measured: float | None, slack: float
) -> LiveFigure:
    """One that only one of them has (a percentile that the other never reached) does not agree."""
    if predicted is None or measured is None:
        within, error = False, None
    else:
        off = abs(measured - predicted)
        within = off <= slack or off <= RELATIVE * max(abs(predicted), abs(measured))
        error = 100 * (measured - predicted) / predicted if predicted else (0.0 if measured == predicted else None)
    return LiveFigure(
        design=design,
        figure=name,
        unit=unit,
        predicted=predicted,
        measured=measured,
        error_percent=error,
        within=within,
    )


def _outcome(design: Design, name: str, predicted: int, measured: int, offered: int) -> LiveFigure:
    """Counts of the same jobs with the same draws differ only by what timing decides: judged as if the samples were independent."""
    share = (predicted + measured) / (2 * offered) if offered else 0.0
    error = STANDARD_ERRORS * sqrt(2 * offered * share * (1 - share))
    figure = _figure(design, name, "jobs", float(predicted), float(measured), JOBS)
    return figure.model_copy(update={"within": abs(measured - predicted) <= max(error, JOBS)})
