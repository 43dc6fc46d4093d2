"""Whether a design recovers when a trigger that overloaded it has gone: the overload may stay, kept up by retries.

Source: Bronson et al., Metastable failures in distributed systems, HotOS 2021; Huang et al., Metastable failures in the wild, OSDI 2022.
"""

from dataclasses import dataclass

import numpy as np

from core.errors import InvalidInput, Problem
from core.values import Value
from simulator.arrivals import BurstArrivals, TraceArrivals
from simulator.experiment import check
from simulator.kernel import layout
from simulator.kernel.layout import BINS, MOST_OUTAGES
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.replications import LOOPS, OnProgress, Runner, warm
from simulator.result import Interval
from simulator.scenario import Outage, Scenario
from simulator.statistics import half_width
from simulator.tally import Tally
from simulator.trace_columns import Floats
from simulator.traces import Trace

REPLICATIONS = 10
HIGHEST = 1e15
SUSTAINED, BRIEFLY = 0.1, 0.01
"""A backlog is drained after the last hundredth of the time observed in which more jobs are in the system than without the trigger, on average,
if as few are in the last tenth: a herd that returns after a pause counts, a single job that waits by chance does not."""
TOLERANCE = 1e-9
ENDINGS = ("failed", "timed_out", "rejected", "dead_lettered", "undelivered")


class Recovery(Value):
    """What a trigger did to a design: means over replications with 95 % intervals.

    The backlog is of all jobs and calls in the system, those that back off and those of callers who will call again included; depths are of jobs
    waiting; amplification is the clients' calls an offered job, by those of a quiet run. Dead letters are all jobs that end without a result
    (the synchronous design's are its failures, timeouts and refusals), beyond those of a quiet run.
    """

    replications: int
    recovered: int
    """Replications in which the backlog was drained, and was still at the end."""
    drain_s: Interval | None
    """From the end of the trigger until the backlog was drained for good, if it was; None if it never was."""
    amplification: Interval
    peak_depth: Interval
    dead_letters: Interval
    peak_dead_letters_per_min: Interval

    @property
    def recovers(self) -> bool:
        return self.recovered == self.replications


@dataclass(frozen=True)
class _Replication:
    drain_s: float | None
    amplification: float
    peak_depth: float
    dead_letters: float
    peak_dead_letters_per_min: float


def with_outage(scenario: Scenario, start_s: float, length_s: float) -> Scenario:
    """The scenario, its provider out of service from `start_s` on.

    Raises:
        InvalidInput: the scenario has as many outages as it may have.
    """
    outages = (*scenario.provider.outages, Outage(start_s=start_s, length_s=length_s))
    if len(outages) > MOST_OUTAGES:
        raise InvalidInput([Problem("provider.outages", f"has {MOST_OUTAGES}, and may have no more: remove one")])
    return scenario.model_copy(update={"provider": scenario.provider.model_copy(update={"outages": outages})})


def watched(scenario: Scenario, trigger: tuple[float, float], observe_s: float) -> Scenario:
    length = {"jobs": None, "duration_s": trigger[1] + observe_s, "warmup_jobs": 0, "hybrid": None}
    return scenario.model_copy(update=length)


def metastability(
    scenario: Scenario,
    quiet: Scenario,
    *,
    trigger: tuple[float, float],
    observe_s: float,
    replications: int = REPLICATIONS,
    trace: Trace | None = None,
    durations_s: Floats | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Recovery]:
    """Each design's recovery from a `trigger` (start and end, seconds), watched for `observe_s` after it.

    The trigger is in the scenario: one burst, or an outage of the provider. `quiet` is the same scenario without it, run with the same seeds.

    Raises:
        InvalidInput: the scenario asks for a trace or for durations that are not there, or no job arrives before the trigger ends.
        ValueError: fewer than two replications tell no interval.
    """
    if replications < 2:
        raise ValueError("a recovery takes at least two replications")
    pair = tuple(watched(given, trigger, observe_s) for given in (scenario, quiet))
    for given in pair:
        check(given, trace, durations_s)
    _require_arrivals(scenario, trigger, trace)
    warm(on_progress)
    watched_runs: dict[str, list[_Replication]] = {SYNCHRONOUS: [], EVENT_DRIVEN: []}
    offered = 0
    for replication in range(replications):
        runs = []
        for half, given in enumerate(pair):
            seeded = given.model_copy(update={"seed": (scenario.seed + replication) % 2**53})
            runner = Runner(seeded, trace, durations_s, dict.fromkeys(LOOPS, True))
            part = (2 * replication + half) / (2 * replications), (2 * replication + half + 1) / (2 * replications)
            runner.run(1, on_progress, part)
            runs.append(runner.tallies)
        for design, runs_of_design in watched_runs.items():
            runs_of_design.append(_watch(runs[0][design][0], runs[1][design][0], trigger))
        offered += runs[0][SYNCHRONOUS][0].counts["offered"]
    if not offered:
        raise InvalidInput(
            [Problem("--trigger", f"no request arrives in the {trigger[1] + observe_s:,.0f} s that are watched")]
        )
    return {design: _recovery(runs_of_design, observe_s) for design, runs_of_design in watched_runs.items()}


