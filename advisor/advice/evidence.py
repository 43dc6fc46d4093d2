"""What the kernel finds for a workload as it is advised: a short run of each style, long enough to conclude if the budget allows."""

from bisect import bisect_left
from functools import lru_cache

from advisor.advice.contract import ClassEvidence, Evidence, Style, StyleEvidence
from advisor.advice.evaluation import Evaluation
from advisor.advice.scenario import scenario_of
from simulator.arrivals import TraceArrivals
from simulator.conclusions import share_of_design, wanted_share
from simulator.plan import EVENT_DRIVEN, HYBRID, SYNCHRONOUS
from simulator.result import ClassResult, DesignResult, Result
from simulator.scenario import Scenario
from simulator.sequential import Looks
from simulator.simulate import simulate
from simulator.traces import Trace

EVIDENCE_JOBS = 20_000
"""Jobs of a replication, rounded up to whole cycles of the peaks."""
EVIDENCE_LOOKS = Looks((3, 5, 8, 12), most_jobs=400_000)
_WARM_UP_SHARE = 20


def evidence_of(evaluation: Evaluation, trace: Trace | None = None) -> Evidence | None:
    """None if the answers replay a recording that is not given."""
    scenario = scenario_of(evaluation)
    if isinstance(scenario.arrivals, TraceArrivals) and trace is None:
        return None
    return gather_evidence(scenario, trace)


def gather_evidence(scenario: Scenario, trace: Trace | None = None) -> Evidence:
    """The evidence of a Scenario with a deadline. Raise as `simulate`."""
    if trace is None:
        return _cached(shortened(scenario).model_dump_json(by_alias=True))
    return _simulate(scenario, trace)


@lru_cache(maxsize=32)
def _cached(scenario_json: str) -> Evidence:
    return _simulate(Scenario.model_validate_json(scenario_json))


def _simulate(scenario: Scenario, trace: Trace | None = None) -> Evidence:
    return summarize_evidence(scenario, simulate(scenario, trace=trace, windows=False, looks=EVIDENCE_LOOKS))


def shortened(scenario: Scenario) -> Scenario:
    """The Scenario with as few jobs as the evidence has in one replication."""
    if scenario.jobs is None or scenario.jobs <= EVIDENCE_JOBS:
        return scenario
    warmup = min(scenario.warmup_jobs, EVIDENCE_JOBS // _WARM_UP_SHARE)
    return scenario.model_copy(update={"jobs": EVIDENCE_JOBS, "warmup_jobs": warmup})


def summarize_evidence(scenario: Scenario, result: Result) -> Evidence:
    """A run of any length as evidence."""
    designs: dict[Style, DesignResult | None] = {
        SYNCHRONOUS: result.synchronous,
        EVENT_DRIVEN: result.event_driven,
        HYBRID: result.hybrid,
    }
    deadline_s = scenario.deadline_s
    if deadline_s is None:
        raise ValueError("evidence needs a deadline")
    return Evidence(
        jobs=result.synchronous.offered,
        replications=result.replications,
        deadline_s=deadline_s if isinstance(deadline_s, float) else max(deadline_s.values()),
        wanted_share=wanted_share(scenario),
        styles={style: _of_design(design, scenario) for style, design in designs.items() if design is not None},
    )


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
