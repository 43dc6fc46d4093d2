"""Simulates the cells of a sweep, and estimates beforehand what they take."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

from advisor.advice.contract import Style
from advisor.advice.decision import decide_concluded, with_hybrid
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import shortened, shortest_peak_s
from advisor.advice.scenario import counts_every_job, scenario_of
from advisor.sweeps.contract import Cell, GoodShare, SweepResult
from advisor.sweeps.grid import Grid, GridPoint
from advisor.sweeps.refinement import (
    CellBlock,
    CellKind,
    Index,
    coarse_blocks,
    differing,
    divide,
    indexed_cells,
    kind_of_estimate,
)
from core.processes.cores import usable_cores
from simulator.arrivals import BacklogArrivals, TraceArrivals
from simulator.conclusions import share_of_design, wanted_share
from simulator.experiment import estimate, simulate
from simulator.plan import jobs_of
from simulator.replications import OnProgress, Progress, warm
from simulator.result import DesignResult, Result
from simulator.scenario import Scenario
from simulator.traces import Trace

WARM_UP_SHARE = 20
"""One job in this many is left out at the start of a stationary run."""
WHOLE_CYCLES = 4
"""Replications of a workload with peaks: the batches of a single cycle differ as its hours do, so only replications tell how sure a share is."""
LONGER = 4
"""A run that leaves a deadline unresolved is run again, this many times as long."""
SURER = 1.54
"""Who looks several times, or says "for sure", needs an interval that is this many times as wide: at a confidence of 99 % instead of 95 %.

