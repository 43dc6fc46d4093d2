"""The live engine: a window of the Scenario through both designs with real parts, one after the other, beside what the kernel predicts.

It has the same face as the kernel (`simulator.simulate`). Both designs get the same jobs and equal workers.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from math import inf
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from pydantic import SecretStr

from simulator.arrivals import Trace
from simulator.live.errors import CannotRun, ProcessFailed, RunBroken
from simulator.live.run import calibrate, machine_benchmark
from simulator.live.run.calibrate import Calibration, calibration_of, costs_of
from simulator.live.run.compare import Resolution, compare_figures
from simulator.live.run.dead_letter_report import dead_letters_of
from simulator.live.run.design_run import Design, DesignRun, Stage, Watch, run_design
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.external import as_answered, briefly, require_answers, use_of
from simulator.live.run.folders import count_other_runs, run_folder
from simulator.live.run.fork_server import ForkServer
from simulator.live.run.machine_capacity import Capacity, current, known_or_measured, measured_kind
from simulator.live.run.measure import Rows, tally_of
from simulator.live.run.run_plan import LONGEST_DEFAULT_S, LiveRunPlan, plan_live_run
from simulator.live.run.window import Window
from simulator.live.system.config import ExternalEndpoint, WorkerKind
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import What
from simulator.memory import memory_bytes
from simulator.plan import DESIGN_WORDS, EVENT_DRIVEN, SYNCHRONOUS, Floats, mean_service_s
from simulator.replications import OnProgress, Progress
from simulator.result import Costs, DesignResult, Interval, Lateness, LiveFigure, LiveReport, LoadAverage, Result, SoFar
from simulator.scenario import Scenario, TraceArrivals
from simulator.schema import InvalidInput, Problem
from simulator.simulate import Estimate
from simulator.simulate import check as check_for_kernel
from simulator.summary import design_result, differences
from simulator.tally import Tally
from simulator.verdict import Share, inequalities_of, verdict_of
from simulator.warming import warm

__all__ = ["estimate", "simulate", "unsupported"]

MOST_WORKERS = 200
MOST_CONSUMERS: Mapping[WorkerKind, int] = {"threads": 200, "simple": 60, "forking": 60, "stock": 60}
"""A process each, but for threads."""
STOCK_TICKS_S = (0.0, 1.0)
"""rq's own scheduler looks once a second; 0 says nothing of it."""
DESIGNS: tuple[Design, Design] = (SYNCHRONOUS, EVENT_DRIVEN)  # type: ignore[assignment]
SPANS = {
    ("calibrate", SYNCHRONOUS): (0.0, 0.06),
    ("calibrate", EVENT_DRIVEN): (0.06, 0.12),
    ("run", SYNCHRONOUS): (0.12, 0.55),
    ("run", EVENT_DRIVEN): (0.55, 0.98),
}
START_UP = 0.1
"""The share of a part's progress that its start takes."""
SO_FAR_EVERY_S = 1.0
ALPHA = 0.05
LEAST_DRAIN_S, MOST_DRAIN_S = 10.0, 60.0


