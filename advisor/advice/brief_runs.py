"""The share in time of each design from one short run: the peak with the pauses around it, and a steady run for the rest of the cycle."""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from typing import NamedTuple, Self, cast

from advisor.advice.contract import Style
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import alone, any_tolerance, shortened, shortest_peak_s
from advisor.advice.scenario import scenario_of
from core.errors import InvalidInput, Problem
from simulator.arrivals import Arrivals, BurstArrivals, GammaArrivals, PoissonArrivals, RegularArrivals
from simulator.experiment import BriefShare, share_of_one_run
from simulator.plan import designs_of, jobs_of
from simulator.scenario import Scenario
from simulator.stability import Load, load_of

BRIEF_JOBS = 6_000
"""Requests of a short run, rounded up to whole cycles of the peaks."""
PEAK_JOBS, STEADY_JOBS = 3_000, 3_000
"""Requests of a shortened peak, and of the steady run for the rest of its cycle."""
MOST_JOBS_OF_A_BRIEF_RUN = 1_000_000
DRAINS_OVER = 3.0
"""The pause after a peak is this many times as long as its backlog takes to drain."""
PAUSE_JOBS = 500
"""Requests that come before the peak at the least, and after it."""
WORTHWHILE = 0.7
"""Above this part of the cycle's requests the whole cycle is run."""


class _Part(NamedTuple):
    """A run, and how many times each of its requests counts in a whole cycle."""

    scenario: Scenario
    weight: float


@dataclass(frozen=True)
class BriefRuns:
    loads: dict[Style, Load]
    parts: list[_Part]
    """Empty if no design is stable."""

    @classmethod
    def plan(cls, evaluation: Evaluation, without: Collection[str] = ()) -> Self:
        """Those of each design but some. Raise InvalidInput if a cycle of the peaks has too many requests."""
        scenario = scenario_of(evaluation)
        designs = [cast(Style, design) for design in designs_of(scenario) if design not in without]
        loads = {design: load_of(scenario, design, None, None) for design in designs}
        return cls(loads, _parts(scenario, evaluation) if any(load.stable for load in loads.values()) else [])

    @property
    def jobs(self) -> int:
        """How many requests they have together."""
        stable = sum(load.stable for load in self.loads.values())
        return stable * sum(jobs_of(part.scenario, None) for part in self.parts)

    def shares(self, *, enough_missed: float = inf) -> dict[Style, BriefShare]:
        """Raise as `simulate`.

        A run ends early once its design misses more than the share `enough_missed`, and may miss more still than is then known.
        """
        return {design: _of_design(self.parts, design, load, enough_missed) for design, load in self.loads.items()}


def _of_design(parts: list[_Part], design: str, load: Load, enough_missed: float) -> BriefShare:
    if not load.stable:
        return BriefShare(0.0, False)
    all_jobs, missed, runs = sum(part.weight for part in parts), 0.0, list[BriefShare]()
    for part in parts:
        enough_of_part = (enough_missed - missed) * all_jobs / part.weight if part.weight > 0 else inf
        run = _run_design(_Run.of(part.scenario, design), load, enough_of_part if enough_of_part < 1 else inf)
        missed += part.weight * (1 - run.in_time) / all_jobs
        runs.append(run)
        if missed > enough_missed:
            break
    return BriefShare(min(1.0, max(0.0, 1 - missed)), all(run.stable for run in runs), all(run.settled for run in runs))


@dataclass(frozen=True)
class _Run:
    """A design's run, equal to others by what it depends on."""

    key: str
    scenario: Scenario = field(compare=False)
    design: str

    @classmethod
    def of(cls, scenario: Scenario, design: str) -> Self:
        lone = alone(any_tolerance(scenario), design)
        return cls(lone.model_dump_json(by_alias=True), lone, design)


@lru_cache(maxsize=1024)
def _run_design(run: _Run, load: Load, enough_missed: float) -> BriefShare:
    return share_of_one_run(run.scenario, run.design, load, enough_missed=enough_missed)