Source of the ratio: ln .01 / ln .05, the widths of the exact intervals without a miss; of normal ones it is 1.31.
"""
LONGEST_CELL = 16
"""At most this many times the jobs that were asked for, whole cycles of peaks included."""
REPORT_S = 0.2
CELLS_A_STEP_OF_A_LINE = 5
"""As measured on maps with one line."""


@dataclass(frozen=True)
class CellRun:
    """The Scenario of a cell, or of a trial, cut to length."""

    scenario: Scenario
    replications: int

    @classmethod
    def from_scenario(cls, scenario: Scenario, jobs: int, seed: int) -> "CellRun":
        """`jobs` are rounded up to whole cycles of peaks; a trace is replayed as it is; no hybrid."""
        every_job = counts_every_job(scenario.arrivals)
        length = scenario.model_copy(
            update={
                "jobs": None if isinstance(scenario.arrivals, TraceArrivals | BacklogArrivals) else jobs,
                "warmup_jobs": 0 if every_job else jobs // WARM_UP_SHARE,
                "seed": seed,
                "hybrid": None,
            }
        )
        return cls(length, WHOLE_CYCLES if every_job else 1)

    def longer(self, trace: Trace | None, *, is_short: bool) -> "CellRun":
        """More jobs; of what is run as a whole, more replications, unless one is too short to show the steady state."""
        jobs, warmup = self.scenario.jobs, self.scenario.warmup_jobs
        if jobs is None or (self.replications > 1 and not is_short):
            return CellRun(self.scenario, LONGER * self.replications)
        cycles = jobs_of(self.scenario, trace) - self.scenario.backlog_jobs
        length = {"jobs": LONGER * cycles, "warmup_jobs": LONGER * warmup}
        return CellRun(self.scenario.model_copy(update=length), self.replications)

    def simulated_jobs(self, trace: Trace | None) -> int:
        """Of each design."""
        return self.replications * jobs_of(self.scenario, trace)


def brief_cell_run(evaluation: Evaluation, jobs: int, seed: int) -> CellRun:
    """A cycle of peaks in which no backlog gathers is shortened, as for the evidence of the advice."""
    scenario = scenario_of(evaluation)
    return CellRun.from_scenario(
        shortened(scenario, jobs, shortest_peak_s=shortest_peak_s(evaluation, scenario)), jobs, seed
    )


def simulate_cell(
    grid: Grid, point: GridPoint, trace: Trace | None = None, on_progress: OnProgress | None = None
) -> Cell:
    """Runs on this thread alone. What `on_progress` raises stops it."""
    evaluation = Evaluation.from_answers(grid.answers_at(point))
    run = brief_cell_run(evaluation, grid.jobs, grid.seed)
    result = simulate_until_resolved(run, LONGEST_CELL, trace, on_progress)
    x, y = point
    return Cell(
        x=x,
        y=y,
        style=_style(evaluation, result),
        verdict=result.verdict,
        margin=_margin(run.scenario, result.synchronous, result.event_driven),
        synchronous=good_share(result.synchronous, run.scenario),
        event_driven=good_share(result.event_driven, run.scenario),
    )


def _style(evaluation: Evaluation, result: Result) -> Style:
    """What the forces choose of the styles that meet the deadline here, as in the advice; without a deadline, of all."""
    decisions = evaluation.decisions
    synchronous, event_driven = result.synchronous.conclusion, result.event_driven.conclusion
    if synchronous is not None and event_driven is not None:
        concluded = with_hybrid({"synchronous": synchronous, "event_driven": event_driven})
        decisions = decide_concluded(evaluation.facts, decisions, concluded)
    return decisions.outcome()[0]


def simulate_until_resolved(
    run: CellRun, longest: int, trace: Trace | None = None, on_progress: OnProgress | None = None
) -> Result:
    """A run on this thread, repeated with more jobs while it leaves open whether a design meets the deadline.

    It is at most `longest` times as long as was asked for: a cycle of peaks may be that long by itself.
    """
    first = run
    while True:
        result = simulate(
            run.scenario, trace=trace, replications=run.replications, threads=1, on_progress=on_progress, windows=False
        )
        if run.scenario.deadline_s is None or not _is_unresolved(result, run.scenario):
            return result
        is_short = any(one.jobs_to_settle is not None for one in (result.synchronous, result.event_driven))
        run = run.longer(trace, is_short=is_short)
        asked = first.replications * first.scenario.jobs if first.scenario.jobs else first.simulated_jobs(trace)
        if run.simulated_jobs(trace) > longest * asked:
            return result


def _is_unresolved(result: Result, scenario: Scenario) -> bool:
    shares = (good_share(design, scenario) for design in (result.synchronous, result.event_driven))
    return any(share.stable and surer(share)[0] < wanted_share(scenario) <= surer(share)[1] for share in shares)


def surer(share: GoodShare) -> tuple[float, float]:
    """The interval at a confidence of 99 %, about."""
    good = share.good_share
    return good - SURER * (good - share.low), good + SURER * (share.high - good)


def good_share(design: DesignResult, scenario: Scenario) -> GoodShare:
    share = share_of_design(design, scenario)
    return GoodShare(good_share=design.good_share, low=share.low, high=share.high, stable=design.stable)


def _margin(scenario: Scenario, *designs: DesignResult) -> float | None:
    if scenario.deadline_s is None:
        return None
    best = max(design.good_share if design.stable else 0.0 for design in designs)
    return best - (1 - scenario.tolerated_miss_percent / 100)


def sweep(
    grid: Grid, trace: Trace | None = None, on_progress: OnProgress | None = None, threads: int | None = None
) -> SweepResult:
    """The coarse grid, then the blocks in which the answer changes, in this process's threads (the kernel releases the GIL).

    Pages spread them over rq jobs instead. What `on_progress` raises stops the sweep and propagates.
    """
    began = time.perf_counter()
    warm(on_progress)
    report = on_progress or (lambda _: None)
    with ThreadPoolExecutor(threads or usable_cores(), thread_name_prefix="sweep") as pool:
        try:
            coarse = _all([pool.submit(simulate_cell, grid, point, trace) for point in grid.points()], report, "cells")
            known = indexed_cells(sweep_result(grid, coarse))
            blocks = blocks_to_divide(grid, known)
            parts = [pool.submit(simulate_block, grid, block, known, trace) for block in blocks]
            refined = [cell for part in _all(parts, report, "blocks where the answer changes") for cell in part]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return sweep_result(grid, [*coarse, *refined], round(time.perf_counter() - began, 3))


def sweep_result(grid: Grid, cells: Iterable[Cell], elapsed_s: float = 0.0) -> SweepResult:
    """Each cell once, row by row: neighbouring blocks share the cells of their edges."""
    once = {(cell.y or 0.0, cell.x): cell for cell in cells}
    return SweepResult(
        x=grid.x,
        y=grid.y,
        jobs=grid.jobs,
        seed=grid.seed,
        coarse_step=grid.coarse_step,
        cells=tuple(cell for _, cell in sorted(once.items())),
        elapsed_s=elapsed_s,
    )


def blocks_of(grid: Grid) -> list[CellBlock]:
    return coarse_blocks(*grid.shape, grid.coarse_step) if grid.y else []


def blocks_to_divide(grid: Grid, known: Mapping[Index, Cell]) -> list[CellBlock]:
    return differing(blocks_of(grid), {index: kind_of_estimate(cell) for index, cell in known.items()})


def simulate_block(
    grid: Grid,
    block: CellBlock,
    known: Mapping[Index, Cell],
    trace: Trace | None = None,
    on_progress: OnProgress | None = None,
) -> list[Cell]:
    """The cells along the line in the block at which the answer changes; those that are known are not simulated again."""
    simulated: dict[Index, Cell] = {}

    def kind_at(index: Index) -> CellKind:
        cell = known.get(index) or simulated.get(index)
        if cell is None:
            cell = simulated[index] = simulate_cell(grid, grid.point_at(index), trace, on_progress)
        return kind_of_estimate(cell)

    for _ in divide(block, kind_at):
        pass
    return list(simulated.values())


Done = TypeVar("Done")


def _all(futures: list[Future[Done]], on_progress: Callable[[Progress], None], parts: str) -> list[Done]:
    pending = set(futures)
    while pending:
        ended, pending = wait(pending, timeout=REPORT_S, return_when=FIRST_COMPLETED)
        for future in ended:
            future.result()
        done = len(futures) - len(pending)
        on_progress(Progress(f"{done} of {len(futures)} {parts}", done / len(futures)))
    return [future.result() for future in futures]


@dataclass(frozen=True)
class Load:
    """Jobs through both designs and bytes of memory, by the grid's corners and middle."""

    most_jobs: int
    mean_jobs: float
    memory_bytes: int


def load_of(grid: Grid, trace: Trace | None) -> Load:
    runs = [
        brief_cell_run(Evaluation.from_answers(grid.answers_at(point)), grid.jobs, grid.seed)
        for point in _corners_and_middle(grid)
    ]
    estimates = [estimate(run.scenario, trace, run.replications) for run in runs]
    jobs = [max(1, one.jobs) for one in estimates]
    return Load(max(jobs), sum(jobs) / len(jobs), max(one.memory_bytes for one in estimates))


def expected_cells(grid: Grid) -> int:
    """Of the coarse grid, and along a line from one end of the map to the other at which the answer changes."""
    columns, rows = grid.shape
    return grid.size + (CELLS_A_STEP_OF_A_LINE * max(columns, rows) if grid.coarse_step > 1 else 0)


def _corners_and_middle(grid: Grid) -> Iterator[GridPoint]:
    for y in (grid.y.low, grid.y.high) if grid.y else (None,):
        yield from ((grid.x.low, y), (grid.x.high, y))
    points = list(grid.points())
    yield points[len(points) // 2]
