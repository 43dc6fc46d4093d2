"""What the kernel finds for a workload as it is advised: a short run of each style, long enough to conclude if the budget allows."""

from bisect import bisect_left
from collections.abc import Mapping
from functools import lru_cache
from math import inf, sqrt
from typing import cast

from advisor.advice.contract import ClassEvidence, DesignPlan, Evidence, Style, StyleEvidence
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence_sentences import long_cycle_reason
from advisor.advice.scenario import scenario_of
from advisor.advice.sizing import consumers_at_work
from core.errors import InvalidInput, Problem
from core.units import DAY_S
from simulator.arrivals import BurstArrivals, TraceArrivals
from simulator.conclusions import share_of_design, wanted_share
from simulator.experiment import brief_results, conclude_design
from simulator.plan import EVENT_DRIVEN, HYBRID, SYNCHRONOUS, designs_of, jobs_of
from simulator.result import ClassResult, Conclusion, DesignResult, Result
from simulator.scenario import Scenario
from simulator.sequential import FULL_LOOKS, Looks
from simulator.traces import Trace

EVIDENCE_JOBS = 20_000
"""Jobs of a replication, rounded up to whole cycles of the peaks."""
SHORTEST_PEAK_S = 120.0
"""Cycles are shortened to the jobs of a replication, and peaks to this time: a minute's quota is used up in it."""
KEEPS_UP = 0.98
"""The peak's part of the capacity up to which no backlog gathers."""
RELAXATIONS = 50
"""A shortened peak is at least this many times the relaxation time of the queue."""
MOST_JOBS_A_REPLICATION = 4_000_000
"""Whole cycles of the peaks with more jobs are left to the long run."""
MOST_ROWS_LOOKED_AT_IN_FULL = 20_000
EVIDENCE_LOOKS = Looks((3, 5, 8, 12), most_jobs=400_000)
LONG_CYCLE_JOBS, LONG_CYCLE_LOOKS = 1_000_000, Looks((2, 3), most_jobs=3 * MOST_JOBS_A_REPLICATION)
"""Cycles with that many jobs differ so little that two are mostly enough; the interval says so, with one degree of freedom."""
_WARM_UP_SHARE = 20


def evidence_of(evaluation: Evaluation, trace: Trace | None = None, plan: DesignPlan | None = None) -> Evidence | None:
    """The evidence of answers with a deadline; None if they replay a recording that is not given.

    Without a plan as many consumers as are allowed: what they miss, every plan misses.

    Raises:
        InvalidInput: as `simulate`, or because a cycle of the peaks has too many jobs for a short run.
    """
    scenario = scenario_of(evaluation, plan)
    if isinstance(scenario.arrivals, TraceArrivals):
        return None if trace is None else _simulate(scenario, trace)
    return _cached(brief_scenario_json(evaluation, EVIDENCE_JOBS, MOST_JOBS_A_REPLICATION, plan))


def brief_scenario_json(evaluation: Evaluation, jobs: int, most_jobs: int, plan: DesignPlan | None = None) -> str:
    """The Scenario of a short run, as the key of a cache. Raises InvalidInput if a cycle of its peaks has more than `most_jobs`."""
    return brief_scenario(evaluation, jobs, most_jobs, plan).model_dump_json(by_alias=True)


def conclusions_of(evaluation: Evaluation, styles: tuple[Style, ...]) -> dict[Style, Conclusion]:
    """The conclusions of the evidence for these styles, without the rest of it and without a plan. Raise as `evidence_of`."""
    scenario = brief_scenario(evaluation, EVIDENCE_JOBS, MOST_JOBS_A_REPLICATION)
    return {style: _concluded(alone(scenario, style).model_dump_json(by_alias=True), style) for style in styles}


def evidence_jobs(evaluation: Evaluation) -> int:
    """How many requests the evidence simulates of each style at the least. Raise as `evidence_of`."""
    scenario = brief_scenario(evaluation, EVIDENCE_JOBS, MOST_JOBS_A_REPLICATION)
    return EVIDENCE_LOOKS.first * jobs_of(scenario, None)