def _parts(scenario: Scenario, evaluation: Evaluation) -> list[_Part]:
    arrivals, shortest_s = scenario.arrivals, shortest_peak_s(evaluation, scenario)
    if scenario.backlog_jobs:
        return _after_the_backlog(scenario, evaluation, shortest_s)
    if isinstance(arrivals, BurstArrivals) and scenario.provider.requests_per_day is None:
        parts = _around_the_peak(scenario, arrivals, evaluation, shortest_s)
        if parts:
            return parts
    whole = shortened(scenario, BRIEF_JOBS, shortest_peak_s=shortest_s)
    if (in_cycle := jobs_of(whole, None)) > MOST_JOBS_OF_A_BRIEF_RUN:
        raise InvalidInput([Problem("volume", f"one cycle of the peaks has {in_cycle:,} requests")])
    return [_Part(whole, 1.0)]


def _after_the_backlog(scenario: Scenario, evaluation: Evaluation, shortest_s: float) -> list[_Part]:
    """A short run with the jobs that are there at the start, and the rest of a run as it is without them."""
    ordinary = scenario.model_copy(update={"backlog_jobs": 0})
    started = shortened(ordinary, BRIEF_JOBS, shortest_peak_s=shortest_s)
    started = started.model_copy(update={"backlog_jobs": scenario.backlog_jobs, "warmup_jobs": 0})
    jobs = jobs_of(started, None)
    later = _parts(ordinary, evaluation)
    each = max(0.0, jobs_of(scenario, None) - jobs) / sum(part.weight for part in later)
    return [_Part(started, jobs), *(part._replace(weight=part.weight * each) for part in later)]


def _around_the_peak(
    scenario: Scenario, arrivals: BurstArrivals, evaluation: Evaluation, shortest_s: float
) -> list[_Part]:
    """The peak with as much of the cycle as its backlog takes to drain, and a steady run of the rest; nothing if that saves little.

    Misses of the peak with its pauses are m = m_peak n_peak + m_pause n_pause; the steady run tells m_pause.
    """
    peak_rate = arrivals.rate_per_s * arrivals.peak_to_mean
    peak_jobs, cycle_jobs = peak_rate * arrivals.peak_s, arrivals.rate_per_s * arrivals.every_s
    pause_s = arrivals.every_s - arrivals.peak_s
    pause_rate = max(0.0, (cycle_jobs - peak_jobs) / pause_s)
    capacity = evaluation.point.capacity
    served = min(capacity.sync_cap, capacity.cap)
    if pause_rate * arrivals.every_s < 1 or served <= pause_rate * (1 + 1e-9):
        return []
    backlog = max(0.0, (peak_rate - served) * arrivals.peak_s)
    work = evaluation.point.work
    settles_s = 10 * work.p99_s + DRAINS_OVER * backlog / (served - pause_rate)
    brief_pause_s = 2 * max(settles_s, PAUSE_JOBS / pause_rate)
    peak_s = min(arrivals.peak_s, max(shortest_s, 10 * work.p99_s, PEAK_JOBS / peak_rate))
    jobs = peak_rate * peak_s + pause_rate * brief_pause_s
    if jobs > MOST_JOBS_OF_A_BRIEF_RUN or jobs + STEADY_JOBS > WORTHWHILE * cycle_jobs or brief_pause_s >= pause_s:
        return []
    every_s = peak_s + brief_pause_s
    mean_rate = jobs / every_s
    brief = BurstArrivals(
        process="bursts",
        rate_per_s=mean_rate,
        peak_to_mean=min(peak_rate / mean_rate, every_s / peak_s),
        peak_s=peak_s,
        every_s=every_s,
        cv=arrivals.cv,
    )
    times = peak_jobs / (peak_rate * peak_s)
    rest = cycle_jobs - peak_jobs - times * pause_rate * brief_pause_s
    return [
        _Part(scenario.model_copy(update={"arrivals": brief, "jobs": 1, "warmup_jobs": 0}), times * jobs),
        _Part(
            scenario.model_copy(
                update={
                    "arrivals": _steady(pause_rate, arrivals.cv),
                    "jobs": STEADY_JOBS,
                    "warmup_jobs": STEADY_JOBS // 20,
                }
            ),
            rest,
        ),
    ]


def _steady(rate_per_s: float, cv: float) -> Arrivals:
    if cv == 0:
        return RegularArrivals(process="regular", rate_per_s=rate_per_s)
    if cv == 1:
        return PoissonArrivals(process="poisson", rate_per_s=rate_per_s)
    return GammaArrivals(process="gamma", rate_per_s=rate_per_s, cv=cv)
