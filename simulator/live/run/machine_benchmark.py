"""Measures in some six seconds what this machine carries in a live run: first with a few idle jobs, then with more than it can do."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.errors import CannotRun
from simulator.live.run import machine_capacity
from simulator.live.run.calibrate import beyond_service_s, pickups_s
from simulator.live.run.design_run import DesignRun, DesignSetup, run_design
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.fork_server import ForkServer
from simulator.live.run.machine_capacity import Capacity
from simulator.live.system.journal import EventType
from simulator.result import Design, WorkerKind
from simulator.scenario import Scenario
from simulator.trace_columns import Floats
from simulator.traces import Trace

SERVICE_S = 0.05
SERVERS = 50
"""More than the machine keeps busy, so that the machine is the limit."""
BEGINS_S = 0.3
JOBS_WHILE_IDLE, EVERY_S = 30, 0.02
BURST_JOBS = 150
LEAST_OVERHEAD_S = 0.001
BENCHMARK_DRAIN_S = 30.0


def measure_capacity(
    folder: Path, tick: Callable[[], None], server: ForkServer, *, workers: WorkerKind = "threads"
) -> Capacity:
    """Both designs, one after the other.

    Raises:
        CannotRun: a process failed, or jobs got lost.
    """
    busy = machine_capacity.is_busy()
    idle_s = np.arange(JOBS_WHILE_IDLE) * EVERY_S + BEGINS_S
    arrivals_s = np.concatenate([idle_s, np.full(BURST_JOBS, idle_s[-1] + EVERY_S + 2 * SERVICE_S)])

    def run(design: Design) -> DesignRun:
        setup = real_time_setup(design, arrivals_s, SERVICE_S, SERVERS, workers)
        return run_design(setup, folder, lambda _: tick(), server)

    synchronous, event_driven = run("synchronous"), run("event_driven")
    return Capacity(
        synchronous_jobs_per_s=_jobs_per_s(synchronous),
        event_driven_jobs_per_s=_jobs_per_s(event_driven),
        overhead_s=max(
            LEAST_OVERHEAD_S,
            _idle_median_s(beyond_service_s(synchronous)),
            _idle_median_s(beyond_service_s(event_driven)) + _idle_median_s(pickups_s(event_driven)),
        ),
        measured=True,
        busy=busy,
        machine=machine_capacity.this_machine(),
        at_s=time.time(),
    )


def real_time_setup(
    design: Design, arrivals_s: Floats, service_s: float, servers: int, workers: WorkerKind = "threads"
) -> DesignSetup:
    scenario = Scenario.model_validate(
        {
            "arrivals": {"process": "trace", "trace": "benchmark"},
            "service": {"distribution": "deterministic", "mean_s": service_s},
            "synchronous": {"workers": servers},
            "event_driven": {"consumers": servers, "discipline": "dedicated", "delivery": {"method": "sse"}},
        }
    )
    jobs = draw_jobs(scenario, design, trace=Trace(arrivals_s))
    return DesignSetup(scenario, design, jobs, 1.0, BENCHMARK_DRAIN_S, "document_extraction", workers=workers)


def _idle_median_s(taken_s: Floats) -> float:
    return float(np.nanmedian(taken_s[:JOBS_WHILE_IDLE]))


def _jobs_per_s(run: DesignRun) -> float:
    rows = run.rows[(run.rows["what"] == EventType.IN_HAND) & (run.rows["job"] >= JOBS_WHILE_IDLE)]
    if len(rows) < BURST_JOBS:
        raise CannotRun(f"only {len(rows)} of {BURST_JOBS} jobs came through when this machine was to be measured")
    took_s = run.clock.scenario_s(int(rows["at_ns"].max())) - float(run.setup.jobs.arrival_s[-1])
    return BURST_JOBS / took_s
