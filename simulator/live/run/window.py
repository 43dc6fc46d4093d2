"""Cuts from a workload the part that a live run has time for, as an explicit Scenario.

A burst and an outage are taken with their lead and their drain (and cut if they are too long), a recording at its busiest, and of a steady
load the first seconds. The result replays arrivals from memory, so that the kernel and the live run see the same ones. Only the length of
the Scenario changes: it starts empty, counts every job and drains.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidInput, Problem
from core.numbers import count
from core.units import DAY_S
from simulator.arrivals import (
    BacklogArrivals,
    BurstArrivals,
    ClosedArrivals,
    DailyArrivals,
    GammaArrivals,
    PoissonArrivals,
    RegularArrivals,
    TraceArrivals,
)
from simulator.live.run.draw_jobs import draw_arrivals
from simulator.plan import designs_of
from simulator.replications import Runner
from simulator.scenario import Outage, Scenario
from simulator.services import EmpiricalService
from simulator.tally import Tally
from simulator.trace_columns import Floats
from simulator.traces import Trace

LEAD, PEAK = 0.1, 0.4
"""Shares of a window that come before a burst or an outage and that it may take; the rest is for what follows."""
SPARE = 1.5
"""Jobs that clients may send, in relation to what the kernel expects."""
WINDOW_NAME = "window"


@dataclass(frozen=True, eq=False)
class Window:
    scenario: Scenario
    trace: Trace
    durations_s: Floats | None
    length_s: float
    words: str
    backlog_jobs: int = 0
    """The first jobs, which are there at its start."""
    is_whole: bool = False
    """Whether a longer window has no more jobs: it holds the whole workload, or a whole cycle of it."""

    @property
    def jobs(self) -> int:
        """Of clients who wait for their answers: about."""
        if not isinstance(self.scenario.arrivals, ClosedArrivals) or self.scenario.duration_s is None:
            return self.trace.requests
        return int((self.trace.arrivals_s < self.scenario.duration_s).sum())

    def done_s(self, tally: Tally) -> float:
        ends_s = max(float(self.trace.arrivals_s[-1]), float(tally.bins.shape[1] * tally.bin_width_s))
        return min(ends_s, self.scenario.duration_s or np.inf)

    def peak_rate_per_s(self, over_s: float) -> float:
        """The busiest `over_s` Scenario seconds, a second, without the jobs that are there at the start."""
        arrivals = self.trace.arrivals_s[self.backlog_jobs :]
        ends = np.searchsorted(arrivals, arrivals + over_s, "left")
        return float((ends - np.arange(len(arrivals))).max(initial=0)) / over_s


def simulate_window(scenario: Scenario, trace: Trace | None, durations_s: Floats | None) -> dict[str, Tally]:
    runner = Runner(scenario, trace, durations_s, dict.fromkeys(designs_of(scenario), True), threads=1)
    runner.run(1)
    return {design: tallies[0] for design, tallies in runner.tallies.items()}


def cut_window(scenario: Scenario, trace: Trace | None, durations_s: Floats | None, length_s: float) -> Window:
    """At most `length_s` Scenario seconds of the workload.

    Raises:
        InvalidInput: nothing arrives in them.
    """
    if isinstance(scenario.arrivals, ClosedArrivals):
        return _window_of_clients(scenario, scenario.arrivals, durations_s, length_s)
    whole = _whole(scenario, trace, durations_s, length_s)
    keep, words, is_whole = _kept(scenario, whole.arrivals_s, length_s)
    arrivals, rows = keep.of(whole.arrivals_s)
    if not len(rows):
        raise InvalidInput([Problem("arrivals", f"nothing arrives in the {length_s:g} s that a live run takes")])
    explicit = scenario.model_copy(
        update={
            "jobs": None,
            "duration_s": None,
            "warmup_jobs": 0,
            "first_token_s": None,
            "backlog_jobs": 0,
            "arrivals": TraceArrivals(process="trace", trace=WINDOW_NAME),
            "provider": scenario.provider.model_copy(update={"outages": keep.outages(scenario.provider.outages)}),
        }
    )
    drawn = durations_s if isinstance(scenario.service, EmpiricalService) and scenario.service.path else None
    words += _changes_in_words(scenario, keep)
    waiting = starting_backlog_of(scenario) if keep.start_s == 0 else 0
    return Window(explicit, _select(whole, rows, arrivals), drawn, keep.length_s, words, waiting, is_whole)


def _window_of_clients(
    scenario: Scenario, arrivals: ClosedArrivals, durations_s: Floats | None, length_s: float
) -> Window:
    """Requests follow from the answers. The trace has a row for each job that may come; its instants are evenly spread, and for plans alone."""
    length_s = min(scenario.duration_s or np.inf, length_s)
    plain = {"jobs": None, "duration_s": length_s, "warmup_jobs": 0, "first_token_s": None}
    timed = scenario.model_copy(update=plain)
    tallies = simulate_window(timed, None, durations_s).values()
    expected = max(1, *(tally.counts["offered"] for tally in tallies))
    is_whole = scenario.jobs is not None and scenario.jobs <= expected
    rows = scenario.jobs if scenario.jobs is not None and is_whole else ceil(SPARE * expected) + arrivals.clients
    explicit = timed.model_copy(update={"duration_s": None}) if is_whole else timed
    words = "the whole workload" if is_whole else f"the first {minutes(length_s)}"
    words += _changes_in_words(scenario, WindowCut(0.0, length_s))
    drawn = durations_s if isinstance(scenario.service, EmpiricalService) and scenario.service.path else None
    spread = Trace(np.arange(rows, dtype=np.float64) * (length_s / expected), name=WINDOW_NAME)
    return Window(explicit, spread, drawn, length_s, words, is_whole=is_whole)


def starting_backlog_of(scenario: Scenario) -> int:
    """The jobs that are there at the start."""
    arrivals = scenario.arrivals
    arriving = min(arrivals.jobs, scenario.jobs or arrivals.jobs) if isinstance(arrivals, BacklogArrivals) else 0
    return scenario.backlog_jobs + arriving


@dataclass(frozen=True)
class WindowCut:
    start_s: float
    length_s: float
    cut_from_s: float = np.inf
    cut_to_s: float = np.inf

    def of(self, arrivals: Floats) -> tuple[Floats, NDArray[np.int64]]:
        shifted = self._shift(arrivals)
        inside = (arrivals >= self.start_s) & (shifted <= self.length_s) & ~self._is_cut(arrivals)
        rows = np.flatnonzero(inside)
        return shifted[rows], rows

    def outages(self, outages: tuple[Outage, ...]) -> tuple[Outage, ...]:
        """By the window's clock, those after its last arrival too: the window drains through them."""
        shifted = []
        for outage in outages:
            bounds = np.array([outage.start_s, outage.start_s + outage.length_s])
            low, high = np.maximum(self._shift(bounds), 0.0)
            if high > low:
                shifted.append(Outage(start_s=float(low), length_s=float(high - low), mode=outage.mode))
        return tuple(shifted)

    def _is_cut(self, instants: Floats) -> NDArray[np.bool_]:
        return (instants >= self.cut_from_s) & (instants < self.cut_to_s)

    def _shift(self, instants: Floats) -> Floats:
        after = instants >= self.cut_to_s
        within = np.where(self._is_cut(instants), self.cut_from_s, instants)
        gap = self.cut_to_s - self.cut_from_s if np.isfinite(self.cut_to_s) else 0.0
        return within - self.start_s - np.where(after, gap, 0.0)


