from dataclasses import dataclass

from advisor.advice.evaluation import Evaluation
from advisor.advice.recommendation import recommend
from advisor.advice.scenario import counts_every_job, scenario_of
from advisor.sweeps.contract import Cell, GoodShare
from advisor.sweeps.grid import Grid, Point
from simulator.arrivals import TraceArrivals
from simulator.result import DesignResult
from simulator.scenario import Scenario
from simulator.simulate import OnProgress, simulate
from simulator.traces import Trace

WARM_UP_SHARE = 20
"""One job in this many is left out at the start of a stationary run."""
WHOLE_CYCLES = 4
"""Replications of a workload with peaks: the batches of a single cycle differ as its hours do, so only replications tell how sure a share is."""


@dataclass(frozen=True)
class Length:
    scenario: Scenario
    replications: int


def cut(scenario: Scenario, jobs: int, seed: int) -> Length:
    """`jobs` are rounded up to whole cycles of peaks; a trace is replayed as it is; no hybrid."""
    every_job = counts_every_job(scenario.arrivals)
    length = scenario.model_copy(
        update={
            "jobs": None if isinstance(scenario.arrivals, TraceArrivals) else jobs,
            "warmup_jobs": 0 if every_job else jobs // WARM_UP_SHARE,
            "seed": seed,
            "hybrid": None,
        }
    )
    return Length(length, WHOLE_CYCLES if every_job else 1)


def simulate_cell(grid: Grid, point: Point, trace: Trace | None = None, on_progress: OnProgress | None = None) -> Cell:
    """Runs on this thread alone. What `on_progress` raises stops it."""
    answers = grid.answers_at(point)
    evaluation = Evaluation.from_answers(answers)
    recommendation = recommend(evaluation, flips=False)
    length = cut(scenario_of(evaluation, recommendation), grid.jobs, grid.seed)
    result = simulate(
        length.scenario, trace=trace, replications=length.replications, threads=1, on_progress=on_progress
    )
    x, y = point
    return Cell(
        x=x,
        y=y,
        style=recommendation.style,
        verdict=result.verdict,
        margin=_margin(length.scenario, result.synchronous, result.event_driven),
        synchronous=good_share(result.synchronous),
        event_driven=good_share(result.event_driven),
    )


def good_share(design: DesignResult) -> GoodShare:
    low, high = design.intervals.get("good_share", (0.0, 1.0))
    return GoodShare(good_share=design.good_share, low=low, high=high, stable=design.stable)


def _margin(scenario: Scenario, *designs: DesignResult) -> float | None:
    if scenario.deadline_s is None:
        return None
    best = max(design.good_share if design.stable else 0.0 for design in designs)
    return best - (1 - scenario.tolerated_miss_percent / 100)