def _require_arrivals(scenario: Scenario, trigger: tuple[float, float], trace: Trace | None) -> None:
    (start, end), arrivals = trigger, scenario.arrivals
    if isinstance(arrivals, TraceArrivals) and trace is not None and start > (last := trace.span_s / arrivals.speed):
        raise InvalidInput([Problem("--trigger", f"starts at {start:g} s, after the last request at {last:g} s")])
    if not isinstance(arrivals, BurstArrivals):
        return
    first, idle = (arrivals.every_s - arrivals.peak_s) / 2, arrivals.every_s - arrivals.peak_to_mean * arrivals.peak_s
    if end <= first and idle <= TOLERANCE * arrivals.every_s:
        peak = f"from {first:,.0f} s to {first + arrivals.peak_s:,.0f} s of every {arrivals.every_s:,.0f} s"
        raise InvalidInput(
            [Problem("--trigger", f"ends at {end:g} s, and requests arrive only {peak}: start it there")]
        )


def _watch(disturbed: Tally, quiet: Tally, trigger: tuple[float, float]) -> _Replication:
    """Drained is a backlog as short as it is without the trigger; one as short as it usually is counts, too, and a single job."""
    start, end = trigger
    width = disturbed.bin_width_s
    ends = width * np.arange(1, BINS + 1)
    there, usual = (_whole(tally, layout.B_IN_SYSTEM) for tally in (disturbed, quiet))
    lost = [sum(tally.counts[ending] for ending in ENDINGS) for tally in (disturbed, quiet)]
    lost_in_bin = _whole(disturbed, layout.B_WITHOUT_RESULT) - _whole(quiet, layout.B_WITHOUT_RESULT)
    allowed = np.maximum(usual, max(1.0, min(_high(usual[ends <= start]), _high(usual[ends >= end]))))
    by_chance = min(_excess_by_chance(part) for part in (usual[ends <= start], usual[ends >= end]) if len(part))
    drained = drained_bin(there[ends >= end], allowed[ends >= end], by_chance)
    return _Replication(
        drain_s=None if drained is None else float(ends[ends >= end][drained] - end),
        amplification=_calls(disturbed) / _calls(quiet),
        peak_depth=float(_whole(disturbed, layout.B_DEPTH).max()),
        dead_letters=float(max(0, lost[0] - lost[1])),
        peak_dead_letters_per_min=max(0.0, _peak_per_min(lost_in_bin, width)),
    )


def _whole(tally: Tally, row: int) -> Floats:
    return np.pad(tally.bins[row], (0, BINS - tally.bins.shape[1]))


def _high(depth: Floats) -> float:
    return float(np.quantile(depth, 0.99)) if len(depth) else 0.0


def _excess_by_chance(usual: Floats) -> float:
    """How many jobs more than usual may be there for a while without a trigger: twice as many as ever are in a run without one hardly come."""
    high = max(1.0, _high(usual))
    return 2 * max(high, float(_averages(usual, BRIEFLY).max())) - high


def _averages(values: Floats, share: float) -> Floats:
    window = max(1, round(share * len(values)))
    return np.convolve(values, np.full(window, 1 / window), mode="valid")


def drained_bin(there: Floats, allowed: Floats | float, by_chance: float = 0.0) -> int | None:
    """The first bin from which there are no more jobs than allowed, but for moments and what comes `by_chance`; None if there are at the end."""
    if not len(there):
        return None
    excess = there - allowed
    at_the_end = max(1, round(SUSTAINED * len(excess)))
    if excess[-at_the_end:].mean() > 0:
        return None
    long = np.flatnonzero(_averages(excess, BRIEFLY) > by_chance)
    since = int(long[-1]) + 1 if len(long) else 0
    short = np.flatnonzero(excess[since:] <= 0)
    return since + int(short[0]) if len(short) else None


def _peak_per_min(each_bin: Floats, width_s: float) -> float:
    window = max(1, round(60 / width_s))
    if len(each_bin) < window:
        return float(each_bin.sum()) * 60 / (width_s * max(1, len(each_bin)))
    return float(np.convolve(each_bin, np.ones(window), mode="valid").max()) * 60 / (window * width_s)


def _calls(tally: Tally) -> float:
    return tally.client_calls / tally.counts["offered"] if tally.counts["offered"] else 1.0


def _recovery(watched_runs: list[_Replication], observe_s: float) -> Recovery:
    drains = [run.drain_s for run in watched_runs if run.drain_s is not None]
    return Recovery(
        replications=len(watched_runs),
        recovered=len(drains),
        drain_s=_interval(drains, observe_s) if drains else None,
        amplification=_interval([run.amplification for run in watched_runs]),
        peak_depth=_interval([run.peak_depth for run in watched_runs]),
        dead_letters=_interval([run.dead_letters for run in watched_runs]),
        peak_dead_letters_per_min=_interval([run.peak_dead_letters_per_min for run in watched_runs]),
    )


def _interval(values: list[float], most: float = HIGHEST) -> Interval:
    mean, half = float(np.mean(values)), half_width(values)
    return Interval(mean=mean, low=max(0.0, mean - half), high=min(most, mean + half))