def _whole(scenario: Scenario, trace: Trace | None, durations_s: Floats | None, length_s: float) -> Trace:
    if isinstance(scenario.arrivals, TraceArrivals):
        assert trace is not None  # noqa: S101  the engine has refused the scenario otherwise
        end = scenario.duration_s or np.inf
        sped = trace.arrivals_s / scenario.arrivals.speed
        taken = min(int(np.searchsorted(sped, end, "right")), scenario.jobs or len(sped))
        waiting = scenario.backlog_jobs
        rows = np.concatenate([np.resize(np.arange(len(sped)), waiting), np.arange(taken)])
        return _select(trace, rows, np.concatenate([np.zeros(waiting), sped[:taken]]))
    period = scenario.arrivals.period_s
    outage = _first_outage(scenario)
    needed = max(period or 0.0, length_s if outage is None else outage.start_s + outage.length_s + length_s)
    if isinstance(scenario.arrivals, BurstArrivals):
        needed = scenario.arrivals.every_s
    asked = scenario.jobs if period is None else None
    end_s = min(scenario.duration_s or np.inf, needed)
    shortened = scenario.model_copy(update={"jobs": None, "duration_s": end_s, "warmup_jobs": 0})
    arrivals = draw_arrivals(shortened, durations_s)
    return Trace(arrivals[: len(arrivals) if asked is None else asked + scenario.backlog_jobs])


