"""Measures what this machine carries in a live run, with all parts of both designs at work: first a few jobs at leisure, then more than it can do.

It takes some six seconds, once a machine (`machine_capacity`).
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from simulator.arrivals import Trace
from simulator.live.errors import CannotRun
from simulator.live.run import machine_capacity
from simulator.live.run.calibrate import Instants, beyond_service, pickups
from simulator.live.run.design_run import Design, DesignRun, Stage, run_design
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.fork_server import ForkServer
from simulator.live.run.machine_capacity import Capacity
from simulator.live.system.config import WorkerKind
from simulator.live.system.journal import What
from simulator.scenario import Scenario

SERVICE_S = 0.05
SERVERS = 50
"""More than the machine keeps busy: it is the machine that is to be the limit."""
BEGINS_S = 0.3
AT_LEISURE, EVERY_S = 30, 0.02
AT_ONCE = 150
LEAST_OVERHEAD_S = 0.001
DRAIN_LIMIT_S = 30.0

Tick = Callable[[], None]


def measured(folder: Path, tick: Tick, server: ForkServer, *, workers: WorkerKind = "threads") -> Capacity:
    """Both designs, one after the other.

    Raises:
        CannotRun: a part failed, or jobs got lost.
    """
    busy = machine_capacity.is_busy()
    synchronous = _performed("synchronous", folder, tick, server, workers)
    event_driven = _performed("event_driven", folder, tick, server, workers)
    return Capacity(
        synchronous_jobs_per_s=_jobs_per_s(synchronous),
        event_driven_jobs_per_s=_jobs_per_s(event_driven),
        overhead_s=max(
            LEAST_OVERHEAD_S,
            _usual_s(beyond_service(synchronous)),
            _usual_s(beyond_service(event_driven)) + _usual_s(pickups(event_driven)),
        ),
        measured=True,
        busy=busy,
        machine=machine_capacity.this_machine(),
        at_s=time.time(),
    )


def _performed(design: Design, folder: Path, tick: Tick, server: ForkServer, workers: WorkerKind) -> DesignRun:
    last_s = BEGINS_S + AT_LEISURE * EVERY_S
    burst_s = last_s + 2 * SERVICE_S
    arrivals = np.concatenate([np.arange(AT_LEISURE) * EVERY_S + BEGINS_S, np.full(AT_ONCE, burst_s)])
    scenario = Scenario.model_validate(
        {
            "arrivals": {"process": "trace", "trace": "gauge"},
            "service": {"distribution": "deterministic", "mean_s": SERVICE_S},
            "synchronous": {"workers": SERVERS},
            "event_driven": {"consumers": SERVERS, "discipline": "dedicated", "delivery": {"method": "sse"}},
        }
    )
    jobs = draw_jobs(scenario, design, trace=Trace(arrivals))
    stage = Stage(scenario, design, jobs, 1.0, DRAIN_LIMIT_S, "document_extraction", workers=workers)
    return run_design(stage, folder, lambda _: tick(), server)


def _usual_s(taken_s: Instants) -> float:
    """The median of the jobs at leisure: a machine that halts for a moment is not slower for it."""
    return float(np.nanmedian(taken_s[:AT_LEISURE]))


def _jobs_per_s(found: DesignRun) -> float:
    """Of those that came at once: how many were in hand in the time until all were."""
    rows = found.rows[(found.rows["what"] == What.IN_HAND) & (found.rows["job"] >= AT_LEISURE)]
    if len(rows) < AT_ONCE:
        raise CannotRun(f"only {len(rows)} of {AT_ONCE} jobs came through when this machine was to be measured")
    took_s = found.clock.scenario_s(int(rows["at_ns"].max())) - float(found.stage.jobs.arrival_s[-1])
    return AT_ONCE / took_s
