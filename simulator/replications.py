"""Runs replications of both designs in threads (the kernel releases the GIL), in slices, with progress from the calling thread."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from math import ceil, floor, inf
from typing import Any, Protocol

import numpy as np

from core.processes.cores import usable_cores
from core.processes.priority import lower_thread_priority
from simulator.arrivals import PoissonArrivals
from simulator.checkpoints import CHECKPOINTS, Checkpoints
from simulator.kernel import layout
from simulator.kernel.compiled import is_cached
from simulator.kernel.event_driven import run_event_driven
from simulator.kernel.layout import DONE, GROW, UNFIT
from simulator.kernel.scaling import AUTOSCALER_LOOK_S
from simulator.kernel.single_station import run_single_station
from simulator.kernel.synchronous import run_synchronous
from simulator.plan import (
    EVENT_DRIVEN,
    SYNCHRONOUS,
    UNBOUNDED,
    Array,
    KernelState,
    build_state,
    client_retries_of,
    designs_of,
    is_single_station,
    jobs_of,
    recorded_of,
    retries_of,
)
from simulator.resampling import first_of, resample_durations, resample_trace
from simulator.result import SoFar
from simulator.scenario import Scenario
from simulator.services import ExponentialService
from simulator.stopping import Stopped, current_wish
from simulator.tally import FineTally, Tally, missed_of, tally_of
from simulator.trace_columns import Floats
from simulator.traces import Trace

_lock = threading.Lock()
_warm = threading.Event()
_yields = threading.Event()
MOST_KEPT = 24
"""Tallies, of some hundred kilobytes each."""
_kept: OrderedDict[tuple[str, str, bool, bool, int], Tally] = OrderedDict()
Loop = Callable[..., int]
LOOPS: dict[str, Loop] = {SYNCHRONOUS: run_synchronous, EVENT_DRIVEN: run_event_driven}
"""The event loop of each design; the hybrid runs in the event-driven one."""
SLICE_S = 0.08
"""A slice of the event loop, short enough that a run stops at once when it is cancelled."""
FIRST_BUDGET = 2000
"""Events of the first slice, before the time of one is known: from 50 ns to 100 us, with a hundred subscribers that fail."""
EVENTS_A_PROBE = 8
EVENTS_A_JOB = 4
"""About as many as a plain job has: slices of a first replication end often enough for its checkpoints."""
EVENTS_BETWEEN_LOOKS = 5_000
"""If a run ends once enough has missed, its slices have no more."""
FASTER = 4
"""A slice has at most this many times the events of the last one: expensive events may follow cheap ones."""
REPORT_S = 0.1
COMPILING = "Compiling the simulator, once"
LOOKING_CLOSER = "Looking closer at the peak"
LOADING = "Loading the simulator"
NUMBER = {2: "both", 3: "three"}
FIRST_RESAMPLE = 2**40
"""The number of the first replication of a resample: its draws are those of no other."""


@dataclass(frozen=True)
class Progress:
    step: str
    fraction: float
    so_far: SoFar | None = None
    """What has been measured, where the engine can say before the end."""


OnProgress = Callable[[Progress], None]


class Share(Protocol):
    """Which of a run's replications this process simulates, and what others have simulated of them. Called from the run's own thread."""

    def offer(self, replications: Sequence[int]) -> None:
        pass

    def take(self) -> int | None:
        """The next one for this process; None if there is none now."""

    def collect(self) -> Mapping[int, Mapping[str, Tally]]:
        """Those that others have simulated since it was last called, by replication and design."""


class AllOfThem:
    """The share of a process that works alone."""

    def __init__(self) -> None:
        self._left: deque[int] = deque()

    def offer(self, replications: Sequence[int]) -> None:
        self._left.extend(replications)

    def take(self) -> int | None:
        return self._left.popleft() if self._left else None

    def collect(self) -> Mapping[int, Mapping[str, Tally]]:
        return {}


class EndlessRun(RuntimeError):
    """An event loop handles more events than its jobs can cause: a defect that would keep the run from ending."""


ENDLESS_DELIVERIES = 100
"""Deliveries a job, on average, after which a run is cut in which jobs may be delivered for ever."""
EVENTS_ALLOWED = 1_000_000
"""Jobs and events that a run may have beyond what is expected of it, before it counts as endless."""


@dataclass(frozen=True)
class _Bounds:
    jobs: float
    events_per_job: float
    may_be_endless: bool = False
    """Whether jobs may be delivered again, or be probes, for ever: the system grows, and more events than that only make the run long."""
    probe_events: float = 0.0
    """Of the circuit breaker's probes while the provider is out of service."""

    @classmethod
    def from_scenario(cls, scenario: Scenario, design: str, m: Any) -> "_Bounds":
        if m["jobs"] < UNBOUNDED:
            jobs = float(m["jobs"])
        else:
            busiest, _ = scenario.arrivals.peak
            jobs = EVENTS_ALLOWED + 2 * float(m["rate"]) * min(float(m["end"]) * busiest, float(m["last"]))
        calls = client_retries_of(scenario, design) + 1
        attempts = retries_of(scenario, design) + 1
        events_per_job = calls * (4 + attempts * (8 + scenario.subscribers.count))
        if design == SYNCHRONOUS:
            return cls(jobs, events_per_job)
        breaker, most = scenario.event_driven.breaker, scenario.event_driven.max_deliveries
        out_s = sum(outage.length_s for outage in scenario.provider.outages)
        probe_events = 0.0 if breaker is None else EVENTS_A_PROBE * out_s / breaker.pause_s
        if not scenario.event_driven.redelivers:
            return cls(jobs, events_per_job, may_be_endless=breaker is not None, probe_events=probe_events)
        return cls(
            jobs,
            events_per_job + 8 * (most or ENDLESS_DELIVERIES),
            may_be_endless=most is None or breaker is not None,
            probe_events=probe_events,
        )

    def check(self, m: Any) -> None:
        """Cut the run here if jobs may be delivered for ever and the loop is beyond its bounds.

        Raises:
            EndlessRun: if the loop is beyond them otherwise.
        """
        jobs, events = int(m["next_job"]), int(m["events"])
        looks = 2 * float(m["scale_at"]) / AUTOSCALER_LOOK_S if m["scaled"] else 0.0
        if jobs > self.jobs or events > EVENTS_ALLOWED + self.events_per_job * jobs + looks + self.probe_events:
            if self.may_be_endless and jobs <= self.jobs:
                m["end"] = min(m["end"], m["now"])
                return
            raise EndlessRun(
                f"the simulation was stopped at {float(m['now']):g} s of simulated time: {jobs:,} requests caused {events:,} events, "
                "more than they can. This is a defect of the simulator; please report it with the scenario"
            )