def _first_outage(scenario: Scenario) -> Outage | None:
    return min(scenario.provider.outages, key=lambda outage: outage.start_s, default=None)


def _kept(scenario: Scenario, arrivals: Floats, length_s: float) -> tuple[WindowCut, str, bool]:
    kind, last = scenario.arrivals, float(arrivals[-1]) if len(arrivals) else 0.0
    span, outage, period_s = minutes(length_s), _first_outage(scenario), scenario.arrivals.period_s
    if last <= length_s:
        all_of_it = WindowCut(0.0, max(last, 1e-9))
        ends = (scenario.duration_s or np.inf) <= length_s or (scenario.jobs or np.inf) <= len(arrivals)
        if ends or isinstance(kind, TraceArrivals | BacklogArrivals):
            return all_of_it, "the whole workload", True
        if period_s is not None:
            return all_of_it, f"a whole cycle of {minutes(period_s)}", True
        return all_of_it, f"the first {span}", False
    if isinstance(kind, BurstArrivals):
        return _around((kind.every_s - kind.peak_s) / 2, kind.peak_s, length_s), f"{span} around the peak", False
    if outage is not None and outage.start_s < last:
        return _around(outage.start_s, outage.length_s, length_s), f"{span} around the outage", False
    match kind:
        case DailyArrivals():
            return WindowCut(DAY_S / 2 - length_s / 2, length_s), f"{span} around noon", False
        case TraceArrivals():
            return WindowCut(_busiest_s(arrivals, length_s), length_s), f"the busiest {span}", False
        case RegularArrivals() | PoissonArrivals() | GammaArrivals() | BacklogArrivals() | ClosedArrivals():
            return WindowCut(0.0, length_s), f"the first {span}", False
        case _:
            assert_never(kind)


def _around(start_s: float, lasts_s: float, length_s: float) -> WindowCut:
    taken_s = min(lasts_s, PEAK * length_s)
    cut = (start_s + taken_s, start_s + lasts_s) if taken_s < lasts_s else (np.inf, np.inf)
    return WindowCut(max(0.0, start_s - LEAD * length_s), length_s, *cut)


def _changes_in_words(scenario: Scenario, keep: WindowCut) -> str:
    kind, words = scenario.arrivals, []
    if isinstance(kind, BurstArrivals) and np.isfinite(keep.cut_to_s):
        words.append(f"{minutes(kind.peak_s - (keep.cut_to_s - keep.cut_from_s))} of its {minutes(kind.peak_s)}")
    whole_s = sum(outage.length_s for outage in scenario.provider.outages)
    taken_s = sum(
        outage.length_s for outage in keep.outages(scenario.provider.outages) if outage.start_s <= keep.length_s
    )
    if taken_s == 0 < whole_s:
        words.append("without an outage")
    elif taken_s < whole_s * (1 - 1e-9):
        words.append(f"{minutes(taken_s)} of {minutes(whole_s)} of outage")
    if starting_backlog_of(scenario) and keep.start_s > 0:
        words.append("without the jobs that wait at the start")
    if scenario.warmup_jobs:
        words.append("from an empty start")
    if scenario.counts_first_byte:
        words.append("answers that are not streamed: the client's timeout is for the whole answer")
    return f" ({', '.join(words)})" if words else ""


def _busiest_s(arrivals: Floats, length_s: float) -> float:
    """Where a window begins whose first half holds the most arrivals: the second half shows what became of them."""
    counts = np.searchsorted(arrivals, arrivals + length_s / 2, "right") - np.arange(len(arrivals))
    return max(0.0, min(float(arrivals[int(counts.argmax())]) - LEAD * length_s, float(arrivals[-1]) - length_s))


def _select(trace: Trace, rows: Any, arrivals_s: Floats) -> Trace:
    def select(column: Floats | None) -> Floats | None:
        return None if column is None else column[rows]

    return Trace(
        arrivals_s, select(trace.input_tokens), select(trace.output_tokens), select(trace.service_s), WINDOW_NAME
    )


def minutes(seconds: float) -> str:
    if seconds < 120:
        return count(seconds, "second")
    return count(seconds / 60, "minute") if seconds < 7200 else count(seconds / 3600, "hour")
