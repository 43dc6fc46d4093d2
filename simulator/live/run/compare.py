"""Compares the kernel's prediction with a live run, figure by figure: they agree, differ, or the run cannot resolve them."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from operator import attrgetter
from typing import Literal

from simulator.result import Costs, Design, DesignResult, Lateness, LiveFigure

Unit = Literal["s", "share", "jobs", "calls"]
RELATIVE = 0.15
"""A figure agrees if predicted and measured differ by at most this share of the larger."""
JOBS = 3.0
"""The run does not resolve fewer jobs or calls, or a smaller difference."""
LEAST_S = 0.003
"""Real seconds that a machine with other processes does not resolve."""
STANDARD_ERRORS = 3.0
"""Outcomes differ from this many standard errors of the difference of two samples."""
COMPARED_TIMES = ("wait_s.mean", "wait_s.p95", "latency_s.mean", "latency_s.p50", "latency_s.p95")
COMPARED_OUTCOMES = ("late", "failed", "timed_out", "rejected", "dead_lettered", "undelivered", "lost", "in_system")


@dataclass(frozen=True)
class Resolution:
    speed: float
    own_s: float
    """Real seconds a job that this machine takes: its processes for the attempts, and the lateness of the load (p99)."""
    jobs_per_s: float
    """Arrivals in a Scenario second, until the last job has ended."""
    calls_per_s: float
    service_s: float
    """Scenario seconds of an attempt at the model, on average."""

    @classmethod
    def from_run(
        cls,
        measured: DesignResult,
        design: Design,
        costs: Costs,
        late: Lateness,
        *,
        speed: float,
        calls_per_s: float,
        service_s: float,
    ) -> "Resolution":
        attempts = max(1.0, measured.attempts_per_job)
        parts_s = (
            costs.synchronous_s * attempts if design == "synchronous" else costs.accept_s + costs.dispatch_s * attempts
        )
        instants_s = measured.series.t_s
        length_s = len(instants_s) * instants_s[1] if len(instants_s) > 1 else 0.0
        jobs_per_s = measured.offered / length_s if length_s else 0.0
        return cls(speed, max(LEAST_S, parts_s + late.p99_s), jobs_per_s, calls_per_s, service_s)

    @property
    def time_s(self) -> float:
        return self.own_s * self.speed

    @property
    def depth(self) -> float:
        """Jobs that wait for `time_s`, by Little's law."""
        return self.time_s * self.jobs_per_s

    def highest_speed(self, calls: float) -> float:
        """The highest speed that resolves the calls of one Scenario second: it lasts long against `own_s`, and long enough to make them all."""
        return min(RELATIVE / self.own_s, self.calls_per_s / max(calls, 1.0))


@dataclass(frozen=True)
class Limits:
    least: float
    slack: float
    """Smaller differences are not resolved."""
    sampled: bool = False
    """Whether any difference of `slack` or more is one, however small relative to the values."""

    def judge(self, predicted: float, measured: float) -> tuple[bool, bool]:
        off, larger = abs(measured - predicted), max(abs(predicted), abs(measured))
        if larger < self.least:
            return False, True
        if off <= RELATIVE * larger and not (self.sampled and off >= self.slack):
            return True, False
        return False, off < self.slack


def compare_figures(
    design: Design,
    predicted: DesignResult,
    measured: DesignResult,
    resolution: Resolution,
    *,
    is_unpaced: bool = False,
) -> list[LiveFigure]:
    return [
        *_design_figures(design, predicted, measured, resolution, is_unpaced=is_unpaced),
        *_call_rate(design, predicted, measured, resolution),
        *_class_figures(design, predicted, measured, resolution),
        *_subscriber_figures(design, predicted, measured, resolution),
        *(
            _figure(design, name, "jobs", float(before), float(after), _sampled(before, after, measured.offered))
            for name in COMPARED_OUTCOMES
            if (before := getattr(predicted, name)) + (after := getattr(measured, name))
        ),
    ]


