"""Runs a Scenario through both designs with common random numbers: replications, intervals, the paired difference and the verdict."""

from dataclasses import dataclass
from itertools import permutations
from math import ceil

from core.errors import InvalidInput, Problem
from core.numbers import duration
from core.values import rounded
from simulator.arrivals import TraceArrivals
from simulator.class_conclusions import with_class_conclusions
from simulator.fine_windows import fine_windows
from simulator.memory import memory_bytes
from simulator.plan import EVENT_DRIVEN, HYBRID, SYNCHRONOUS, call_time_of, designs_of, jobs_of, rate_of
from simulator.replications import OnProgress, Progress, Runner, warm
from simulator.result import Result
from simulator.scenario import Scenario
from simulator.services import EmpiricalService
from simulator.stability import Load, load_of, stability_of
from simulator.statistics import HALF_WIDTH_WANTED, half_width
from simulator.summary import DIGITS, design_result, differences
from simulator.trace_columns import Floats
from simulator.traces import Trace
from simulator.verdict import Share, inequalities_of, verdict_of

MIN_REPLICATIONS, MAX_REPLICATIONS, REPLICATIONS_STEP = 10, 50, 5
"""Automatic replications: how many at least and at most, and how many are added at a time, at least."""
MAX_JOBS = 1_000_000_000
"""Jobs of one replication, as `jobs` bounds them: whole cycles and durations keep to it as well."""
LONGEST_RUN_S = 1e12
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
    windows: bool = True,
) -> Result:
    """Both designs on the same jobs.

    `replications` None: at least 10, until the paired difference in good share is known to half a point, or 50 were run.
    With one replication the interval of good share is over batches of its consecutive jobs (`batch_means`), and other figures have none.
    `durations_s` are those that an empirical service with a path draws from (`traces.read_durations`).
    `windows`: also look closer at the peaks and outages of the first replication, which takes a part of a replication more.
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
    return _result(
        scenario,
        runner,
        loads,
        windows=windows,
        on_progress=on_progress,
    )


def _used(scenario: Scenario, trace: Trace | None) -> Trace | None:
    return trace if isinstance(scenario.arrivals, TraceArrivals) else None


def _run(runner: Runner, replications: int | None, on_progress: OnProgress | None) -> None:
    if replications is not None:
        runner.run(replications, on_progress, (0.0, 1.0))
        return
    wanted, low, high = MIN_REPLICATIONS, 0.0, 0.8
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
    return min(MAX_REPLICATIONS, max(needed, runner.finished + REPLICATIONS_STEP))


def _result(
    scenario: Scenario, runner: Runner, loads: dict[str, Load], *, windows: bool, on_progress: OnProgress | None
) -> Result:
    names = list(scenario.event_driven.queues)
    stabilities = {
        design: stability_of(scenario, design, loads[design], runner.trace, tallies)
        for design, tallies in runner.tallies.items()
    }
    stable = {design: stability.stable for design, stability in stabilities.items()}
    shown, fine = fine_windows(scenario, runner, on_progress) if windows else ((), {})
    results = {
        design: design_result(
            tallies,
            names,
            stable=stable[design],
            growth_per_min=stabilities[design].growth_per_min,
            jobs_to_settle=stabilities[design].jobs_to_settle,
            fine=fine.get(design, ()),
        )
        for design, tallies in runner.tallies.items()
    }
    over = {
        (more, less): differences(runner.tallies[less], runner.tallies[more], stable=stable[less] and stable[more])
        for more, less in permutations(results, 2)
    }
    shares = {
        design: Share(*result.intervals.get("good_share", (0.0, 1.0)), result.stable)
        for design, result in results.items()
    }
    ahead = {pair for pair, metrics in over.items() if "good_share" in metrics and metrics["good_share"].low > 0}
    result = Result(
        engine="kernel",
        seed=scenario.seed,
        replications=runner.finished,
        synchronous=results[SYNCHRONOUS],
        event_driven=results[EVENT_DRIVEN],
        hybrid=results.get(HYBRID),
        difference=over[EVENT_DRIVEN, SYNCHRONOUS],
        verdict=verdict_of(scenario, shares, ahead),
        inequalities=tuple(inequalities_of(scenario)),
        windows=shown,
    )
    return rounded(with_class_conclusions(scenario, result), DIGITS)


def _draws(scenario: Scenario) -> bool:
    return isinstance(scenario.service, EmpiricalService) and scenario.service.path is not None


def _too_long(length_s: float) -> str:
    return f"a run would take {length_s / YEAR_S:,.0f} years; it may take {LONGEST_RUN_S / YEAR_S:,.0f} years"


def _missing_durations(scenario: Scenario, trace: Trace | None, durations_s: Floats | None) -> list[Problem]:
    if not any(isinstance(service, EmpiricalService) for service in scenario.services):
        return []
    if not _draws(scenario):
        if trace is not None and trace.service_s is not None:
            return []
        return [Problem("service", "empirical service without a path needs a trace that has a duration column")]
    if durations_s is None:
        return [Problem("service.path", "the file of durations has to be read first, and given to the engine")]
    return [] if len(durations_s) else [Problem("service.path", "there is no duration in the file")]


def _impossible_slowdown(scenario: Scenario, trace: Trace | None, drawn: Floats | None) -> list[Problem]:
    line = call_time_of(scenario, trace, drawn)
    if line is None:
        return []
    path, mean = "provider.slowdown.high_mean_s", f"the mean of service, {duration(line.measured_s)}"
    if line.each_s < 0:
        return [Problem(path, f"must be at least {mean}: more calls in flight cannot make each faster")]
    if line.mean_s(1) <= 0:
        return [Problem(path, f"grows too steeply from {mean}: on this line a call alone would take no time")]
    return []


def check(scenario: Scenario, trace: Trace | None, durations_s: Floats | None = None) -> None:
    """Refuse what cannot be run.

    Raises:
        InvalidInput: with a problem for each reason.
    """
    problems = list(unsupported(scenario))
    trace = _used(scenario, trace)
    if isinstance(scenario.arrivals, TraceArrivals):
        if trace is None:
            problems.append(Problem("arrivals", "the trace has to be read first, and given to the engine"))
        elif (length_s := trace.span_s / scenario.arrivals.speed) > LONGEST_RUN_S:
            problems.append(Problem("arrivals.speed", f"is too low: {_too_long(length_s)}"))
    problems += _missing_durations(scenario, trace, durations_s)
    if not problems:
        problems += _impossible_slowdown(scenario, trace, durations_s if _draws(scenario) else None)
    if not problems and scenario.warmup_jobs >= (jobs := jobs_of(scenario, trace)):
        problems.append(Problem("warmup_jobs", f"must be less than the {jobs:,} jobs of a run"))
    if problems:
        raise InvalidInput(problems)


def estimate(scenario: Scenario, trace: Trace | None = None, replications: int | None = None) -> Estimate:
    trace = _used(scenario, trace)
    jobs = jobs_of(scenario, trace)
    return Estimate(
        jobs * len(designs_of(scenario)) * (replications or MIN_REPLICATIONS), memory_bytes(scenario, trace)
    )


def unsupported(scenario: Scenario) -> tuple[Problem, ...]:
    if scenario.provider.slowdown is not None and scenario.event_driven.redelivers:
        path = "event_driven." + ("lease_s" if scenario.event_driven.lease_s else "max_deliveries")
        return (
            Problem(path, "cannot be simulated with a model that slows (provider.slowdown) yet; leave one of them out"),
        )
    if isinstance(scenario.arrivals, TraceArrivals):
        return ()
    jobs, rate = jobs_of(scenario, None), rate_of(scenario, None)
    if jobs > MAX_JOBS:
        cycle = "" if (length := scenario.arrivals.period_s) is None else f", in whole cycles of {length:,.0f} s"
        return (
            Problem(
                "arrivals",
                f"at {rate:,g} requests a second a run has {jobs:,} requests{cycle}; it may have {MAX_JOBS:,}",
            ),
        )
    if (length_s := scenario.duration_s or (jobs / rate if rate else 0.0)) > LONGEST_RUN_S:
        return (Problem("arrivals.rate_per_s", f"is too low for {jobs:,} requests: {_too_long(length_s)}"),)
    return ()