def simulate(
    scenario: Scenario,
    *,
    trace: Trace | None = None,
    replications: int | None = None,
    on_progress: OnProgress | None = None,
    durations_s: Floats | None = None,
    speed: float | None = None,
    seconds: float | None = None,
    workers: WorkerKind = "threads",
    time_limit_s: float = inf,
    label: str | None = None,
    workload: str = "document_extraction",
    external: ExternalEndpoint | None = None,
    key: SecretStr | None = None,
) -> Result:
    """Both designs on the same jobs, live.

    `replications`: a live run is one, whatever is asked for. `speed`, `seconds` and `time_limit_s` as for `plan_live_run`. `label` names the
    run's folder, so that its dead letters can be found while it lives. `on_progress` is called from this thread some ten times a second;
    what it raises stops the run, ends every part within two seconds and propagates. `external`, with its `key`, answers in the sample
    endpoint's place: in real time, and within its caps.

    Raises:
        InvalidInput: the scenario asks for what a live run does not do, or for a speed at which it would measure this machine.
        CannotRun: this machine does not let its processes run, or one of them failed; RunBroken with what had been measured by then.
    """
    began = time.monotonic()
    check(scenario, trace, durations_s, workers)
    tell = on_progress or (lambda _: None)
    with run_folder(label or f"{time.time_ns()}") as folder, ForkServer(folder) as server:
        before_run = MachineState.now(folder)
        warm(on_progress)
        tick = partial(tell, Progress("Measuring what this machine carries, once", 0.0))
        capacity = known_or_measured(
            workers, lambda: machine_benchmark.measured(folder, tick, server, workers=measured_kind(workers)), tick
        )
        plan = plan_live_run(
            scenario,
            trace,
            durations_s,
            speed=speed,
            seconds=seconds,
            workers=workers,
            external=external,
            capacity=capacity,
            time_limit_s=time_limit_s,
        )
        setting = Setting(
            folder, plan, capacity, Show(tell, plan.window, plan.speed), workload, key, server, before_run
        )
        show = setting.show
        costs = setting.calibrate()
        before: dict[str, Tally] = {design: setting.predict(design, costs) for design in DESIGNS}
        try:
            after: dict[str, Tally] = {design: setting.run(design, before[design]) for design in DESIGNS}
        except CannotRun as error:
            raise show.broken(error) from error
        show.at("Comparing with the prediction", 0.99)
        if external is not None:
            before = {design: setting.predict_as_answered(design, costs) for design in DESIGNS}
        return _result(setting, costs, before, after, time.monotonic() - began)


@dataclass
class Show:
    """Tells how far the run is, with what has been measured so far about once a second."""

    on_progress: OnProgress
    window: Window
    speed: float
    done: dict[str, DesignResult] = field(default_factory=dict)
    shown_at: float = 0.0
    so_far: SoFar | None = None

    def at(self, step: str, fraction: float) -> None:
        self.on_progress(Progress(step, fraction, self.so_far))

    def broken(self, error: CannotRun) -> CannotRun:
        """The error with what has been measured. Of a first design that failed by what it was answered, that is nothing to keep."""
        if self.so_far is None or not (self.done or isinstance(error, ProcessFailed)):
            return error
        return RunBroken(self.so_far.model_copy(update=self.done | {"failed": str(error)}))

    def watch(self, step: str, span: tuple[float, float], expected_s: float, *, measures: bool) -> "Watcher":
        return Watcher(self, step, span, expected_s, measures)


@dataclass
class Watcher:
    """What watches one design's run."""

    show: Show
    step: str
    span: tuple[float, float]
    expected_s: float
    measures: bool

    def __call__(self, found: DesignRun | None) -> None:
        low, high = self.span
        if found is None:
            self.show.at(f"Starting the parts of {self.step}", low)
            return
        now_s = found.clock.now_s()
        share = START_UP + (1 - START_UP) * min(1.0, max(0.0, now_s / self.expected_s))
        if self.measures and time.monotonic() - self.show.shown_at >= SO_FAR_EVERY_S:
            self.show.shown_at = time.monotonic()
            self.show.so_far = self._measured(found, now_s)
        self.show.at(f"Running {self.step} live", low + share * (high - low))

    def _measured(self, found: DesignRun, now_s: float) -> SoFar:
        stage = found.stage
        tally = tally_of(stage.scenario, stage.design, stage.jobs, Rows.of(found.rows, found.clock, now_s), ended=False)
        names = list(stage.scenario.event_driven.queues)
        result = design_result([tally], names, stable=True)
        results = self.show.done | {stage.design: result.model_copy(update={"series": found.as_sampled(result.series)})}
        return SoFar(
            speed=self.show.speed,
            window=self.show.window.words,
            scenario=self.show.window.scenario,
            synchronous=results.get(SYNCHRONOUS),
            event_driven=results.get(EVENT_DRIVEN),
            finished=tuple(design for design in DESIGNS if design in self.show.done),
        )


