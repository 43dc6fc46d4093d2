"""Runs a Scenario through both designs with common random numbers: replications, intervals, the paired difference and the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from core.errors import InvalidInput, Problem
from core.numbers import duration
from core.values import rounded
from simulator.arrivals import TraceArrivals
from simulator.class_conclusions import with_class_conclusions
from simulator.conclusions import share_of_design, verdict_of, wanted_share, with_conclusion
from simulator.fine_windows import fine_windows
from simulator.inequalities import inequalities_of
from simulator.memory import memory_bytes
from simulator.notes import notes_of
from simulator.plan import EVENT_DRIVEN, HYBRID, SYNCHRONOUS, call_time_of, designs_of, jobs_of, rate_of
from simulator.replications import AllOfThem, OnProgress, Progress, Runner, Share, warm
from simulator.resampling import resamples_for
from simulator.result import Conclusion, DesignResult, Result
from simulator.scenario import Scenario
from simulator.sequential import FULL_LOOKS, REPLICATION_LOOKS, Looks, next_look, share_of_tallies
from simulator.services import EmpiricalService
from simulator.stability import Load, load_of, stability_of
from simulator.summary import DIGITS, design_result, differences
from simulator.tally import FineTally, Tally
from simulator.trace_columns import Floats
from simulator.traces import Trace

MAX_JOBS = 1_000_000_000
"""Jobs of one replication, as `jobs` bounds them: whole cycles and durations keep to it as well."""
LONGEST_RUN_S = 1e12
"""Simulated time of one replication: beyond it the clock, a double, no longer resolves a tenth of a millisecond."""
YEAR_S = 365 * 86_400.0
RESAMPLES_FROM = 0.5
"""The part of a recording's run after which its resamples are run."""


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
    looks: Looks = FULL_LOOKS,
    share: Share | None = None,
) -> Result:
    """Both designs on the same jobs.

    `replications` None: at least 10, until each design's interval clears 1 - tolerated misses on one side and the paired difference in good
    share is known to half a point, or the budget of 50 is used up (`simulator.sequential`). With one replication the intervals of good share
    are over batches of its consecutive jobs (`batch_means`), and other figures have none. Of a recording, the figures are those of its
    replay; resamples of it tell how sure they are (`simulator.resampling`).
    `looks` are those numbers of replications and that budget, if they are to be others.
    `durations_s` are those that an empirical service with a path draws from (`recordings.reader.read_durations`).
    `windows`: also look closer at the peaks and outages of the first replication, which takes a part of a replication more, and keep its
    latencies over time.
    `share`: that of this process in the replications, if others simulate some; the result is the same.
    `on_progress` is called from this thread, at most 250 ms apart; what it raises stops the run and propagates.

    Raises:
        InvalidInput: the scenario asks for what this engine does not do, or for a trace that is not there.
        MemoryError: more jobs are in the system at once than a run can hold.
    """
    check(scenario, trace, durations_s)
    warm(on_progress)
    trace, drawn = used_recordings(scenario, trace, durations_s)
    loads = {design: load_of(scenario, design, trace, drawn) for design in designs_of(scenario)}
    drains = {design: load.stable for design, load in loads.items()}
    runner = Runner(scenario, trace, drawn, drains, threads, keeps_checkpoints=windows, share=share or AllOfThem())
    _run(runner, replications, on_progress, looks)
    if on_progress is not None:
        on_progress(Progress("Summarising", 1.0))
    return _result(
        scenario,
        runner,
        loads,
        automatic=replications is None,
        windows=windows,
        on_progress=on_progress,
    )


def simulate_replication(
    scenario: Scenario, replication: int, *, trace: Trace | None = None, on_progress: OnProgress | None = None
) -> dict[str, Tally]:
    """The tally of each design in one replication of `simulate`, as its `Share` names it. Raise as `simulate`."""
    check(scenario, trace)
    warm(on_progress)
    trace, drawn = used_recordings(scenario, trace, None)
    drains = {design: load_of(scenario, design, trace, drawn).stable for design in designs_of(scenario)}
    return Runner(scenario, trace, drawn, drains, keeps_checkpoints=False).run_one(replication, on_progress)


