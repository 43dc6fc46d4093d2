"""The live engine: runs a window of the Scenario through both designs with real processes, and compares with what the kernel predicts."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import accumulate, chain, pairwise, product
from math import inf
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from pydantic import SecretStr

from core.errors import CannotRun
from core.processes.cores import usable_cores
from simulator.class_conclusions import with_class_conclusions
from simulator.conclusions import share_of_design, verdict_of, with_conclusion
from simulator.inequalities import inequalities_of
from simulator.live.errors import ProcessFailed, RunBroken, file_errors_explained
from simulator.live.run import calibrate
from simulator.live.run.calibrate import calibration_scenario, mean_costs
from simulator.live.run.compare import Resolution, compare_figures
from simulator.live.run.design_run import DesignRun, DesignSetup, run_design
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.external import endpoint_use, require_answers, shorten_service, with_answered_times
from simulator.live.run.folders import count_other_runs, run_folder
from simulator.live.run.fork_server import ForkServer
from simulator.live.run.machine_benchmark import measure_capacity
from simulator.live.run.machine_capacity import Capacity, known_or_measured, measured_kind
from simulator.live.run.run_plan import STARTING_S, LiveRunPlan, plan_live_run
from simulator.live.run.support import check_live
from simulator.live.system.config import ExternalEndpoint
from simulator.live.system.jobs import Jobs
from simulator.live.system.journal import EventType
from simulator.plan import DESIGN_WORDS, EVENT_DRIVEN, SYNCHRONOUS, mean_service_s
from simulator.replications import OnProgress, Progress, warm
from simulator.result import (
    Costs,
    DeadLetter,
    Design,
    DesignResult,
    Lateness,
    LiveFigure,
    LiveReport,
    LoadAverage,
    Result,
    SoFar,
    WorkerKind,
)
from simulator.scenario import Scenario
from simulator.summary import design_result, differences
from simulator.tally import Tally
from simulator.trace_columns import Floats
from simulator.traces import Trace

DESIGNS: tuple[Design, Design] = (SYNCHRONOUS, EVENT_DRIVEN)
PHASES = tuple(product(("calibrate", "run"), DESIGNS))
COMPARING = 0.02
"""The part of the progress that is left for the comparison."""
SO_FAR_EVERY_S = 1.0
DEAD_LETTERS_KEPT = 200
LEAST_DRAIN_S, MOST_DRAIN_S = 10.0, 60.0


@file_errors_explained()
def simulate_live(
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
    run's folder, so that its dead letters can be found while it runs. `on_progress` is called from this thread some ten times a second;
    what it raises stops the run, ends every process within two seconds and propagates. `external`, with its `key`, answers in the sample
    endpoint's place: in real time, and within its caps.

    Raises:
        InvalidInput: the scenario asks for what a live run does not do, or for a speed at which it would measure this machine.
        CannotRun: this machine does not let its processes run, or one of them failed; RunBroken with what had been measured by then.
    """
    began = time.monotonic()
    check_live(scenario, trace, durations_s, workers)
    report = on_progress or (lambda _: None)
    with run_folder(label or f"{time.time_ns()}") as folder, ForkServer(folder) as server:
        machine = MachineState.now(folder)
        warm(on_progress)
        tick = partial(report, Progress("Measuring what this machine carries, once", 0.0))
        capacity = known_or_measured(
            workers, lambda: measure_capacity(folder, tick, server, workers=measured_kind(workers)), tick
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
        run = LiveRun(
            folder, server, plan, capacity, machine, workload, key, report, elapsed_s=time.monotonic() - began
        )
        costs = run.calibrate()
        predicted: dict[str, Tally] = {design: run.predict(design, costs) for design in DESIGNS}
        try:
            measured: dict[str, Tally] = {design: run.measure(design, predicted[design]) for design in DESIGNS}
        except CannotRun as error:
            raise run.with_what_was_measured(error) from error
        run.report_progress("Comparing with the prediction", 0.99)
        if external is not None:
            predicted = {design: run.predict_as_answered(design, costs) for design in DESIGNS}
        return _result(run, costs, predicted, measured, time.monotonic() - began)


def phase_seconds(plan: LiveRunPlan) -> dict[tuple[str, str], float]:
    """Real seconds of each calibration and each design, by the plan."""
    calibrating_s = STARTING_S + calibrate.SECONDS
    running_s = max(STARTING_S, plan.real_s / 2 - calibrating_s)
    return {phase: calibrating_s if phase[0] == "calibrate" else running_s for phase in PHASES}


def spans_of(plan: LiveRunPlan, elapsed_s: float) -> dict[tuple[str, str], tuple[float, float]]:
    """Where in the progress each phase begins and ends: in proportion to the time, so that the time left can be told from it.

    `elapsed_s` has gone by before the first one.
    """
    seconds = phase_seconds(plan)
    ends = list(accumulate(seconds.values(), initial=elapsed_s))
    return {
        phase: ((1 - COMPARING) * low / ends[-1], (1 - COMPARING) * high / ends[-1])
        for phase, (low, high) in zip(seconds, pairwise(ends), strict=True)
    }


class MachineState(NamedTuple):
    load: float
    other_runs: int

    @classmethod
    def now(cls, folder: Path) -> Self:
        return cls(os.getloadavg()[0], count_other_runs(folder))


@dataclass
class LiveRun:
    folder: Path
    server: ForkServer
    plan: LiveRunPlan
    capacity: Capacity
    machine: MachineState
    workload: str
    key: SecretStr | None = field(repr=False)
    report: OnProgress
    elapsed_s: float = 0.0
    """Real seconds before its first phase."""
    jobs: dict[str, Jobs] = field(init=False)
    runs: dict[str, DesignRun] = field(default_factory=dict)
    results: dict[str, DesignResult] = field(default_factory=dict)
    so_far: SoFar | None = None
    measured_at: float = 0.0
    other_runs: int = 0

    def __post_init__(self) -> None:
        window = self.plan.window
        self.jobs = {
            design: draw_jobs(window.scenario, design, trace=window.trace, durations_s=window.durations_s)
            for design in DESIGNS
        }

    @cached_property
    def spans(self) -> Mapping[tuple[str, str], tuple[float, float]]:
        return spans_of(self.plan, self.elapsed_s)

    def report_progress(self, step: str, fraction: float) -> None:
        self.report(Progress(step, fraction, self.so_far))

    def with_what_was_measured(self, error: CannotRun) -> CannotRun:
        """If an external endpoint's answers end the first design, nothing that was measured is kept."""
        if self.so_far is None or not (self.results or isinstance(error, ProcessFailed)):
            return error
        return RunBroken(self.so_far.model_copy(update=self.results | {"failed": str(error)}))

    def calibrate(self) -> Costs:
        """Both designs for a few seconds on other jobs, always at the sample endpoint: it is this machine that is measured."""
        plan = self.plan
        scenario = calibration_scenario(
            plan.window if plan.external is None else shorten_service(plan.window), plan.speed
        )
        runs: dict[str, DesignRun] = {}
        for design in DESIGNS:
            setup = DesignSetup(
                scenario,
                design,
                draw_jobs(scenario, design),
                plan.speed,
                calibrate.CALIBRATION_DRAIN_S,
                self.workload,
                workers=plan.workers,
            )
            step = f"a calibration of {DESIGN_WORDS[design]}"
            watch = partial(self._report_run, step, ("calibrate", design), calibrate.SECONDS * plan.speed)
            runs[design] = run_design(setup, self.folder, watch, self.server)
        return mean_costs(runs[SYNCHRONOUS], runs[EVENT_DRIVEN])

    def predict(self, design: Design, costs: Costs) -> Tally:
        self.report_progress(f"Predicting {DESIGN_WORDS[design]}", self.spans["run", SYNCHRONOUS][0])
        return calibrate.predict(self.plan.window, costs, self.plan.speed, self.jobs[design], design)

    def predict_as_answered(self, design: Design, costs: Costs) -> Tally:
        window, jobs = with_answered_times(self.plan.window, self.jobs[design], self.runs[design])
        return calibrate.predict(window, costs, self.plan.speed, jobs, design)

    def measure(self, design: Design, prediction: Tally) -> Tally:
        plan, external = self.plan, self.plan.external
        last_s = float(plan.window.trace.arrivals_s[-1])
        expected_s = plan.window.done_s(prediction)
        drain_s = min(max(MOST_DRAIN_S, plan.seconds), LEAST_DRAIN_S + 2 * max(0.0, expected_s - last_s) / plan.speed)
        if external is not None:  # as long as calls may be under way
            drain_s = max(drain_s, external.seconds_a_design - last_s)
        scenario, jobs = plan.window.scenario, self.jobs[design]
        setup = DesignSetup(
            scenario, design, jobs, plan.speed, drain_s, self.workload, external, self.key, plan.workers
        )

        def watch(run: DesignRun | None) -> None:
            if run is not None and time.monotonic() - self.measured_at >= SO_FAR_EVERY_S:
                self.measured_at = time.monotonic()
                self.so_far = self._measured_so_far(run)
                self.other_runs = max(self.other_runs, count_other_runs(self.folder))
            self._report_run(DESIGN_WORDS[design], ("run", design), expected_s, run)
            if run is not None and external is not None:
                require_answers(external, run, self.folder / design)

        run = self.runs[design] = run_design(setup, self.folder, watch, self.server)
        if external is not None:
            require_answers(external, run, self.folder / design)
        tally = run.tally()
        self.results[design] = self.result_of(tally)
        return tally

    def _report_run(self, step: str, phase: tuple[str, str], expected_s: float, run: DesignRun | None) -> None:
        low, high = self.spans[phase]
        if run is None:
            self.report_progress(f"Starting the parts of {step}", low)
            return
        start_up = STARTING_S / phase_seconds(self.plan)[phase]
        share = start_up + (1 - start_up) * min(1.0, max(0.0, run.clock.now_s() / expected_s))
        self.report_progress(f"Running {step} live", low + share * (high - low))

    def _measured_so_far(self, run: DesignRun) -> SoFar:
        window, result = self.plan.window, self.result_of(run.tally())
        results = self.results | {run.setup.design: result.model_copy(update={"series": run.as_sampled(result.series)})}
        return SoFar(
            speed=self.plan.speed,
            window=window.words,
            scenario=window.scenario,
            synchronous=results.get(SYNCHRONOUS),
            event_driven=results.get(EVENT_DRIVEN),
            finished=tuple(design for design in DESIGNS if design in self.results),
        )

    def result_of(self, tally: Tally) -> DesignResult:
        scenario = self.plan.window.scenario
        return with_conclusion(design_result([tally], list(scenario.event_driven.queues), stable=True), scenario)


def _result(
    run: LiveRun, costs: Costs, predicted: dict[str, Tally], measured: dict[str, Tally], real_s: float
) -> Result:
    scenario, results = run.plan.window.scenario, run.results
    difference = differences([measured[SYNCHRONOUS]], [measured[EVENT_DRIVEN]], stable=True)
    shares = {design: share_of_design(result, scenario) for design, result in results.items()}
    result = Result(
        engine="live",
        seed=scenario.seed,
        replications=1,
        synchronous=results[SYNCHRONOUS],
        event_driven=results[EVENT_DRIVEN],
        difference=difference,
        verdict=verdict_of(scenario, shares),
        inequalities=tuple(inequalities_of(scenario)),
        live=_report(run, costs, {design: run.result_of(tally) for design, tally in predicted.items()}, real_s),
    )
    return with_class_conclusions(scenario, result)


def _report(run: LiveRun, costs: Costs, predicted: dict[str, DesignResult], real_s: float) -> LiveReport:
    plan, window, external = run.plan, run.plan.window, run.plan.external
    mean_s = mean_service_s(window.scenario, window.trace, window.durations_s)
    machine = MachineState.now(run.folder)
    ends = tuple(chain.from_iterable(each.process_ends for each in run.runs.values()))
    lateness: dict[str, Lateness] = {design: _lateness(each) for design, each in run.runs.items()}
    carried = {
        SYNCHRONOUS: run.capacity.synchronous_jobs_per_s,
        EVENT_DRIVEN: run.capacity.event_driven_jobs_per_s,
    }
    figures: list[LiveFigure] = []
    for design in DESIGNS:
        measured = run.results[design]
        resolution = Resolution.from_run(
            measured,
            design,
            costs,
            lateness[design],
            speed=plan.speed,
            calls_per_s=carried[design],
            service_s=mean_s,
        )
        unpaced = window.scenario.provider.is_unpaced
        figures += compare_figures(design, predicted[design], measured, resolution, is_unpaced=unpaced)
    return LiveReport(
        speed=plan.speed,
        seconds=plan.seconds,
        workers=plan.workers,
        window=window.words,
        window_s=window.length_s,
        scenario=window.scenario,
        jobs=window.jobs,
        verdict_jobs=plan.verdict_jobs,
        real_s=real_s,
        costs=costs,
        predicted_synchronous=predicted[SYNCHRONOUS],
        predicted_event_driven=predicted[EVENT_DRIVEN],
        figures=tuple(figures),
        lateness=lateness,
        restarts=sum(end.restarted for end in ends),
        process_ends=ends,
        unfinished_calls=run.runs[SYNCHRONOUS].unfinished_calls,
        load_average=LoadAverage(before=run.machine.load, after=machine.load, cores=usable_cores()),
        other_runs=max(run.machine.other_runs, run.other_runs, machine.other_runs),
        dead_letters=remaining_dead_letters(run.runs[EVENT_DRIVEN]),
        endpoint=None if external is None else endpoint_use(external, run.runs, mean_s),
    )


def _lateness(run: DesignRun) -> Lateness:
    late = run.rows["value"][run.rows["what"] == EventType.ARRIVED]
    if not len(late):
        return Lateness(mean_s=0.0, p99_s=0.0, max_s=0.0)
    return Lateness(mean_s=float(late.mean()), p99_s=float(np.quantile(late, 0.99)), max_s=float(late.max()))


def remaining_dead_letters(run: DesignRun) -> tuple[DeadLetter, ...]:
    rows, jobs = run.rows, run.setup.jobs
    names = list(run.setup.scenario.event_driven.queues)
    given_up = np.unique(rows["job"][(rows["what"] == EventType.GAVE_UP) & (rows["value"] == 1.0)])
    computed = np.unique(rows["job"][rows["what"] == EventType.COMPUTED])
    return tuple(
        DeadLetter(
            job=int(job),
            queue=names[int(jobs.place[job])],
            attempts=int(((rows["job"] == job) & (rows["what"] == EventType.CALLED)).sum()),
            reason=_reason(run, int(job)),
            at_s=run.clock.scenario_s(
                int(rows["at_ns"][(rows["job"] == job) & (rows["what"] == EventType.GAVE_UP)][-1])
            ),
        )
        for job in np.setdiff1d(given_up, computed)[:DEAD_LETTERS_KEPT]
    )


def _reason(run: DesignRun, job: int) -> str:
    if run.setup.jobs.poison[job]:
        return "poison: every attempt fails"
    rows = run.rows[run.rows["job"] == job]
    given_up, unused = (rows["index"][rows["what"] == what] for what in (EventType.GAVE_UP, EventType.UNUSED))
    if given_up[-1] in unused:
        return "delivered too often: its lease or its consumer ended before the work did"
    statuses = rows["value"][rows["what"] == EventType.ANSWERED]
    if not len(statuses):
        return "no attempt was answered"
    return f"the model answered {int(statuses[-1])}" if statuses[-1] else "no answer came, or a cap forbade the call"
