"""Whether a design recovers when a trigger that overloaded it has gone: the overload may stay, kept up by retries.

Source: Bronson et al., Metastable failures in distributed systems, HotOS 2021; Huang et al., Metastable failures in the wild, OSDI 2022.
"""

from dataclasses import dataclass

import numpy as np

from simulator.arrivals import Trace
from simulator.kernel import layout as at
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS, Floats
from simulator.replications import LOOPS, OnProgress, Runner
from simulator.result import Interval
from simulator.scenario import BurstArrivals, Outage, Scenario
from simulator.schema import Value
from simulator.simulate import check
from simulator.statistics import half_width
from simulator.tally import Tally
from simulator.warming import warm

REPLICATIONS = 10
HIGHEST = 1e15
SUSTAINED = 0.1
"""A queue is drained where it stays, on average, as short as it was for this part of the time observed."""
ENDINGS = ("failed", "timed_out", "rejected", "dead_lettered", "undelivered")


class Recovery(Value):
    """What a trigger did to a design: means over replications with 95 % intervals.

    Depths are of jobs waiting; amplification is the clients' calls an offered job, by those of a quiet run. Dead letters are all jobs that
    end without a result (the synchronous design's are its failures, timeouts and refusals), beyond those of a quiet run.
    """

    replications: int
    recovered: int
    """Replications in which the queue was drained, and was still at the end."""
    drain_s: Interval | None
    """From the end of the trigger until the queue was drained, where it was; None where it never was."""
    amplification: Interval
    peak_depth: Interval
    dead_letters: Interval
    peak_dead_letters_per_min: Interval

    @property
    def recovers(self) -> bool:
        """Whether it did each time."""
        return self.recovered == self.replications


@dataclass(frozen=True)
class _Course:
    """One replication."""

    drain_s: float | None
    amplification: float
    peak_depth: float
    dead_letters: float
    peak_dead_letters_per_min: float


def with_outage(scenario: Scenario, start_s: float, length_s: float) -> Scenario:
    """The scenario, its provider out of service from `start_s` on."""
    outages = (*scenario.provider.outages, Outage(start_s=start_s, length_s=length_s))
    return scenario.model_copy(update={"provider": scenario.provider.model_copy(update={"outages": outages})})


def metastability(
    scenario: Scenario,
    *,
    trigger: tuple[float, float],
    observe_s: float,
    replications: int = REPLICATIONS,
    trace: Trace | None = None,
    durations_s: Floats | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Recovery]:
    """Each design's recovery from a `trigger` (start and end, seconds), watched for `observe_s` after it.

    The trigger is in the scenario: one burst, or an outage of the provider. The same seeds without it are the quiet runs.

    Raises:
        InvalidInput: the scenario asks for a trace or for durations that are not there.
        ValueError: fewer than two replications tell no interval.
    """
    if replications < 2:
        raise ValueError("a recovery takes at least two replications")
    check(scenario, trace, durations_s)
    warm(on_progress)
    start, end = trigger
    length = {"jobs": None, "duration_s": end + observe_s, "warmup_jobs": 0, "hybrid": None}
    courses: dict[str, list[_Course]] = {SYNCHRONOUS: [], EVENT_DRIVEN: []}
    for replication in range(replications):
        runs = []
        for half, given in enumerate((scenario, _without_trigger(scenario))):
            seeded = given.model_copy(update=length | {"seed": (scenario.seed + replication) % 2**53})
            runner = Runner(seeded, trace, durations_s, dict.fromkeys(LOOPS, True))
            part = (2 * replication + half) / (2 * replications), (2 * replication + half + 1) / (2 * replications)
            runner.run(1, on_progress, part)
            runs.append(runner.tallies)
        for design, found in courses.items():
            found.append(_course(runs[0][design][0], runs[1][design][0], start, end))
    return {design: _recovery(found, observe_s) for design, found in courses.items()}


def _without_trigger(scenario: Scenario) -> Scenario:
    provider = scenario.provider.model_copy(update={"outages": ()})
    arrivals = scenario.arrivals
    if isinstance(arrivals, BurstArrivals):
        low = (arrivals.every_s - arrivals.peak_to_mean * arrivals.peak_s) / (arrivals.every_s - arrivals.peak_s)
        arrivals = arrivals.model_copy(update={"rate_per_s": arrivals.rate_per_s * low, "peak_to_mean": 1.0})
    return scenario.model_copy(update={"provider": provider, "arrivals": arrivals})


def _course(disturbed: Tally, quiet: Tally, start: float, end: float) -> _Course:
    depth, width = disturbed.bins[at.B_DEPTH], disturbed.bin_width_s
    ends = width * np.arange(1, len(depth) + 1)
    before, after = depth[ends <= start], depth[ends >= end]
    usual = max(float(np.quantile(before, 0.99)) if len(before) else 0.0, 1.0)
    lost = [sum(tally.counts[ending] for ending in ENDINGS) for tally in (disturbed, quiet)]
    drained = drained_bin(after, usual)
    return _Course(
        drain_s=None if drained is None else float(ends[ends >= end][drained] - end),
        amplification=_calls(disturbed) / _calls(quiet),
        peak_depth=float(depth.max(initial=0.0)),
        dead_letters=float(max(0, lost[0] - lost[1])),
        peak_dead_letters_per_min=_peak_per_min(disturbed.bins[at.B_WITHOUT_RESULT], width),
    )


def drained_bin(depth: Floats, usual: float) -> int | None:
    """The first bin from which the queue stays as short as usual, on average over a tenth of the time; and so it must be at the end."""
    window = max(1, round(SUSTAINED * len(depth)))
    if len(depth) < window:
        return None
    averages = np.convolve(depth, np.full(window, 1 / window), mode="valid")
    short = np.flatnonzero((averages <= usual) & (depth[: len(averages)] <= usual))
    return int(short[0]) if len(short) and averages[-1] <= usual else None


def _peak_per_min(each_bin: Floats, width_s: float) -> float:
    """The most in any minute (or in a bin, where those are longer), a minute."""
    window = max(1, round(60 / width_s))
    if len(each_bin) < window:
        return float(each_bin.sum()) * 60 / (width_s * max(1, len(each_bin)))
    return float(np.convolve(each_bin, np.ones(window), mode="valid").max()) * 60 / (window * width_s)


def _calls(tally: Tally) -> float:
    return tally.client_calls / tally.counts["offered"] if tally.counts["offered"] else 1.0


def _recovery(courses: list[_Course], observe_s: float) -> Recovery:
    drains = [course.drain_s for course in courses if course.drain_s is not None]
    return Recovery(
        replications=len(courses),
        recovered=len(drains),
        drain_s=_interval(drains, observe_s) if drains else None,
        amplification=_interval([course.amplification for course in courses]),
        peak_depth=_interval([course.peak_depth for course in courses]),
        dead_letters=_interval([course.dead_letters for course in courses]),
        peak_dead_letters_per_min=_interval([course.peak_dead_letters_per_min for course in courses]),
    )


def _interval(values: list[float], most: float = HIGHEST) -> Interval:
    """None of the figures can be negative; a single one says no more than that, and what was watched."""
    mean, half = float(np.mean(values)), half_width(values)
    return Interval(mean=mean, low=max(0.0, mean - half), high=min(most, mean + half))