class MachineState(NamedTuple):
    """What else this machine does: its load over the last minute, and the live runs under way but for this one."""

    load: float
    other_runs: int

    @classmethod
    def now(cls, folder: Path) -> Self:
        return cls(os.getloadavg()[0], count_other_runs(folder))


@dataclass
class Setting:
    """What every part of one live run shares."""

    folder: Path
    plan: LiveRunPlan
    capacity: Capacity
    show: Show
    workload: str
    key: SecretStr | None = field(repr=False)
    server: ForkServer
    machine: "MachineState"
    """Before the run."""
    jobs: dict[str, Jobs] = field(init=False)
    performances: dict[str, DesignRun] = field(default_factory=dict)

    def __post_init__(self) -> None:
        window = self.window
        self.jobs = {
            design: draw_jobs(window.scenario, design, trace=window.trace, durations_s=window.durations_s)
            for design in DESIGNS
        }

    @property
    def window(self) -> Window:
        return self.plan.window

    @property
    def speed(self) -> float:
        return self.plan.speed

    @property
    def external(self) -> ExternalEndpoint | None:
        return self.plan.external

    def calibrate(self) -> Costs:
        """Both designs for a few seconds on other jobs, always at the sample endpoint: it is this machine that is measured."""
        calibration = calibration_of(self.window if self.external is None else briefly(self.window), self.speed)
        found: dict[str, DesignRun] = {design: self._calibrated(calibration, design) for design in DESIGNS}
        return costs_of(found[SYNCHRONOUS], found[EVENT_DRIVEN])

    def _calibrated(self, calibration: Calibration, design: Design) -> DesignRun:
        stage = replace(calibration.stage(design, self.workload), workers=self.plan.workers)
        step = f"a calibration of {DESIGN_WORDS[design]}"
        watch = self.show.watch(step, SPANS["calibrate", design], calibrate.SECONDS * self.speed, measures=False)
        return run_design(stage, self.folder, watch, self.server)

    def predict(self, design: Design, costs: Costs) -> Tally:
        """The kernel on the same jobs, with the machine's costs."""
        self.show.at(f"Predicting {DESIGN_WORDS[design]}", SPANS["run", SYNCHRONOUS][0])
        return calibrate.predicted(self.window, costs, self.speed, self.jobs[design], design)

    def predict_as_answered(self, design: Design, costs: Costs) -> Tally:
        """What the kernel makes of it with the times that an outside endpoint's calls really took: on equal terms."""
        window, jobs = as_answered(self.window, self.jobs[design], self.performances[design])
        return calibrate.predicted(window, costs, self.speed, jobs, design)

    def run(self, design: Design, prediction: Tally) -> Tally:
        """The design, live; how long to wait for the last results goes by the kernel's prediction."""
        last_s = float(self.window.trace.arrivals_s[-1])
        expected_s = self.window.done_s(prediction)
        drain_s = min(max(MOST_DRAIN_S, self.plan.seconds), LEAST_DRAIN_S + 2 * (expected_s - last_s) / self.speed)
        if self.external is not None:  # as long as calls may be under way
            drain_s = max(drain_s, self.external.seconds_a_design - last_s)
        stage = Stage(
            self.window.scenario,
            design,
            self.jobs[design],
            self.speed,
            drain_s,
            self.workload,
            self.external,
            self.key,
            self.plan.workers,
        )
        watch = self.show.watch(DESIGN_WORDS[design], SPANS["run", design], expected_s, measures=True)
        found = self.performances[design] = run_design(stage, self.folder, self._attentive(watch, design), self.server)
        if self.external is not None:
            require_answers(self.external, found, self.folder / design)
        tally = tally_of(stage.scenario, design, stage.jobs, Rows.of(found.rows, found.clock), ended=True)
        self.show.done[design] = self.result_of(tally)
        return tally

    def _attentive(self, watch: Watch, design: Design) -> Watch:
        """Looks, at an outside endpoint, whether anything can come of its answers, too."""
        external = self.external
        if external is None:
            return watch

        def look(found: DesignRun | None) -> None:
            watch(found)
            if found is not None:
                require_answers(external, found, self.folder / design)

        return look

    def result_of(self, tally: Tally) -> DesignResult:
        return design_result([tally], list(self.window.scenario.event_driven.queues), stable=True)


