"""What deliveries that end early cost: the mean time and number of deliveries that an attempt at a job takes the consumers."""

from dataclasses import dataclass
from math import inf
from statistics import NormalDist

import numpy as np

from core.units import HOUR_S
from simulator.plan import durations_of, jobs_of
from simulator.scenario import Scenario
from simulator.services import (
    EmpiricalService,
    ExponentialService,
    GammaService,
    LognormalService,
    Service,
    TokensService,
)
from simulator.trace_columns import Floats
from simulator.traces import Trace

RARE_JOBS = 1e-3
"""Jobs of a run, in expectation, that may be delivered for ever without the run counting as growing: fewer do not occur."""
GAMMA_DRAWS = 100_000
_EDGES = np.concatenate([np.linspace(1.0, 0.001, 800)[:-1], np.geomspace(0.001, 1e-12, 80)])
_EXCEEDED, _WEIGHTS = (_EDGES[:-1] + _EDGES[1:]) / 2, -np.diff(_EDGES) / (_EDGES[0] - _EDGES[-1])
"""Probabilities that a time exceeds a quantile, finer towards the longest ones, and their weights."""
_NORMALS = np.array([-NormalDist().inv_cdf(exceeded) for exceeded in _EXCEEDED])


@dataclass(frozen=True)
class Deliveries:
    """Means of one attempt at a job, as if its call did not fail."""

    busy_s: float
    """That consumers work on it; the dispatch cost included."""
    number: float

    @property
    def endless(self) -> bool:
        return self.busy_s == inf


def service_times(scenario: Scenario, trace: Trace | None, drawn: Floats | None) -> tuple[Floats, Floats]:
    """Times of one attempt at the model, and their weights, which sum to 1."""
    shares = np.array(list(scenario.event_driven.queues.values()))
    each = [times_of_service(service, scenario, trace, drawn) for service in scenario.services]
    weights = [share * weights for share, (_, weights) in zip(shares / shares.sum(), each, strict=True)]
    return np.concatenate([times for times, _ in each]), np.concatenate(weights)


def times_of_service(
    service: Service, scenario: Scenario, trace: Trace | None, drawn: Floats | None
) -> tuple[Floats, Floats]:
    """Times of one attempt at the model, and their weights, which sum to 1."""
    match service:
        case ExponentialService():
            return -service.mean_s * np.log(_EXCEEDED), _WEIGHTS
        case LognormalService():
            return service.through.quantile_s(_NORMALS), _WEIGHTS
        case GammaService():
            times = np.random.default_rng(1).gamma(*service.parameters[:2], GAMMA_DRAWS)
        case EmpiricalService():
            known = durations_of(trace, drawn)
            times = np.array([0.0]) if known is None else np.asarray(known)
        case TokensService() if trace is not None and trace.output_tokens is not None:
            times = service.base_s + service.per_output_token_s * trace.output_tokens
        case _:
            times = np.array([service.mean_time_s(scenario.provider.output_tokens, None)])
    return times, np.full(len(times), 1 / len(times))


def deliveries_of(scenario: Scenario, trace: Trace | None, drawn: Floats | None) -> Deliveries:
    """Those of the event-driven design; infinite if some job is delivered for ever. Failed calls count as long as they would take to succeed.

    A copy of work that goes on after its lease, and whose result counts, is left out: it takes only consumers that would be idle, because
    it is dropped if the work ends before it begins.
    """
    design, most = scenario.event_driven, float(scenario.event_driven.max_deliveries or inf)
    times, weights = service_times(scenario, trace, drawn)
    works = np.minimum(times, scenario.provider.call_timeout_s or inf) + design.dispatch_s
    lease, crashes_per_s = design.lease_s or inf, design.crashes_per_hour / HOUR_S
    too_long = (works > lease) & (design.lease_ends != "redelivers")
    held = np.minimum(works, lease) if design.lease_ends == "stops" else works
    survives = np.exp(-crashes_per_s * held)
    busy = (1 - survives) / crashes_per_s if crashes_per_s > 0 else held
    ends_well = np.where(too_long, 0.0, survives)
    if design.acknowledges == "early":
        number = np.ones_like(works)
    elif most == inf:
        if weights[ends_well == 0].sum() * jobs_of(scenario, trace) >= RARE_JOBS:
            return Deliveries(inf, inf)
        number = 1 / np.where(ends_well > 0, ends_well, 1.0)
    else:
        number = np.where(ends_well > 0, (1 - (1 - ends_well) ** most) / np.where(ends_well > 0, ends_well, 1.0), most)
    return Deliveries(float(np.dot(busy * number, weights)), float(np.dot(number, weights)))
