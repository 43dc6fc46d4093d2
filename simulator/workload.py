"""What a job asks of its design on average: calls of its client, attempts, time at the model, pauses, results.

As if no client gave up, and no call were refused, met an outage or a breaker: what those change, only a run shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from simulator import theory
from simulator.plan import SYNCHRONOUS, durations_of, mean_tokens, retries_of
from simulator.redelivery import times_of_service
from simulator.scenario import Scenario
from simulator.services import Service
from simulator.trace_columns import Floats
from simulator.traces import Trace


@dataclass(frozen=True)
class JobWork:
    """Means a job. `calls` are those that a synchronous client sends, 1 in the other designs; `results` is at most 1."""

    calls: float
    attempts: float
    at_model_s: float
    pausing_s: float
    results: float

    @classmethod
    def mixed(cls, shares: Sequence[float], works: Sequence["JobWork"]) -> Self:
        names = ("calls", "attempts", "at_model_s", "pausing_s", "results")
        return cls(*(sum(s * getattr(work, name) for s, work in zip(shares, works, strict=True)) for name in names))


def work_of(scenario: Scenario, design: str, trace: Trace | None, drawn: Floats | None) -> JobWork:
    shares = scenario.event_driven.queues.values()
    return JobWork.mixed([share / sum(shares) for share in shares], work_by_queue(scenario, design, trace, drawn))


def work_by_queue(scenario: Scenario, design: str, trace: Trace | None, drawn: Floats | None) -> list[JobWork]:
    works: dict[int, JobWork] = {}
    for service in scenario.services:
        if id(service) not in works:
            works[id(service)] = _work_of_service(scenario, design, service, trace, drawn)
    return [works[id(service)] for service in scenario.services]


def mean_pausing_s(pauses_s: Sequence[float], fails: float) -> float:
    """The mean time a job spends backing off, over all its retries, if each attempt fails with the probability `fails`."""
    return sum(pause * fails ** (attempt + 1) for attempt, pause in enumerate(pauses_s))


def _work_of_service(
    scenario: Scenario, design: str, service: Service, trace: Trace | None, drawn: Floats | None
) -> JobWork:
    """Jobs that take longer than the call's timeout fail at every attempt, as poison does."""
    poison, fails = scenario.failures.poison_percent / 100, scenario.failures.transient_percent / 100
    timeout_s, failure_s = scenario.provider.call_timeout_s, scenario.failures.failure_s
    answers_s = service.mean_time_s(mean_tokens(scenario, trace), durations_of(trace, drawn))
    too_long = 0.0
    # A model that slows has no time of its own that could be held against a timeout.
    if timeout_s is not None and scenario.provider.slowdown is None:
        times, weights = times_of_service(service, scenario, trace, drawn)
        late = times > timeout_s
        too_long = float(weights[late].sum())
        answers_s = float(times[~late] @ weights[~late]) / (1 - too_long) if too_long < 1 else 0.0
        failure_s = None if failure_s is None else min(failure_s, timeout_s)
    failed_s = answers_s if failure_s is None else failure_s
    late_s = (timeout_s or 0.0) if failure_s is None else fails * failure_s + (1 - fails) * (timeout_s or 0.0)
    late_poison_s = (timeout_s or 0.0) if failure_s is None else failure_s
    shares = [(1 - poison) * (1 - too_long), (1 - poison) * too_long, poison * (1 - too_long), poison * too_long]
    kinds = [(fails, answers_s, failed_s), (1.0, 0.0, late_s), (1.0, 0.0, failed_s), (1.0, 0.0, late_poison_s)]
    present = [(share, kind) for share, kind in zip(shares, kinds, strict=True) if share]
    works = [_work(scenario, design, *kind) for _, kind in present]
    return JobWork.mixed([share for share, _ in present], works)


def _work(scenario: Scenario, design: str, fails: float, answered_s: float, failed_s: float) -> JobWork:
    """Of jobs of which each attempt fails with this probability."""
    retries = retries_of(scenario, design)
    attempts, none = theory.retry_attempts(fails, retries), theory.all_attempts_fail(fails, retries)
    pausing_s = mean_pausing_s(scenario.retries.mean_pauses_s(retries), fails)
    calls = theory.retry_attempts(none, scenario.synchronous.client_retries) if design == SYNCHRONOUS else 1.0
    at_model_s = (1 - none) * answered_s + (attempts - (1 - none)) * failed_s
    return JobWork(calls, calls * attempts, calls * at_model_s, calls * pausing_s, calls * (1 - none))