@lru_cache(maxsize=1024)
def _concluded(scenario_json: str, style: Style) -> Conclusion:
    scenario = Scenario.model_validate_json(scenario_json)
    return conclude_design(scenario, style, _looks(scenario))


def alone(scenario: Scenario, design: str) -> Scenario:
    """The Scenario without what concerns other designs alone, so that a run is not repeated if only that changes."""
    synchronous, events = scenario.synchronous, scenario.event_driven
    if design == EVENT_DRIVEN:
        server = {"workers": 1, "backlog": None, "client_timeout_s": None, "hops": ()}
        synchronous = synchronous.model_copy(update=server)
    elif design == SYNCHRONOUS:
        shared = {"consumers": 1, "queue_consumers": None, "discipline": "strict"}
        events = events.model_copy(update={**shared, "expires_s": None, "circuit_breaker": False})
    hybrid = scenario.hybrid if design not in (SYNCHRONOUS, EVENT_DRIVEN) else None
    return scenario.model_copy(update={"synchronous": synchronous, "event_driven": events, "hybrid": hybrid})


def run_key(scenario: Scenario, design: str) -> str:
    """What one replication of a design depends on. Scenarios have no hash, and their JSON is quicker than reading it back."""
    return alone(any_tolerance(scenario), design).model_dump_json(by_alias=True)


def any_tolerance(scenario: Scenario) -> Scenario:
    """What is tolerated changes what is concluded of a run, and not the run."""
    default = Scenario.model_fields["tolerated_miss_percent"].default
    return scenario.model_copy(update={"tolerated_miss_percent": default})


def brief_scenario(evaluation: Evaluation, jobs: int, most_jobs: int, plan: DesignPlan | None = None) -> Scenario:
    """A recording is replayed as a whole."""
    scenario = scenario_of(evaluation, plan)
    if isinstance(scenario.arrivals, TraceArrivals):
        return scenario
    short = shortened(scenario, jobs, shortest_peak_s=shortest_peak_s(evaluation, scenario))
    if (in_cycle := jobs_of(short, None)) > most_jobs:
        raise InvalidInput([Problem("", long_cycle_reason(scenario, in_cycle, most_jobs))])
    return short


@lru_cache(maxsize=32)
def _cached(scenario_json: str) -> Evidence:
    return _simulate(Scenario.model_validate_json(scenario_json))


def _simulate(scenario: Scenario, trace: Trace | None = None) -> Evidence:
    looks = _looks(scenario) if trace is None else _looks_of_recording(trace)
    kept_as = {} if trace is not None else {design: run_key(scenario, design) for design in designs_of(scenario)}
    replications, designs = brief_results(scenario, trace=trace, looks=looks, kept_as=kept_as)
    return _summarized(scenario, replications, designs)


def _looks_of_recording(trace: Trace) -> Looks:
    """Those of the long run if it takes little time: it alone shows by how much resamples of the recording differ."""
    return FULL_LOOKS if trace.requests <= MOST_ROWS_LOOKED_AT_IN_FULL else EVIDENCE_LOOKS


def _looks(scenario: Scenario) -> Looks:
    return LONG_CYCLE_LOOKS if jobs_of(scenario, None) >= LONG_CYCLE_JOBS else EVIDENCE_LOOKS


def shortest_peak_s(evaluation: Evaluation, scenario: Scenario) -> float:
    """How short a peak may be made, because no backlog gathers in it; infinite if one does.

    The relaxation time of M/M/c is 1 / (c mu (1 - sqrt(rho))^2).
    Source: J. W. Cohen, The Single Server Queue, 2nd edition, 1982, for one server; c servers in heavy traffic are one that is c times as fast.
    """
    point, design = evaluation.point, scenario.event_driven
    if design.discipline != "strict":
        return inf
    at_work = consumers_at_work(point)
    load = max(at_work / design.consumers, point.capacity.peak_load)
    if load > KEEPS_UP:
        return inf
    relaxation_s = load / (point.load.peak_rate * (1 - sqrt(load)) ** 2)
    return max(SHORTEST_PEAK_S, RELAXATIONS * relaxation_s)