@dataclass
class Runner:
    """Runs replications of one scenario; collects their tallies by design, in the order of replications.

    `shortcut`: a design that is a single station runs in its own, faster loop, to the same tally. `designs` are those that run, if not all.
    `keeps_checkpoints`: the state of the first replication is kept now and then, to look closer at a part of it.
    `keeps_times`: tallies have waits, latencies and series.
    `kept_as`: by design, what its tallies depend on; the last ones of all runners are kept, and a run that was made before is not made again.
    `most_missed`: replications end once more jobs than that have missed.
    `share`: that of this process in the replications, if others simulate some of them.
    """

    scenario: Scenario
    trace: Trace | None
    drawn: Floats | None
    drains: dict[str, bool]
    threads: int | None = None
    shortcut: bool = True
    designs: tuple[str, ...] | None = None
    keeps_checkpoints: bool = True
    keeps_times: bool = True
    kept_as: Mapping[str, str] = field(default_factory=dict)
    most_missed: float = inf
    share: Share = field(default_factory=AllOfThem)
    rows: Array = field(init=False)
    tallies: dict[str, list[Tally]] = field(init=False)
    resampled: dict[str, list[Tally]] = field(init=False)
    """Of runs of a resample of what was recorded each."""
    peak_slots: int = 0

    def __post_init__(self) -> None:
        self.rows = recorded_of(self.trace, self.drawn, self.scenario.backlog_jobs)
        self.tallies = {design: [] for design in self.designs or designs_of(self.scenario)}
        self.resampled = {design: [] for design in self.tallies}
        self._stop, self._is_wanted = threading.Event(), current_wish()
        self._jobs = max(1, jobs_of(self.scenario, self.trace))
        self._done: dict[tuple[str, int], float] = {}
        self._checkpoints = {design: Checkpoints() for design in self.tallies}
        self._longest_s = dict.fromkeys(self.tallies, 0.0)

    @property
    def finished(self) -> int:
        return len(next(iter(self.tallies.values())))

    def run(self, until: int, on_progress: OnProgress | None = None, span: tuple[float, float] = (0.0, 1.0)) -> None:
        """Run replications up to the number `until`, reporting the part `span` of the whole.

        What `on_progress` raises stops the run and propagates.
        """
        self._run(self.finished, until, self.tallies, on_progress, span)

    def resample(self, count: int, on_progress: OnProgress | None, span: tuple[float, float]) -> None:
        """Run resamples of what was recorded, one a replication."""
        self._run(FIRST_RESAMPLE, FIRST_RESAMPLE + count, self.resampled, on_progress, span)

    def run_one(self, replication: int, on_progress: OnProgress | None = None) -> dict[str, Tally]:
        """Run the replication of this number, which may be a resample, in each design."""
        tallies: dict[str, list[Tally]] = {design: [] for design in self.tallies}
        self._run(replication, replication + 1, tallies, on_progress, (0.0, 1.0))
        return {design: each[0] for design, each in tallies.items()}

    @property
    def is_recorded(self) -> bool:
        """Whether arrivals or durations are a recording, which is a sample of what it represents."""
        return self.trace is not None or self.drawn is not None

    def _run(
        self,
        first: int,
        until: int,
        tallies: dict[str, list[Tally]],
        on_progress: OnProgress | None,
        span: tuple[float, float],
    ) -> None:
        replications = range(first, until)
        workers = max(1, min(len(replications) * len(tallies), self.threads or usable_cores()))
        if workers == 1 and on_progress is None:
            ended = {(design, number): self._replicate(design, number) for number in replications for design in tallies}
        else:
            with ThreadPoolExecutor(workers, thread_name_prefix="kernel", initializer=_begin_thread) as pool:
                try:
                    ended = self._share_out(pool, workers, replications, tuple(tallies), on_progress, span)
                except BaseException:
                    self._stop.set()
                    pool.shutdown(wait=True, cancel_futures=True)
                    raise
        for design, of_design in tallies.items():
            of_design += [ended[design, number] for number in replications]

    def _share_out(
        self,
        pool: ThreadPoolExecutor,
        workers: int,
        replications: range,
        designs: tuple[str, ...],
        on_progress: OnProgress | None,
        span: tuple[float, float],
    ) -> dict[tuple[str, int], Tally]:
        """Simulate this process's share. The first replication is always of it: its checkpoints are kept here."""
        first_here = [0] if 0 in replications else []
        self.share.offer(replications[len(first_here) :])
        tasks = [(design, number) for number in replications for design in designs]
        ended: dict[tuple[str, int], Tally] = {}
        pending: dict[Future[Tally], tuple[str, int]] = {}
        while len(ended) < len(tasks):
            for number, of_others in self.share.collect().items():
                ended |= {(design, number): tally for design, tally in of_others.items()}
            while len(pending) < workers:
                taken = first_here.pop() if first_here else self.share.take()
                if taken is None:
                    break
                pending |= {pool.submit(self._replicate, design, taken): (design, taken) for design in designs}
            if pending:
                done, _ = wait(pending, timeout=REPORT_S, return_when=FIRST_COMPLETED)
                ended |= {pending.pop(future): future.result() for future in done}
            elif len(ended) < len(tasks):
                time.sleep(REPORT_S)
            if on_progress is not None:
                done_share = sum(1.0 if task in ended else self._done.get(task, 0.0) for task in tasks) / len(tasks)
                on_progress(_progress(replications, len(designs), done_share, span))
        return ended

    def _replicate(self, design: str, replication: int) -> Tally:
        if design not in self.kept_as:
            return self._simulate(design, replication)
        key = (design, self.kept_as[design], self.drains[design], self.keeps_times, replication)
        with _lock:
            kept = _kept.get(key)
        tally = kept or self._simulate(design, replication)
        with _lock:
            _kept[key] = tally
            _kept.move_to_end(key)
            while len(_kept) > MOST_KEPT:
                _kept.popitem(last=False)
        return tally

    def _simulate(self, design: str, replication: int) -> Tally:
        state = self.build_state(design, replication)
        fast = self.shortcut and is_single_station(state.machine[0])
        if not fast or not self._slices(design, replication, state, run_single_station):
            state = self.build_state(design, replication) if fast else state
            if replication == 0 and self.keeps_checkpoints:
                return self._replicate_first(design, state)
            self._slices(design, replication, state, LOOPS.get(design, run_event_driven))
        self.peak_slots = max(self.peak_slots, len(state.slots))
        return tally_of(state.machine[0], has_times=self.keeps_times)

    def _replicate_first(self, design: str, state: KernelState) -> Tally:
        """Also keep checkpoints, and latencies by the bin of the arrival."""
        m, latencies = state.machine[0], np.zeros(layout.BINS, dtype=layout.LATENCY_BIN)
        m["latency_bins"] = latencies.ctypes.data
        self._slices(design, 0, state, LOOPS.get(design, run_event_driven), self._checkpoints[design])
        self._longest_s[design] = float(m["latency_max"])
        self.peak_slots = max(self.peak_slots, len(state.slots))
        return replace(tally_of(m), latency_counts=latencies["counts"][: int(m["bin"])])

    def run_with_rows(self, design: str, most: int) -> tuple[Array, float]:
        """Run the first replication, and keep what became of its first jobs: a JOB_ROW each, at most `most`, and when the run was cut, if it was."""
        state = self.build_state(design, 0)
        m, rows = state.machine[0], np.zeros(most, dtype=layout.JOB_ROW)
        m["job_rows"], m["job_row_count"] = rows.ctypes.data, most
        self._slices(design, 0, state, LOOPS.get(design, run_event_driven))
        return rows[: int(m["next_job"])], float(m["end"])

    def look_closer(
        self, windows: Mapping[str, Sequence[tuple[float, float]]], on_progress: OnProgress | None = None
    ) -> dict[str, list[FineTally]]:
        """Run these windows (start and end, seconds) of each design's first replication again, in bins of their own.

        What `on_progress` raises stops the run and propagates.
        """
        workers = self.threads or usable_cores()
        with ThreadPoolExecutor(workers, thread_name_prefix="kernel", initializer=_begin_thread) as pool:
            futures = {
                design: [pool.submit(self._window, design, window) for window in spans]
                for design, spans in windows.items()
            }
            pending = {future for of_design in futures.values() for future in of_design}
            try:
                while pending:
                    _, pending = wait(pending, timeout=REPORT_S, return_when=FIRST_COMPLETED)
                    if on_progress is not None:
                        on_progress(Progress(LOOKING_CLOSER, 1.0))
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return {design: [future.result() for future in of_design] for design, of_design in futures.items()}

    def _window(self, design: str, window: tuple[float, float]) -> FineTally:
        """Jobs settle at most their longest latency after they arrive, and are settled by the loop at most that long before."""
        (start_s, end_s), longest_s = window, self._longest_s[design]
        state = self.build_state(design, 0)
        checkpoint = self._checkpoints[design].before(start_s - longest_s)
        if checkpoint is not None:
            checkpoint.restore(state)
        m, latencies = state.machine[0], np.zeros(layout.BINS, dtype=layout.LATENCY_BIN)
        m["windowed"], m["latency_bins"] = 1, latencies.ctypes.data
        m["bin"], m["bin_start"], m["bin_width"] = 0, start_s, (end_s - start_s) / layout.BINS
        m["bin_end"] = m["bin_start"] + m["bin_width"]
        m["bins"][:], m["call_bins"][:] = 0, 0
        m["call_start"] = m["call_second"] = floor(start_s)
        m["call_seconds"] = max(1, ceil(end_s) - floor(start_s))
        m["calls_in_second"] = m["call_shift"] = m["busiest_calls"] = 0
        self._slices(design, 0, state, LOOPS.get(design, run_event_driven), until_s=end_s + longest_s)
        return FineTally.from_machine(m, latencies)

    def build_state(self, design: str, replication: int) -> KernelState:
        trace, drawn, rows = self.trace, self.drawn, self.rows
        if replication >= FIRST_RESAMPLE:
            generator = np.random.default_rng((self.scenario.seed, replication - FIRST_RESAMPLE))
            trace = (
                None
                if trace is None
                else resample_trace(first_of(trace, self._jobs - self.scenario.backlog_jobs), generator)
            )
            drawn = None if drawn is None else resample_durations(drawn, generator)
            rows = recorded_of(trace, drawn, self.scenario.backlog_jobs)
        return build_state(
            self.scenario,
            design,
            replication,
            trace=trace,
            drawn=drawn,
            rows=rows,
            drains=self.drains[design],
        )

    def _slices(
        self,
        design: str,
        replication: int,
        state: KernelState,
        loop: Loop,
        keeps: Checkpoints | None = None,
        until_s: float = inf,
    ) -> bool:
        m = state.machine[0]
        part = max(FIRST_BUDGET, self._jobs * EVENTS_A_JOB // CHECKPOINTS)
        most = part if keeps is not None or until_s < inf else EVENTS_ALLOWED * part
        is_watched = self.most_missed < inf
        most, budget = (min(most, EVENTS_BETWEEN_LOOKS), EVENTS_BETWEEN_LOOKS) if is_watched else (most, FIRST_BUDGET)
        bounds = _Bounds.from_scenario(self.scenario, design, m)
        while True:
            if self._stop.is_set() or not self._is_wanted():
                raise Stopped
            began, before = time.perf_counter(), int(m["events"])
            status = loop(state.machine, budget)
            self._done[design, replication] = 1.0 if status == DONE else min(self._fraction(m), 0.999)
            if status in (DONE, UNFIT):
                return status == DONE
            bounds.check(m)
            if float(m["now"]) > until_s or missed_of(m) > self.most_missed:
                return True
            if not is_watched:  # where it ends must not depend on how fast this machine is now
                rate = (int(m["events"]) - before) / max(time.perf_counter() - began, 1e-6)
                budget = min(max(100, int(rate * SLICE_S)), FASTER * budget, most)
            if status == GROW:
                state.grow()
            if keeps is not None:
                keeps.keep(state, self._fraction(m))

    def _fraction(self, m: Any) -> float:
        if self.scenario.duration_s is not None:
            return float(m["now"]) / self.scenario.duration_s
        return float(m["next_job"]) / self._jobs


def _progress(replications: range, designs: int, done: float, span: tuple[float, float]) -> Progress:
    first, until = replications.start, replications.stop
    number = min(first + int(done * len(replications)) + 1, until) % FIRST_RESAMPLE
    what = "resample" if first >= FIRST_RESAMPLE else "replication"
    step = f"Simulating {NUMBER[designs]} designs, {what} {number} of {until % FIRST_RESAMPLE}"
    return Progress(step, span[0] + done * (span[1] - span[0]))


def yield_to_other_work() -> None:
    """Simulate at a low priority in this process from now on, so that other processes answer meanwhile."""
    _yields.set()


def _begin_thread() -> None:
    if _yields.is_set():
        lower_thread_priority()


def is_warm() -> bool:
    """Whether the event loops can run at once."""
    return _warm.is_set()


def warm(on_progress: OnProgress | None = None) -> None:
    """Load the compiled event loops from their cache, or compile them.

    Reports a step of its own, because a cold compile takes a while; what `on_progress` raises propagates.
    """
    if _warm.is_set():
        return
    step = LOADING if is_cached() else COMPILING
    with ThreadPoolExecutor(1, thread_name_prefix="compile") as pool:
        compiling = pool.submit(_run_a_few)
        while wait([compiling], timeout=REPORT_S).not_done:
            if on_progress is not None:
                on_progress(Progress(step, 0.0))
        compiling.result()


def _run_a_few() -> None:
    """The loops compile for the types of their first arguments, which are always the same."""
    with _lock:
        if _warm.is_set():
            return
        scenario = Scenario(
            jobs=10,
            arrivals=PoissonArrivals(process="poisson", rate_per_s=1.0),
            service=ExponentialService(distribution="exponential", mean_s=1.0),
        )
        for design, loop in [*LOOPS.items(), (SYNCHRONOUS, run_single_station)]:
            state = build_state(scenario, design, 0, trace=None, drawn=None, rows=recorded_of(None, None), drains=True)
            if loop(state.machine, 1000) != DONE:
                raise RuntimeError("the kernel did not finish ten jobs")
        _warm.set()
