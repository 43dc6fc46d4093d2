"""What `manage.py simulate` predicts for a workload: from its description alone, and for the jobs as they were recorded."""

import csv
import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.stock_rq.analysis import Job
from benchmarks.stock_rq.processes import ROOT, CannotMeasure
from benchmarks.stock_rq.workloads import (
    BACKLOG,
    CLIENT_TIMEOUT_S,
    DEADLINE_S,
    FAILURE_PERCENT,
    P50_S,
    P95_S,
    RETRY_INTERVALS_S,
    WORKERS,
    Workload,
    draw_call,
)

ALONE, REPLAYED = 100, 20
"""Replications."""
TIME_LIMIT_S = 300
QUANTILE = 1.984
"""Student's t at 97.5 % for 99 degrees of freedom: `simulate` gives 95 % intervals."""

Read = Callable[[Mapping[str, Any]], float | None]
READ: dict[str, Read] = {
    **{name: lambda d, name=name: d.get(name, 0) / d["offered"]  # type: ignore[misc]
       for name in ("good", "failed", "dead_lettered", "timed_out", "rejected", "in_system")},
    "wait_mean_s": lambda d: d["wait_s"]["mean"],
    "wait_p95_s": lambda d: d["wait_s"]["p95"],
    "latency_p50_s": lambda d: d["latency_s"]["p50"],
    "latency_p95_s": lambda d: d["latency_s"]["p95"],
    "depth_mean": lambda d: d["queue_depth"]["mean"],
    "depth_max": lambda d: d["queue_depth"]["max"],
}  # fmt: skip
"""How a figure is read from a design's part of the result; null there is infinite here."""
_INTERVALS = {"depth_mean": "queue_depth_mean", "depth_max": "queue_depth_max"}


class Refused(CannotMeasure):
    """`simulate` does not take a Scenario, and why."""


@dataclass(frozen=True)
class Predicted:
    """A figure, and how far a single run is from it (one standard deviation), where the result allows to say so."""

    value: float
    deviation: float | None


Prediction = Mapping[str, Predicted]


def describe(workload: Workload, jobs: int, overflow: Mapping[str, Any]) -> dict[str, Any]:
    """The Scenario of the workload: what is known without measuring. A burst runs through one whole cycle.

    A `listen` backlog of n holds n + 1 connections."""
    return {
        "jobs": 1 if workload.burst_s else jobs,
        "deadline_s": DEADLINE_S,
        "arrivals": workload.arrival_process(),
        "service": {"distribution": "lognormal", "p50_s": P50_S, "p95_s": P95_S},
        "failures": {"transient_percent": FAILURE_PERCENT},
        "retries": {"max": len(RETRY_INTERVALS_S), "intervals_s": RETRY_INTERVALS_S},
        "synchronous": {
            "workers": WORKERS,
            "backlog": BACKLOG + 1,
            "client_timeout_s": CLIENT_TIMEOUT_S,
            "inline_retries": 0,
            **overflow,
        },
        "event_driven": {"consumers": WORKERS, "retry_tick_s": 1},
    }


def replay(scenario: dict[str, Any], trace: Path, dispatch_s: float) -> dict[str, Any]:
    return {
        **{name: value for name, value in scenario.items() if name != "jobs"},
        "arrivals": {"process": "trace", "path": str(trace)},
        "service": {"distribution": "empirical"},
        "event_driven": {**scenario["event_driven"], "dispatch_s": dispatch_s},
    }


def write_trace(jobs: list[Job], seed: int, path: Path) -> None:
    """When each job came and how long its first attempt took; one that never started gets what the model would have taken."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("time_s", "duration_s"))
        for number, job in enumerate(jobs):
            recorded_s = job.attempts[0].service_s if job.attempts else None
            took_s = draw_call(seed, number, 0).sleep_s if recorded_s is None else recorded_s
            rows.writerow((f"{job.arrived_at - jobs[0].arrived_at:.6f}", f"{took_s:.6f}"))


def simulate(scenario: dict[str, Any], path: Path, replications: int) -> dict[str, Prediction]:
    """The figures of both designs, by the command. Raises Refused or CannotMeasure."""
    path.write_text(json.dumps(scenario, indent=1))
    command = [
        sys.executable,
        "manage.py",
        "simulate",
        str(path),
        "--replications",
        str(replications),
        "--format",
        "json",
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False)  # noqa: S603
    if ran.returncode == 2:
        raise Refused(ran.stderr.strip())
    if ran.returncode:
        raise CannotMeasure(f"simulate failed with status {ran.returncode}: {ran.stderr.strip()[-2000:]}")
    result = json.loads(ran.stdout)
    return {design: _figures(result[design], replications) for design in ("synchronous", "event_driven")}


def _figures(design: Mapping[str, Any], replications: int) -> Prediction:
    predicted = {}
    for name, read in READ.items():
        value = read(design)
        interval = design["intervals"].get(_INTERVALS.get(name, name))
        known = interval is not None and replications == ALONE and None not in interval
        deviation = (interval[1] - interval[0]) / 2 / QUANTILE * math.sqrt(replications) if known else None
        predicted[name] = Predicted(math.inf if value is None else value, deviation)
    return predicted


def overflow_settings(syn_linear_timeouts: int, folder: Path) -> dict[str, Any]:
    """How a Scenario says that a full listen backlog drops connections; empty if `simulate` does not model it."""
    settings = {"overflow": "drop", "syn_linear_timeouts": syn_linear_timeouts}
    try:
        simulate(describe(Workload("", 1.0, 0.1), 10, settings), folder / "overflow.json", 2)
    except Refused as refused:
        if "overflow" not in str(refused):
            raise
        return {}
    return settings