def shortened(scenario: Scenario, jobs: int = EVIDENCE_JOBS, *, shortest_peak_s: float = inf) -> Scenario:
    """The Scenario with as few jobs as the evidence, or a trial, has in one replication.

    A cycle is run in fewer jobs by shortening its peak and its pause alike, down to peaks of `shortest_peak_s`. What happens once in a run,
    jobs that are there at its start, would count for more in a shorter one; a day's quota is used up only in a peak of its own length.
    """
    if scenario.jobs is None or scenario.jobs <= jobs or scenario.backlog_jobs:
        return scenario
    warmup = min(scenario.warmup_jobs, jobs // _WARM_UP_SHARE)
    short = scenario.model_copy(update={"jobs": jobs, "warmup_jobs": warmup})
    arrivals = scenario.arrivals
    if not isinstance(arrivals, BurstArrivals):
        return short
    if scenario.provider.requests_per_day is not None and arrivals.every_s > DAY_S:
        return short
    factor = min(arrivals.rate_per_s * arrivals.every_s / jobs, arrivals.peak_s / shortest_peak_s)
    if factor <= 1:
        return short
    cycle = {"peak_s": arrivals.peak_s / factor, "every_s": arrivals.every_s / factor}
    return short.model_copy(update={"arrivals": arrivals.model_copy(update=cycle)})


def summarize_evidence(scenario: Scenario, result: Result) -> Evidence:
    """A run of any length as evidence."""
    designs = {SYNCHRONOUS: result.synchronous, EVENT_DRIVEN: result.event_driven}
    if result.hybrid is not None:
        designs[HYBRID] = result.hybrid
    return _summarized(scenario, result.replications, designs)


def _summarized(scenario: Scenario, replications: int, designs: Mapping[str, DesignResult]) -> Evidence:
    deadline_s = scenario.deadline_s
    if deadline_s is None:
        raise ValueError("evidence needs a deadline")
    return Evidence(
        jobs=designs[SYNCHRONOUS].offered,
        replications=replications,
        deadline_s=deadline_s if isinstance(deadline_s, float) else max(deadline_s.values()),
        wanted_share=wanted_share(scenario),
        styles={cast(Style, name): _of_design(design, scenario) for name, design in designs.items()},
    )


def longer_evidence(result: Result, scenario: Scenario) -> Evidence | None:
    """None for a live run, which measures a machine, and without a deadline."""
    if result.engine == "live" or scenario.deadline_s is None:
        return None
    return summarize_evidence(scenario, result)


def _of_design(design: DesignResult, scenario: Scenario) -> StyleEvidence:
    share = share_of_design(design, scenario)
    offered = max(1, design.offered)
    return StyleEvidence(
        conclusion=share.conclude(wanted_share(scenario)),
        good_share=design.good_share,
        low=share.low,
        high=share.high,
        late_share=design.late / offered,
        refused_share=design.rejected / offered,
        timed_out_share=design.timed_out / offered,
        failed_share=(design.failed + design.dead_lettered) / offered,
        undelivered_share=design.undelivered / offered,
        lost_share=design.lost / offered,
        stable=design.stable,
        growth_per_min=design.growth_per_min,
        latency_s=design.latency_s,
        wait_s=design.wait_s,
        reached_s=_reached_s(design, wanted_share(scenario)),
        queue_depth_max=design.queue_depth.max,
        lag_max_s=design.lag_s.max,
        in_flight_max=max(design.series.in_flight, default=0.0),
        subscribers_p95_s=max(
            (one.latency_s.p95 for one in design.subscribers.values() if one.latency_s.p95 is not None), default=None
        ),
        utilisation=design.utilisation,
        calls_per_job=design.provider_calls / offered,
        delivery_calls_per_job=design.delivery_calls / offered,
        classes={name: _of_class(one) for name, one in design.classes.items() if one.offered},
    )


def _of_class(result: ClassResult) -> ClassEvidence:
    low, high = result.intervals.get("good_share", (0.0, 1.0))
    return ClassEvidence(
        good_share=result.good_share,
        low=low,
        high=high,
        wait_p95_s=result.wait_s.p95,
        wait_max_s=result.wait_s.max,
    )


def _reached_s(design: DesignResult, wanted: float) -> float | None:
    place = bisect_left(design.curve.share, wanted)
    return design.curve.latency_s[place] if place < len(design.curve.latency_s) else None
