"""How much a whole live run carries on this machine, all its parts at work, and the memory of all of them with 50 jobs at the model."""

from pathlib import Path

import numpy as np

from simulator.arrivals import Trace
from simulator.live.run import machine_benchmark, machine_capacity
from simulator.live.run.design_run import DesignRun, Stage, run_design
from simulator.live.run.draw_jobs import draw_jobs
from simulator.live.run.folders import run_folder
from simulator.live.run.fork_server import ForkServer
from simulator.live.run.worker_bench import pss_mb
from simulator.live.system.journal import What
from simulator.scenario import Scenario

WAITING = 50
AT_MODEL_S = 2.0
PROCESSES = Path("/proc")


def run_figures() -> dict[str, float]:
    """Measures the machine anew, and keeps that for the runs to come. Raises CannotRun; AssertionError where not all jobs came to wait at once."""
    with run_folder("bench") as folder, ForkServer(folder) as server:
        found = machine_benchmark.measured(folder, lambda: None, server)
        machine_capacity.keep(found)
        return {
            "synchronous_jobs_per_s": found.synchronous_jobs_per_s,
            "event_driven_jobs_per_s": found.event_driven_jobs_per_s,
            "asked_at_most_jobs_per_s": found.jobs_per_s,
            "overhead_ms": 1000 * found.overhead_s,
            "waiting_memory_mb": _memory_mb(folder, server),
        }


def _memory_mb(folder: Path, server: ForkServer) -> float:
    """Of every process of the event-driven design, what they share counted once, while its consumers all wait for the model."""
    scenario = Scenario.model_validate(
        {
            "arrivals": {"process": "trace", "trace": "bench"},
            "service": {"distribution": "deterministic", "mean_s": AT_MODEL_S},
            "event_driven": {"consumers": WAITING, "discipline": "dedicated", "delivery": {"method": "sse"}},
        }
    )
    jobs = draw_jobs(scenario, "event_driven", trace=Trace(np.full(WAITING, 0.2)))
    measured: list[float] = []

    def look(found: DesignRun | None) -> None:
        if found is not None and not measured and _at_model(found) == WAITING:
            measured.append(sum(pss_mb(pid) for pid in _processes(folder)))

    run_design(Stage(scenario, "event_driven", jobs, 1.0, 30.0, "document_extraction"), folder, look, server)
    assert measured, "not all jobs waited at the same time"  # noqa: S101  what a bench asserts
    return measured[0]


def _at_model(found: DesignRun) -> int:
    what = found.rows["what"]
    return int((what == What.CALLED).sum() - (what == What.ANSWERED).sum())


def _processes(folder: Path) -> list[int]:
    """Those whose command line names the run's folder; none where the system does not tell."""
    found = []
    for command in PROCESSES.glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in command.read_bytes():
                found.append(int(command.parent.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended meanwhile, or is somebody else's
    return found