def _result(setting: Setting, costs: Costs, before: dict[str, Tally], after: dict[str, Tally], real_s: float) -> Result:
    scenario = setting.window.scenario
    results: dict[str, DesignResult] = {design: setting.result_of(tally) for design, tally in after.items()}
    predicted: dict[str, DesignResult] = {design: setting.result_of(tally) for design, tally in before.items()}
    difference = differences([after[SYNCHRONOUS]], [after[EVENT_DRIVEN]], stable=True)
    shares = {str(design): _share(result) for design, result in results.items()}
    return Result(
        engine="live",
        seed=scenario.seed,
        replications=1,
        synchronous=results[SYNCHRONOUS],
        event_driven=results[EVENT_DRIVEN],
        difference=difference,
        verdict=verdict_of(scenario, shares, _ahead(difference)),
        inequalities=tuple(inequalities_of(scenario)),
        live=_report(setting, costs, predicted, results, real_s),
    )


def _report(
    setting: Setting,
    costs: Costs,
    predicted: dict[str, DesignResult],
    measured: dict[str, DesignResult],
    real_s: float,
) -> LiveReport:
    window = setting.window
    mean_s = mean_service_s(window.scenario, window.trace, window.durations_s)
    endpoint = None if setting.external is None else use_of(setting.external, setting.performances, mean_s)
    machine = MachineState.now(setting.folder)
    ends = tuple(chain.from_iterable(found.process_ends for found in setting.performances.values()))
    lateness: dict[str, Lateness] = {design: _lateness(found) for design, found in setting.performances.items()}
    return LiveReport(
        speed=setting.speed,
        seconds=setting.plan.seconds,
        workers=setting.plan.workers,
        window=window.words,
        window_s=window.length_s,
        scenario=window.scenario,
        jobs=window.jobs,
        real_s=real_s,
        costs=costs,
        predicted_synchronous=predicted[SYNCHRONOUS],
        predicted_event_driven=predicted[EVENT_DRIVEN],
        figures=_figures(setting, costs, lateness, predicted, measured),
        lateness=lateness,
        restarts=sum(end.restarted for end in ends),
        process_ends=ends,
        unfinished_calls=setting.performances[SYNCHRONOUS].unfinished_calls,
        load_average=LoadAverage(before=setting.machine.load, after=machine.load, cores=os.cpu_count() or 1),
        other_runs=max(setting.machine.other_runs, machine.other_runs),
        dead_letters=dead_letters_of(setting.performances[EVENT_DRIVEN]),
        endpoint=endpoint,
    )


def _figures(
    setting: Setting,
    costs: Costs,
    lateness: dict[str, Lateness],
    predicted: dict[str, DesignResult],
    measured: dict[str, DesignResult],
) -> tuple[LiveFigure, ...]:
    machine, window = setting.capacity, setting.window
    service_s = mean_service_s(window.scenario, window.trace, window.durations_s)
    carried = {SYNCHRONOUS: machine.synchronous_jobs_per_s, EVENT_DRIVEN: machine.event_driven_jobs_per_s}
    figures: list[LiveFigure] = []
    for design in DESIGNS:
        resolution = Resolution.from_run(
            measured[design],
            design,
            costs,
            lateness[design],
            speed=setting.speed,
            calls_per_s=carried[design],
            service_s=service_s,
        )
        figures += compare_figures(design, predicted[design], measured[design], resolution)
    return tuple(figures)


