"""One peak of the plan, and the stated outage in it, at the resolution at which a queue is watched: one run of the event-driven design each."""

import math
from functools import lru_cache

from advisor.advice import recovery
from advisor.advice.contract import CircuitBreakerPlan, DesignPlan, OutageEvidence
from advisor.advice.evaluation import Evaluation
from advisor.advice.outage_scenario import JOBS_BEFORE, build_outage_scenario, outage_start_s
from advisor.advice.scenario import scenario_of
from core.errors import InvalidInput
from simulator.arrivals import BurstArrivals, TraceArrivals
from simulator.experiment import tally_of_one_run
from simulator.plan import EVENT_DRIVEN, jobs_of, rate_of
from simulator.scenario import Scenario
from simulator.tally import Tally

MOST_JOBS_OF_A_PEAK = 200_000
"""A peak, or an outage, with more jobs is left to the long run."""
LONGER_THAN_THE_DRAIN = 1.5
"""The pause after a peak that is run, as a multiple of what the formulas say the backlog takes to clear."""
FEWEST_FAILURES, PAUSE_S = 5, 10.0
BY_CHANCE = 1e-9
"""How likely a run of failures may be to open the circuit while there is no outage, at each call."""
MOST_FAILURES = 20
MOST_LATER = 0.05
"""The share of the requests that may miss their deadline for others to be kept."""


def breaker_of(evaluation: Evaluation) -> CircuitBreakerPlan | None:
    """A circuit breaker that calls which fail one by one do not open; None if no outage is stated, or too many calls fail anyway."""
    point = evaluation.point
    if point.load.outage_s <= 0:
        return None
    fails = point.failure.transient
    failures = (
        FEWEST_FAILURES
        if fails <= 0
        else max(FEWEST_FAILURES, math.ceil(math.log(BY_CHANCE) / math.log(fails)))
        if fails < 1
        else math.inf
    )
    return CircuitBreakerPlan(failures=int(failures), pause_s=PAUSE_S) if failures <= MOST_FAILURES else None


def with_breaker(evaluation: Evaluation, plan: DesignPlan) -> DesignPlan:
    """The plan with a circuit breaker, if more requests are in time with it in the stated outage, or fewer are given up.

    What is kept until the provider is back makes what comes later wait: if that costs too many of them their deadline, and some may be lost,
    it is better given up.
    """
    breaker = breaker_of(evaluation)
    if breaker is None:
        return plan
    other = plan.model_copy(update={"breaker": breaker})
    without, having = _outage_run(evaluation, plan), _outage_run(evaluation, other)
    if without is None or having is None:
        return plan
    more_in_time = having[1].good_share - without[1].good_share
    may_be_late = more_in_time >= -MOST_LATER or evaluation.answers.resilience.max_lost_jobs == 0
    keeps_more = _given_up(having[1]) < _given_up(without[1])
    return other if more_in_time > 0 or (keeps_more and may_be_late) else plan


def _given_up(tally: Tally) -> float:
    return (tally.counts["dead_lettered"] + tally.counts["failed"]) / max(1, tally.counts["offered"])


def _outage_run(evaluation: Evaluation, plan: DesignPlan) -> tuple[Scenario, Tally] | None:
    scenario = build_outage_scenario(one_peak(evaluation, plan), evaluation.answers)
    tally = None if scenario is None else _tally_of(scenario)
    return None if scenario is None or tally is None else (scenario, tally)


def good_shares_in_peak_and_outage(evaluation: Evaluation, plan: DesignPlan) -> dict[str, float]:
    """By what is simulated: neither if there are no peaks and no outage is stated, or if the runs would take too long."""
    scenario, run = one_peak(evaluation, plan), _outage_run(evaluation, plan)
    tally = _tally_of(scenario) if isinstance(scenario.arrivals, BurstArrivals) else None
    shares = {} if tally is None else {"peak": tally.good_share}
    return shares if run is None else shares | {"outage": run[1].good_share}


def outage_of(evaluation: Evaluation, plan: DesignPlan) -> OutageEvidence | None:
    """None if no outage is stated, or the run would take too long, or cannot be made."""
    run = _outage_run(evaluation, plan)
    if run is None:
        return None
    scenario, tally = run
    outage = scenario.provider.outages[-1]
    end_s = outage.start_s + outage.length_s
    drains_s = _drained_s(tally, outage.start_s, end_s, _last_arrival_s(scenario))
    without_s = _peak_drained_at_s(one_peak(evaluation, plan))
    recovers_s = end_s + drains_s - max(end_s, without_s or 0.0)
    return OutageEvidence(
        length_s=outage.length_s,
        good_share=tally.good_share,
        given_up_share=_given_up(tally),
        queue_depth_max=tally.depth_max,
        drain_s=drains_s if math.isfinite(drains_s) else None,
        recovery_s=max(0.0, recovers_s) if math.isfinite(recovers_s) else None,
    )