def brief_results(
    scenario: Scenario,
    *,
    trace: Trace | None = None,
    looks: Looks = FULL_LOOKS,
    kept_as: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, DesignResult]]:
    """The number of replications, and each design's result as `simulate` has it, but `is_brief` (`simulator.summary.design_result`): for searches,
    which show no series and no intervals but the good share's. `kept_as` is that of a `Runner`. Raise as `simulate`.
    """
    check(scenario, trace)
    warm()
    trace = _used(scenario, trace)
    loads = {design: load_of(scenario, design, trace, None) for design in designs_of(scenario)}
    drains = {design: load.stable for design, load in loads.items()}
    runner = Runner(scenario, trace, None, drains, keeps_checkpoints=False, kept_as=kept_as or {})
    _run(runner, None, None, looks)
    results = _design_results(scenario, runner, loads, {}, is_brief=True)
    return runner.finished, {design: rounded(result, DIGITS) for design, result in results.items()}


class BriefShare(NamedTuple):
    """A good share (at most that, if the run ended early), whether there is a steady state, and whether the run was long enough to show that."""

    in_time: float
    stable: bool
    settled: bool = True


def share_of_one_run(
    scenario: Scenario, design: str, load: Load, trace: Trace | None = None, *, enough_missed: float = inf
) -> BriefShare:
    """Of one replication of a design that has a steady state by its long-run load, of which the scenario may be only a part.

    The run ends early once more than the share `enough_missed` of its jobs has missed. It is for searches that run many scenarios on this
    thread. Raise as `simulate`.
    """
    check(scenario, trace)
    warm()
    jobs = jobs_of(scenario, trace) - scenario.warmup_jobs
    most = enough_missed * jobs
    runner = Runner(
        scenario,
        trace,
        None,
        {design: True},
        1,
        designs=(design,),
        keeps_checkpoints=False,
        keeps_times=False,
        most_missed=most,
    )
    runner.run(1)
    (tally,) = runner.tallies[design]
    if tally.missed > most:
        return BriefShare(1 - tally.missed / jobs, stable=True)
    stability = stability_of(scenario, design, load, trace, [tally])
    return BriefShare(tally.good_share, stability.stable, stability.jobs_to_settle is None)


def tally_of_one_run(scenario: Scenario, design: str, trace: Trace | None = None) -> tuple[Tally, bool]:
    """The tally of one replication of one design alone, and whether it has a steady state: for searches that need no other design.

    Raise as `simulate`.
    """
    load, tallies = _run_alone(scenario, design, 1, trace)
    return tallies[0], stability_of(scenario, design, load, trace, tallies).stable


def good_shares(scenario: Scenario, design: str, replications: int, trace: Trace | None = None) -> list[float]:
    """Of each replication of one design alone; scenarios with the same seed have the same requests in each. Raise as `simulate`."""
    return [tally.good_share for tally in _run_alone(scenario, design, replications, trace)[1]]


def _run_alone(scenario: Scenario, design: str, replications: int, trace: Trace | None) -> tuple[Load, list[Tally]]:
    check(scenario, trace)
    warm()
    load = load_of(scenario, design, trace, None)
    runner = Runner(scenario, trace, None, {design: load.stable}, 1, designs=(design,), keeps_checkpoints=False)
    runner.run(replications)
    return load, runner.tallies[design]


def conclude_design(scenario: Scenario, design: str, looks: Looks = FULL_LOOKS) -> Conclusion:
    """What `simulate` concludes of a design, without the rest of its result and as soon as that is known. Raise as `simulate`."""
    check(scenario, None)
    warm()
    load = load_of(scenario, design, None, None)
    drains = {design: load.stable}
    runner = Runner(scenario, None, None, drains, designs=(design,), keeps_checkpoints=False, keeps_times=False)
    _run(runner, None, None, looks)
    (tallies,) = runner.tallies.values()
    stability = stability_of(scenario, design, load, None, tallies)
    share = share_of_tallies(scenario, tallies, stability.stable)
    low = share.low if stability.jobs_to_settle is None else 0.0
    return replace(share, low=low).conclude(wanted_share(scenario))


def used_recordings(
    scenario: Scenario, trace: Trace | None, durations_s: Floats | None
) -> tuple[Trace | None, Floats | None]:
    """Those of a recording's arrivals and durations that the scenario draws from."""
    return _used(scenario, trace), durations_s if _draws(scenario) else None