def _lateness(found: DesignRun) -> Lateness:
    late = found.rows["value"][found.rows["what"] == What.ARRIVED]
    if not len(late):
        return Lateness(mean_s=0.0, p99_s=0.0, max_s=0.0)
    return Lateness(mean_s=float(late.mean()), p99_s=float(np.quantile(late, 0.99)), max_s=float(late.max()))


def _share(result: DesignResult) -> Share:
    """The good share's interval; if all jobs or none are good, not narrower than the exact one-sided 95 % bound (Clopper and Pearson, 1934)."""
    low, high = result.intervals.get("good_share", (0.0, 1.0))
    exact = ALPHA ** (1 / max(1, result.offered))
    if result.good == result.offered:
        low = min(low, exact)
    if result.good == 0:
        high = max(high, 1 - exact)
    return Share(low, high, True)


def _ahead(difference: dict[str, Interval]) -> set[tuple[str, str]]:
    found = difference.get("good_share")
    if found is None:
        return set()
    ahead = [(EVENT_DRIVEN, SYNCHRONOUS, found.low > 0), (SYNCHRONOUS, EVENT_DRIVEN, found.high < 0)]
    return {(one, other) for one, other, is_ahead in ahead if is_ahead}


def check(
    scenario: Scenario, trace: Trace | None, durations_s: Floats | None = None, workers: WorkerKind = "threads"
) -> None:
    """Refuse what cannot be run live.

    Raises:
        InvalidInput: with a problem for each reason.
    """
    if problems := unsupported(scenario, workers):
        raise InvalidInput(problems)
    check_for_kernel(scenario, trace, durations_s)


def estimate(
    scenario: Scenario,
    trace: Trace | None = None,
    replications: int | None = None,
    *,
    seconds: float | None = None,
    workers: WorkerKind = "threads",
) -> Estimate:
    """What the run will take at most: a window of jobs through each design, and the memory of the recording that it is cut from."""
    trace = trace if isinstance(scenario.arrivals, TraceArrivals) else None
    jobs = round(2 * (seconds or LONGEST_DEFAULT_S) * current(workers).jobs_per_s)
    return Estimate(jobs, memory_bytes(scenario, trace))


def unsupported(scenario: Scenario, workers: WorkerKind = "threads") -> tuple[Problem, ...]:
    """What a live run does not do: refused, never ignored."""
    synchronous, events = scenario.synchronous, scenario.event_driven
    most = MOST_CONSUMERS[workers]
    kind = (
        f"a live run has at most {most} of them"
        if workers == "threads"
        else f"{workers} workers are at most {most}, a process each"
    )
    stock = workers == "stock"
    reasons: list[tuple[bool, str, str]] = [
        (scenario.hybrid is not None, "hybrid", "a live run has the two designs, and no hybrid; use the kernel"),
        (scenario.autoscaling is not None, "autoscaling", "a live run has a fixed number of workers; use the kernel"),
        (
            synchronous.workers > MOST_WORKERS,
            "synchronous.workers",
            f"a live run has at most {MOST_WORKERS} of them; use the kernel",
        ),
        (
            events.consumers > most,
            "event_driven.consumers",
            f"{kind}; use {'the kernel' if workers == 'threads' else 'threads, or the kernel'}",
        ),
        (
            stock and events.retry_tick_s not in STOCK_TICKS_S,
            "event_driven.retry_tick_s",
            f"stock workers have rq's own scheduler, which looks once a second, not every {events.retry_tick_s:g} s; use other workers",
        ),
        (
            stock and len(events.queues) > 1 and events.discipline == "weighted",
            "event_driven.discipline",
            "rq's own workers have no weighted order of their queues; use other workers",
        ),
    ]
    return tuple(Problem(path, reason) for applies, path, reason in reasons if applies)
