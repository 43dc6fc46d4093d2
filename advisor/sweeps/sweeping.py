"""A whole sweep in this process's threads (the kernel releases the GIL); pages spread the cells over rq jobs."""

import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from advisor.sweeps import contract
from advisor.sweeps.axes import Axis
from advisor.sweeps.cells import simulate_cell
from advisor.sweeps.contract import Cell, Sweep
from advisor.sweeps.grid import Grid
from simulator.simulate import OnProgress, Progress, warm
from simulator.traces import Trace

REPORT_S = 0.2


def sweep(
    grid: Grid, trace: Trace | None = None, on_progress: OnProgress | None = None, threads: int | None = None
) -> Sweep:
    """What `on_progress` raises stops the sweep and propagates."""
    began = time.perf_counter()
    warm(on_progress)
    with ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="sweep") as pool:
        futures = [pool.submit(simulate_cell, grid, point, trace) for point in grid.points()]
        try:
            _watch(futures, on_progress or (lambda _: None))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Sweep(
        x=axis_of(grid.x),
        y=axis_of(grid.y) if grid.y else None,
        jobs=grid.jobs,
        seed=grid.seed,
        cells=tuple(future.result() for future in futures),
        elapsed_s=round(time.perf_counter() - began, 3),
    )


def axis_of(axis: Axis) -> contract.Axis:
    return contract.Axis(field=axis.field, values=axis.values)


def _watch(futures: list[Future[Cell]], on_progress: Callable[[Progress], None]) -> None:
    pending = set(futures)
    while pending:
        ended, pending = wait(pending, timeout=REPORT_S, return_when=FIRST_COMPLETED)
        for future in ended:
            future.result()
        done = len(futures) - len(pending)
        on_progress(Progress(f"{done} of {len(futures)} cells", done / len(futures)))
