"""What a whole live run carries on this machine, and the memory of its processes."""

from pathlib import Path

import numpy as np

from benchmarks.live_workers import memory_mb
from simulator.live.run import machine_capacity
from simulator.live.run.design_run import DesignRun, run_design
from simulator.live.run.folders import run_folder
from simulator.live.run.fork_server import ForkServer
from simulator.live.run.machine_benchmark import measure_capacity, real_time_setup
from simulator.live.system.journal import EventType

WAITING_JOBS, AT_MODEL_S = 50, 2.0


def measure_run() -> dict[str, float]:
    """What a whole run carries, which is kept for later runs, and its memory. Raises CannotRun; AssertionError if not all jobs waited at once."""
    with run_folder("bench") as folder, ForkServer(folder) as server:
        capacity = measure_capacity(folder, lambda: None, server)
        machine_capacity.keep(capacity)
        return {
            "synchronous_jobs_per_s": capacity.synchronous_jobs_per_s,
            "event_driven_jobs_per_s": capacity.event_driven_jobs_per_s,
            "asked_at_most_jobs_per_s": capacity.jobs_per_s,
            "overhead_ms": 1000 * capacity.overhead_s,
            "waiting_memory_mb": _waiting_memory_mb(folder, server),
        }


def _waiting_memory_mb(folder: Path, server: ForkServer) -> float:
    measured: list[float] = []

    def watch(run: DesignRun | None) -> None:
        what = run.rows["what"] if run is not None else np.zeros(0)
        if not measured and (what == EventType.CALLED).sum() - (what == EventType.ANSWERED).sum() == WAITING_JOBS:
            measured.append(memory_mb(folder))

    run_design(
        real_time_setup("event_driven", np.full(WAITING_JOBS, 0.2), AT_MODEL_S, WAITING_JOBS), folder, watch, server
    )
    assert measured, "not all jobs waited at the same time"  # noqa: S101  what a bench asserts
    return measured[0]