def peak_drain_s(evaluation: Evaluation, plan: DesignPlan) -> float | None:
    """From the end of a peak until the queue is no longer than before it; infinite if it is not before the next; None as `outage_of`."""
    scenario = one_peak(evaluation, plan)
    drained_s = _peak_drained_at_s(scenario)
    return None if drained_s is None else drained_s - _peak_ends_s(scenario)


def _peak_drained_at_s(scenario: Scenario) -> float | None:
    tally = _tally_of(scenario) if isinstance(scenario.arrivals, BurstArrivals) else None
    if tally is None:
        return None
    start_s, end_s = outage_start_s(scenario, rate_of(scenario, None)), _peak_ends_s(scenario)
    return end_s + _drained_s(tally, start_s, end_s, _last_arrival_s(scenario))


def _peak_ends_s(scenario: Scenario) -> float:
    peak_s = scenario.arrivals.peak_s if isinstance(scenario.arrivals, BurstArrivals) else 0.0
    return outage_start_s(scenario, rate_of(scenario, None)) + peak_s


def one_peak(evaluation: Evaluation, plan: DesignPlan) -> Scenario:
    """One cycle of the peaks, its pauses shortened to what is needed to see the peak and what follows; without peaks the scenario itself."""
    scenario, point = scenario_of(evaluation, plan), evaluation.point
    arrivals = scenario.arrivals
    if not isinstance(arrivals, BurstArrivals):
        return scenario
    between = recovery.between_peaks(point)
    capacity = _capacity(evaluation, scenario)
    outage_s, within_s = point.load.outage_s, 60 * evaluation.answers.resilience.recover_within_minutes
    gathers = point.load.peak_rate * outage_s + max(0.0, point.load.peak_rate - capacity) * arrivals.peak_s
    drains_s = recovery.drain_time_s(point, gathers, capacity)
    wanted_s = max(
        JOBS_BEFORE / between if between > 0 else 0.0,
        LONGER_THAN_THE_DRAIN * drains_s,
        outage_s + max(outage_s, within_s),
    )
    pause_s = min(arrivals.every_s - arrivals.peak_s, 2 * wanted_s)
    every_s = arrivals.peak_s + pause_s
    jobs = point.load.peak_rate * arrivals.peak_s + between * pause_s
    rate = jobs / every_s
    shorter = arrivals.model_copy(
        update={"every_s": every_s, "rate_per_s": rate, "peak_to_mean": max(1.0, point.load.peak_rate / rate)}
    )
    return scenario.model_copy(update={"arrivals": shorter, "jobs": 1, "duration_s": None, "warmup_jobs": 0})


def _capacity(evaluation: Evaluation, scenario: Scenario) -> float:
    """Jobs a second that the planned consumers do."""
    point = evaluation.point
    return min(point.capacity.cap, scenario.event_driven.consumers / (point.work.mean_s * point.failure.attempts))


def _tally_of(scenario: Scenario) -> Tally | None:
    if isinstance(scenario.arrivals, TraceArrivals) or jobs_of(scenario, None) > MOST_JOBS_OF_A_PEAK:
        return None
    try:
        return _tally(scenario.model_dump_json(by_alias=True))
    except (InvalidInput, MemoryError):
        return None


@lru_cache(maxsize=32)
def _tally(scenario_json: str) -> Tally:
    return tally_of_one_run(Scenario.model_validate_json(scenario_json), EVENT_DRIVEN)[0]


def _last_arrival_s(scenario: Scenario) -> float:
    return jobs_of(scenario, None) / rate_of(scenario, None)


def _drained_s(tally: Tally, start_s: float, end_s: float, until_s: float) -> float:
    """From `end_s` until the queue is first no longer than it was at its longest before `start_s`; infinite if it is not by `until_s`."""
    ends_s, depths = tally.queue_depths()
    before = depths[ends_s <= start_s]
    usual = float(before.max()) if len(before) else 0.0
    drained = ends_s[(ends_s > end_s) & (ends_s <= until_s) & (depths <= usual)]
    return max(0.0, float(drained[0]) - tally.bin_width_s - end_s) if len(drained) else math.inf