def _design_figures(
    design: Design, predicted: DesignResult, measured: DesignResult, resolution: Resolution, *, is_unpaced: bool
) -> Iterator[LiveFigure]:
    times = Limits(resolution.time_s, resolution.time_s)
    few = Limits(JOBS, JOBS)
    one_job = Limits(1 / max(1, measured.offered), 0.0)
    depth = max(JOBS, resolution.depth)
    waste = max(JOBS * resolution.service_s, resolution.time_s * (measured.offered - measured.good))
    few_complete = (
        abs(predicted.completed - measured.completed)
        < _sampled(predicted.completed, measured.completed, measured.offered).slack
    )
    figures: dict[str, tuple[Unit, Limits]] = {
        **dict.fromkeys(COMPARED_TIMES, ("s", times)),
        "queue_depth.mean": ("jobs", Limits(resolution.depth, resolution.depth)),
        "queue_depth.max": ("jobs", Limits(depth, depth)),
        "lag_s.max": ("s", times),
        "utilisation": ("share", one_job),
        "wasted_s": ("s", Limits(waste, waste)),
        "provider_calls": ("calls", few),
        "delivery_calls": ("calls", few),
        "redelivered": ("jobs", few),
        "duplicates": ("jobs", few),
    }
    if is_unpaced:
        figures["provider_429"] = "calls", few
    for name, (unit, limits) in figures.items():
        before, after = map(attrgetter(name), (predicted, measured))
        absent = (None, 0) if unit == "calls" or name in ("wasted_s", "redelivered", "duplicates") else (None,)
        if before not in absent or after not in absent:
            yield _figure(design, name, unit, before, after, limits, few_complete=few_complete)
    yield _good_share(design, predicted.good, measured.good, measured.offered)


def _call_rate(
    design: Design, predicted: DesignResult, measured: DesignResult, resolution: Resolution
) -> Iterator[LiveFigure]:
    before, after = (max(result.call_rate.per_s, default=0.0) for result in (predicted, measured))
    if not (before or after):
        return
    figure = _figure(design, "call_rate.max", "calls", before, after, Limits(JOBS, JOBS))
    highest = resolution.highest_speed(max(before, after))
    if resolution.speed > highest:
        figure = figure.model_copy(update={"within": False, "below_resolution": True, "resolvable_speed": highest})
    yield figure


def _class_figures(
    design: Design, predicted: DesignResult, measured: DesignResult, resolution: Resolution
) -> Iterator[LiveFigure]:
    times = Limits(resolution.time_s, resolution.time_s)
    for name, after in measured.classes.items():
        before = predicted.classes.get(name)
        if before is None or len(measured.classes) < 2 or not after.offered:
            continue
        if before.wait_mean_s is not None or after.wait_mean_s is not None:
            few = after.offered < JOBS
            yield _figure(
                design, "wait_s.mean", "s", before.wait_mean_s, after.wait_mean_s, times, few_complete=few, queue=name
            )
        yield _good_share(design, before.good, after.good, after.offered, queue=name)


def _subscriber_figures(
    design: Design, predicted: DesignResult, measured: DesignResult, resolution: Resolution
) -> Iterator[LiveFigure]:
    times = Limits(resolution.time_s, resolution.time_s)
    for name, after in measured.subscribers.items():
        before = predicted.subscribers.get(name)
        if before is None:
            continue
        few = min(before.handled, after.handled) < JOBS
        if before.handled or after.handled:
            means = before.latency_s.mean, after.latency_s.mean
            yield _figure(design, "handled_s.mean", "s", *means, times, few_complete=few, queue=name)
        if before.failed or after.failed:
            limits = _sampled(before.failed, after.failed, after.offered)
            yield _figure(design, "unhandled", "jobs", float(before.failed), float(after.failed), limits, queue=name)


def _good_share(design: Design, predicted: int, measured: int, offered: int, queue: str | None = None) -> LiveFigure:
    of = max(1, offered)
    limits = Limits(0.0, _sampled(predicted, measured, offered).slack / of, sampled=True)
    return _figure(design, "good_share", "share", predicted / of, measured / of, limits, queue=queue)


def _sampled(predicted: int, measured: int, offered: int) -> Limits:
    """Of counts of outcomes. The two had the same jobs and draws, and differ by what timing decides; judged as if the samples were
    independent, which allows more."""
    share = min(1.0, (predicted + measured) / (2 * offered)) if offered else 0.0
    return Limits(JOBS, max(JOBS, STANDARD_ERRORS * sqrt(2 * offered * share * (1 - share))), sampled=True)


def _figure(
    design: Design,
    name: str,
    unit: Unit,
    predicted: float | None,
    measured: float | None,
    limits: Limits,
    *,
    few_complete: bool = False,
    queue: str | None = None,
) -> LiveFigure:
    """A percentile that only one of the two has reached differs, unless a few jobs decide that (`few_complete`)."""
    error: float | None
    if predicted is None or measured is None:
        within, below, error = False, few_complete, None
    else:
        within, below = limits.judge(predicted, measured)
        error = 100 * (measured - predicted) / predicted if predicted else (0.0 if measured == predicted else None)
    return LiveFigure(
        design=design,
        figure=name,
        queue=queue,
        unit=unit,
        predicted=predicted,
        measured=measured,
        error_percent=error,
        within=within,
        below_resolution=below,
    )
