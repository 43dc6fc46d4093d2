"""Runs a Scenario through both designs with common random numbers: replications, intervals, the paired difference and the verdict."""

from dataclasses import dataclass
from math import ceil

from core.errors import InvalidInput, Problem
from core.values import rounded
from simulator.arrivals import TraceArrivals
from simulator.memory import memory_bytes
from simulator.plan import EVENT_DRIVEN, HYBRID, SYNCHRONOUS, Floats, designs_of, jobs_of, servers_of
from simulator.replications import OnProgress, Progress, Runner, warm
from simulator.result import DesignResult, Interval, Result
from simulator.scenario import Scenario
from simulator.services import EmpiricalService
from simulator.stability import growth_per_min, load_of, may_grow_by_retries
from simulator.statistics import HALF_WIDTH_WANTED, half_width
from simulator.summary import DIGITS, design_result, differences
from simulator.traces import Trace
from simulator.verdict import Share, inequalities_of, verdict_of

__all__ = ["Estimate", "OnProgress", "Progress", "estimate", "simulate", "unsupported", "warm"]

FEWEST, MOST, STEP = 10, 50, 5
"""Automatic replications: at least, at most, and how many are added at a time, at least."""
MOST_JOBS = 1_000_000_000
"""Jobs of one replication, as `jobs` bounds them: whole cycles and durations keep to it as well."""
LONGEST_S = 1e12
"""Simulated time of one replication: beyond it the clock, a double, no longer resolves a tenth of a millisecond."""
YEAR_S = 365 * 86_400.0


@dataclass(frozen=True)
class Estimate:
    """What a run will take: jobs simulated in all (designs and replications together), and bytes of memory at once."""

    jobs: int
    memory_bytes: int


def simulate(
    scenario: Scenario,
    *,
    trace: Trace | None = None,
    replications: int | None = None,
    on_progress: OnProgress | None = None,
    threads: int | None = None,
    durations_s: Floats | None = None,
) -> Result:
    """Both designs on the same jobs.

    `replications` None: at least 10, until the paired difference in good share is known to half a point, or 50 were run.
    With one replication the intervals of good share are over 20 batches of its consecutive jobs, and other figures have none.
    `durations_s` are those that an empirical service with a path draws from (`arrivals.read_durations`).
    `on_progress` is called from this thread, at most 250 ms apart; what it raises stops the run and propagates.

    Raises:
        InvalidInput: the scenario asks for what this engine does not do, or for a trace that is not there.
        MemoryError: more jobs are in the system at once than a run can hold.
    """
    check(scenario, trace, durations_s)
    trace, drawn = _used(scenario, trace), durations_s if _draws(scenario) else None
    warm(on_progress)
    loads = {design: load_of(scenario, design, trace, drawn) for design in designs_of(scenario)}
    runner = Runner(scenario, trace, drawn, {design: load.stable for design, load in loads.items()}, threads)
    _run(runner, replications, on_progress)
    if on_progress is not None:
        on_progress(Progress("Summarising", 1.0))
    return _result(scenario, runner, {design: load.stable for design, load in loads.items()})


def _seen_growth(scenario: Scenario, runner: Runner) -> dict[str, float]:
    growing = {
        design: growth_per_min(tallies[0], servers_of(scenario, design))
        for design, tallies in runner.tallies.items()
        if may_grow_by_retries(scenario, design)
    }
    return {design: growth for design, growth in growing.items() if growth is not None}


def _used(scenario: Scenario, trace: Trace | None) -> Trace | None:
    return trace if isinstance(scenario.arrivals, TraceArrivals) else None


def _run(runner: Runner, replications: int | None, on_progress: OnProgress | None) -> None:
    if replications is not None:
        runner.run(replications, on_progress, (0.0, 1.0))
        return
    wanted, low, high = FEWEST, 0.0, 0.8
    while runner.finished < wanted:
        runner.run(wanted, on_progress, (low, high))
        wanted = _wanted(runner)
        low, high = high, (high + 1) / 2


def _wanted(runner: Runner) -> int:
    pairs = zip(runner.tallies[EVENT_DRIVEN], runner.tallies[SYNCHRONOUS], strict=True)
    half = half_width([b.good_share - a.good_share for b, a in pairs])
    if half < HALF_WIDTH_WANTED:
        return runner.finished
    needed = ceil(runner.finished * (half / HALF_WIDTH_WANTED) ** 2)
    return min(MOST, max(needed, runner.finished + STEP))


