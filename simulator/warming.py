"""Loads the compiled kernel from its cache, or compiles it, once a machine and version."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

from simulator.kernel.compiled import is_cached
from simulator.kernel.layout import DONE
from simulator.kernel.plain import run_plain
from simulator.plan import SYNCHRONOUS, bench_of, recorded_of
from simulator.replications import LOOPS, REPORT_S, OnProgress, Progress
from simulator.scenario import ExponentialService, PoissonArrivals, Scenario

COMPILING = "Compiling the simulator, once"
LOADING = "Loading the simulator"

_lock = threading.Lock()
_warm = threading.Event()


def warm(on_progress: OnProgress | None = None) -> None:
    """Have both event loops ready to run. Reports a step of its own, because a cold compile takes a while; what `on_progress` raises propagates."""
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
    with _lock:
        if _warm.is_set():
            return
        scenario = Scenario(
            jobs=10,
            arrivals=PoissonArrivals(process="poisson", rate_per_s=1.0),
            service=ExponentialService(distribution="exponential", mean_s=1.0),
        )
        for design, loop in [*LOOPS.items(), (SYNCHRONOUS, run_plain)]:
            bench = bench_of(scenario, design, 0, trace=None, drawn=None, rows=recorded_of(None, None), drains=True)
            if loop(bench.machine, 1000) != DONE:
                raise RuntimeError("the kernel did not finish ten jobs")
        _warm.set()