def _used(scenario: Scenario, trace: Trace | None) -> Trace | None:
    return trace if isinstance(scenario.arrivals, TraceArrivals) else None


def _run(runner: Runner, replications: int | None, on_progress: OnProgress | None, looks: Looks) -> None:
    end = RESAMPLES_FROM if runner.is_recorded else 1.0
    if replications is not None:
        runner.run(replications, on_progress, (0.0, end))
    else:
        wanted, low, high = looks.first, 0.0, 0.8 * end
        while runner.finished < wanted:
            runner.run(wanted, on_progress, (low, high))
            jobs = jobs_of(runner.scenario, runner.trace)
            wanted = next_look(runner.scenario, runner.tallies, runner.drains, jobs, looks)
            low, high = high, (high + end) / 2
    if runner.is_recorded and (count := resamples_for(runner.finished)):
        runner.resample(count, on_progress, (end, 1.0))


def _result(
    scenario: Scenario,
    runner: Runner,
    loads: dict[str, Load],
    *,
    automatic: bool,
    windows: bool,
    on_progress: OnProgress | None,
) -> Result:
    shown, fine = fine_windows(scenario, runner, on_progress) if windows else ((), {})
    results = _design_results(scenario, runner, loads, fine)
    less, more = SYNCHRONOUS, EVENT_DRIVEN
    difference = differences(
        runner.tallies[less],
        runner.tallies[more],
        stable=results[less].stable and results[more].stable,
        resampled=(runner.resampled[less], runner.resampled[more]),
    )
    result = Result(
        engine="kernel",
        seed=scenario.seed,
        replications=runner.finished,
        synchronous=results[SYNCHRONOUS],
        event_driven=results[EVENT_DRIVEN],
        hybrid=results.get(HYBRID),
        difference=difference,
        verdict=verdict_of(scenario, {design: share_of_design(result, scenario) for design, result in results.items()}),
        inequalities=tuple(inequalities_of(scenario)),
        resamples=len(runner.resampled[SYNCHRONOUS]),
        notes=notes_of(scenario, runner, results, automatic=automatic),
        windows=shown,
    )
    return rounded(with_class_conclusions(scenario, result), DIGITS)


def _design_results(
    scenario: Scenario,
    runner: Runner,
    loads: dict[str, Load],
    fine: Mapping[str, Sequence[FineTally]],
    *,
    is_brief: bool = False,
) -> dict[str, DesignResult]:
    names, results = list(scenario.event_driven.queues), {}
    for design, tallies in runner.tallies.items():
        stability = stability_of(scenario, design, loads[design], runner.trace, tallies)
        result = design_result(
            tallies,
            names,
            stable=stability.stable,
            growth_per_min=stability.growth_per_min,
            jobs_to_settle=stability.jobs_to_settle,
            fine=fine.get(design, ()),
            resampled=runner.resampled[design],
            is_brief=is_brief,
        )
        results[design] = with_conclusion(result, scenario)
    return results


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
    jobs, runs = jobs_of(scenario, trace), replications or REPLICATION_LOOKS[0]
    if trace is not None or _draws(scenario):
        runs += resamples_for(runs)
    return Estimate(jobs * len(designs_of(scenario)) * runs, memory_bytes(scenario, trace))


def _hybrid_cut(scenario: Scenario) -> list[Problem]:
    """A connection that is cut before the hybrid's 202 leaves its client without an answer and without the id of its job."""
    hybrid, limit_s = scenario.hybrid, scenario.answer_limit_s
    if hybrid is None or hybrid.inline_wait_s <= limit_s:
        return []
    return [
        Problem(
            "hybrid.inline_wait_s",
            f"must be at most {duration(limit_s)}, the tightest limit of the client and of the hops on the way, not"
            f" {duration(hybrid.inline_wait_s)}: the connection would be cut before the 202, and the client would not know its job",
        )
    ]


def unsupported(scenario: Scenario) -> tuple[Problem, ...]:
    subscribers = scenario.subscribers
    if subscribers.consumers is not None and subscribers.inline == "one_by_one":
        return (
            Problem("subscribers.consumers", "cannot be simulated with calls one_by_one yet; say inline: together"),
        )
    if problems := _hybrid_cut(scenario):
        return tuple(problems)
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