def _result(scenario: Scenario, runner: Runner, stable: dict[str, bool]) -> Result:
    names = list(scenario.event_driven.queues)
    grows = _seen_growth(scenario, runner)
    stable = {design: steady and design not in grows for design, steady in stable.items()}
    results = {
        design: design_result(tallies, names, stable=stable[design], growth_per_min=grows.get(design))
        for design, tallies in runner.tallies.items()
    }
    difference = _difference(runner, SYNCHRONOUS, EVENT_DRIVEN, stable)
    shares = {design: _share(result) for design, result in results.items()}
    ahead = {
        (one, other)
        for one in results
        for other in results
        if one != other and _is_ahead(_difference(runner, other, one, stable))
    }
    result = Result(
        engine="kernel",
        seed=scenario.seed,
        replications=runner.finished,
        synchronous=results[SYNCHRONOUS],
        event_driven=results[EVENT_DRIVEN],
        hybrid=results.get(HYBRID),
        difference=difference,
        verdict=verdict_of(scenario, shares, ahead),
        inequalities=tuple(inequalities_of(scenario)),
    )
    return rounded(result, DIGITS)


def _difference(runner: Runner, less: str, more: str, stable: dict[str, bool]) -> dict[str, Interval]:
    return differences(runner.tallies[less], runner.tallies[more], stable=stable[less] and stable[more])


def _is_ahead(difference: dict[str, Interval]) -> bool:
    return "good_share" in difference and difference["good_share"].low > 0


def _share(result: DesignResult) -> Share:
    low, high = result.intervals.get("good_share", (0.0, 1.0))
    return Share(low, high, result.stable)


def _draws(scenario: Scenario) -> bool:
    return isinstance(scenario.service, EmpiricalService) and scenario.service.path is not None


def _trace_too_slow(speed: float, trace: Trace) -> list[Problem]:
    length_s = trace.span_s / speed
    return [] if length_s <= LONGEST_S else [Problem("arrivals.speed", f"is too low: {_too_long(length_s)}")]


def _too_long(length_s: float) -> str:
    return f"a run would take {length_s / YEAR_S:,.0f} years; it may take {LONGEST_S / YEAR_S:,.0f} years"


def _missing_durations(scenario: Scenario, trace: Trace | None, durations_s: Floats | None) -> list[Problem]:
    if not isinstance(scenario.service, EmpiricalService):
        return []
    if not _draws(scenario):
        if trace is not None and trace.service_s is not None:
            return []
        return [Problem("service", "empirical service without a path needs a trace that has a duration column")]
    if durations_s is None:
        return [Problem("service.path", "the file of durations has to be read first, and given to the engine")]
    return [] if len(durations_s) else [Problem("service.path", "there is no duration in the file")]


def check(scenario: Scenario, trace: Trace | None, durations_s: Floats | None = None) -> None:
    """Refuse what cannot be run.

    Raises:
        InvalidInput: with a problem for each reason.
    """
    problems = list(unsupported(scenario))
    trace = _used(scenario, trace)
    if isinstance(scenario.arrivals, TraceArrivals) and trace is None:
        problems.append(Problem("arrivals", "the trace has to be read first, and given to the engine"))
    if isinstance(scenario.arrivals, TraceArrivals) and trace is not None:
        problems += _trace_too_slow(scenario.arrivals.speed, trace)
    problems += _missing_durations(scenario, trace, durations_s)
    if not problems and scenario.warmup_jobs >= (jobs := jobs_of(scenario, trace)):
        problems.append(Problem("warmup_jobs", f"must be less than the {jobs:,} jobs of a run"))
    if problems:
        raise InvalidInput(problems)


def estimate(scenario: Scenario, trace: Trace | None = None, replications: int | None = None) -> Estimate:
    trace = _used(scenario, trace)
    jobs = jobs_of(scenario, trace)
    return Estimate(jobs * len(designs_of(scenario)) * (replications or FEWEST), memory_bytes(scenario, trace))


def unsupported(scenario: Scenario) -> tuple[Problem, ...]:
    if isinstance(scenario.arrivals, TraceArrivals):
        return ()
    jobs, rate = jobs_of(scenario, None), scenario.arrivals.rate_per_s
    if jobs > MOST_JOBS:
        cycle = "" if (length := scenario.arrivals.period_s) is None else f", in whole cycles of {length:,.0f} s"
        return (
            Problem(
                "arrivals",
                f"at {rate:,g} requests a second a run has {jobs:,} requests{cycle}; it may have {MOST_JOBS:,}",
            ),
        )
    if (length_s := scenario.duration_s or jobs / rate) > LONGEST_S:
        return (Problem("arrivals.rate_per_s", f"is too low for {jobs:,} requests: {_too_long(length_s)}"),)
    return ()
