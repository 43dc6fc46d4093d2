"""How fast the kernel is on this machine, with the event counts that each figure asserts."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from simulator.kernel import layout as at
from simulator.kernel.plain import run_plain
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS, bench_of, recorded_of
from simulator.replications import LOOPS, Loop
from simulator.scenario import Scenario
from simulator.warming import warm

REPLICATION = 1
"""The first replication fills time bins, too, and is not what a long run is made of."""
BUDGET = 4_000_000

PLAIN: dict[str, Any] = {
    "arrivals": {"process": "poisson", "rate_per_s": 7.2},
    "service": {"distribution": "exponential", "mean_s": 1.0},
    "synchronous": {"workers": 8},
    "event_driven": {"consumers": 8},
}
FULL: dict[str, Any] = {
    "deadline_s": 30.0,
    "arrivals": {"process": "poisson", "rate_per_s": 10.0},
    "service": {"distribution": "exponential", "mean_s": 0.8},
    "provider": {
        "max_concurrency": 16,
        "requests_per_minute": 900,
        "burst_requests": 10,
        "input_tokens_per_minute": 2_000_000,
        "input_tokens": 1000,
    },
    "failures": {"transient_percent": 5, "poison_percent": 0.1},
    "retries": {"max": 3, "base_s": 1, "cap_s": 30},
    "synchronous": {"workers": 16, "backlog": 100, "client_timeout_s": 20, "client_retries": 1, "client_backoff_s": 1},
    "event_driven": {
        "consumers": 16,
        "queues": {"urgent": 10.0, "standard": 70.0, "batch": 20.0},
        "delivery": {"method": "polling", "interval_s": 2},
    },
}


def kernel_figures(millions: float = 4.0) -> dict[str, float]:
    """Jobs a second: plain M/M/8 at 0.9 on one thread, the full model of each design, and plain on all threads.

    The full model has retries, buckets, priorities, timeouts and the whole tally.
    The event counts were asserted: two a job where the queue is plain; in the full model every job is settled.
    """
    warm()
    jobs = int(millions * 1e6)
    plain, plain_events = _timed(PLAIN, jobs, SYNCHRONOUS, run_plain)
    event_driven, event_driven_events = _timed(FULL, jobs, EVENT_DRIVEN, LOOPS[EVENT_DRIVEN])
    synchronous, synchronous_events = _timed(FULL, jobs, SYNCHRONOUS, LOOPS[SYNCHRONOUS])
    threads = os.cpu_count() or 1
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda replication: _timed(PLAIN, jobs, SYNCHRONOUS, run_plain, replication + 1), range(threads)))
    together = threads * jobs / (time.perf_counter() - began)
    if plain_events != 2 * jobs:
        raise AssertionError(f"plain: {plain_events:,} events, not two a job")
    return {
        "plain_jobs_per_s": plain,
        "full_event_driven_jobs_per_s": event_driven,
        "full_synchronous_jobs_per_s": synchronous,
        "threads_jobs_per_s": together,
        "plain_events": plain_events,
        "full_event_driven_events": event_driven_events,
        "full_synchronous_events": synchronous_events,
    }


def _timed(
    given: dict[str, Any], jobs: int, design: str, loop: Loop, replication: int = REPLICATION
) -> tuple[float, int]:
    """Jobs a second, and events; every job is accounted for."""
    scenario = Scenario.parse(given | {"jobs": jobs})
    bench = bench_of(scenario, design, replication, trace=None, drawn=None, rows=recorded_of(None, None), drains=True)
    began = time.perf_counter()
    while (status := loop(bench.machine, BUDGET)) != at.DONE:
        if status == at.GROW:
            bench.grow()
        elif status == at.UNFIT:
            raise AssertionError("the plain loop did not fit its queue")
    elapsed = time.perf_counter() - began
    m = bench.machine[0]
    settled = sum(
        int(m["counts"][place])
        for place in (at.C_COMPLETED, at.C_FAILED, at.C_TIMED_OUT, at.C_REJECTED, at.C_DEAD, at.C_UNDELIVERED)
    )
    if not settled == int(m["counts"][at.C_OFFERED]) == jobs:
        raise AssertionError(f"{design}: {settled:,} of {jobs:,} jobs settled")
    return jobs / elapsed, int(m["events"])
