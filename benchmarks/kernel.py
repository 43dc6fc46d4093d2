"""How fast the kernel is on this machine, with the event counts that each figure asserts."""

import os
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module, util
from math import sqrt
from typing import Any, NamedTuple

from simulator.kernel import layout
from simulator.kernel.single_station import run_single_station
from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS, build_state, recorded_of
from simulator.replications import LOOPS, Loop, warm
from simulator.scenario import Scenario

REPLICATION = 1
"""The first replication fills time bins, too, and is not what a long run is made of."""
BUDGET = 4_000_000
ROUNDS = 5
PEER_ROUNDS = 2
PEER_JOBS = 40_000
SPREAD = 0.1
"""Variance of the attempts that a job of the full model takes, at most."""

PLAIN: dict[str, Any] = {
    "arrivals": {"process": "poisson", "rate_per_s": 7.2},
    "service": {"distribution": "exponential", "mean_s": 1.0},
    "synchronous": {"workers": 8},
    "event_driven": {"consumers": 8},
}
FULL: dict[str, Any] = {
    "deadline_s": 30.0,
    "arrivals": {"process": "poisson", "rate_per_s": 10.0},
    "service": {"distribution": "exponential", "mean_s": 1.2},
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
        "expires_s": 60,
        "queues": {"urgent": 10.0, "standard": 70.0, "batch": 20.0},
        "delivery": {"method": "polling", "interval_s": 2},
    },
}


class Timed(NamedTuple):
    jobs_per_s: float
    events: int
    attempts_per_job: float


def kernel_figures(millions: float = 4.0) -> dict[str, float]:
    """Jobs a second: plain M/M/8 at 0.9 on one thread, the full model of each design, plain on all threads; over SimPy's, where that is installed.

    The full model has retries, buckets, priorities, timeouts and the whole tally. Each is the best of a few runs, for whatever else the machine does.
    The event counts were asserted: two a job where the queue is plain; in the full model every job is settled, and SimPy takes as many attempts.
    """
    warm()
    jobs = int(millions * 1e6)
    models: dict[str, tuple[dict[str, Any], str, Loop]] = {
        "plain": (PLAIN, SYNCHRONOUS, run_single_station),
        "full_event_driven": (FULL, EVENT_DRIVEN, LOOPS[EVENT_DRIVEN]),
        "full_synchronous": (FULL, SYNCHRONOUS, LOOPS[SYNCHRONOUS]),
    }
    rounds = [{name: _timed(*model, jobs) for name, model in models.items()} for _ in range(ROUNDS)]
    best = {name: max(timed[name] for timed in rounds) for name in models}
    if best["plain"].events != 2 * jobs:
        raise AssertionError(f"plain: {best['plain'].events:,} events, not two a job")
    return {
        **{f"{name}_jobs_per_s": timed.jobs_per_s for name, timed in best.items()},
        "threads_jobs_per_s": max(_together(jobs) for _ in range(ROUNDS)),
        **{f"{name}_events": timed.events for name, timed in best.items()},
        **_over_simpy(best, jobs),
    }


def _together(jobs: int) -> float:
    threads = os.cpu_count() or 1
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(
            pool.map(
                lambda replication: _timed(PLAIN, SYNCHRONOUS, run_single_station, jobs, replication + 1),
                range(threads),
            )
        )
    return threads * jobs / (time.perf_counter() - began)


def _over_simpy(kernel: Mapping[str, Timed], jobs: int) -> dict[str, float]:
    """SimPy's jobs a second on the same models, and how many times as fast the kernel is; nothing where it is not installed.

    Raises:
        AssertionError: if it settles other jobs, or takes other numbers of attempts than sampling explains.
    """
    if util.find_spec("simpy") is None:
        return {}
    figures: dict[str, float] = {}
    peer_jobs = min(PEER_JOBS, jobs)
    sampling = 5 * sqrt(SPREAD / peer_jobs + SPREAD / jobs)
    peer = import_module("benchmarks.simpy_peer")
    for name, jobs_per_s, counted in [
        peer_of for _ in range(PEER_ROUNDS) for peer_of in peer.peer_figures(PLAIN, FULL, peer_jobs)
    ]:
        ours = kernel[name]
        off = abs(counted.attempts / peer_jobs - ours.attempts_per_job)
        if counted.settled != peer_jobs or (name != "plain" and off > sampling):
            raise AssertionError(f"SimPy, {name}: {counted.settled:,} settled, {counted.attempts:,} attempts")
        best = max(jobs_per_s, figures.get(f"simpy_{name}_jobs_per_s", 0.0))
        figures |= {f"simpy_{name}_jobs_per_s": best, f"{name}_over_simpy": ours.jobs_per_s / best}
    return figures


def scale_figures(sizes: Sequence[int] = (10**5, 10**6, 10**7, 10**8)) -> dict[str, float]:
    """The full event-driven model at growing sizes: jobs a second, which do not fall, and this process's peak memory, which does not grow."""
    warm()
    figures: dict[str, float] = {}
    for jobs in sizes:
        timed = _timed(FULL, EVENT_DRIVEN, LOOPS[EVENT_DRIVEN], jobs)
        name = f"{jobs:.0e}".replace("e+0", "e")
        figures |= {f"{name}_jobs_per_s": timed.jobs_per_s, f"{name}_peak_mb": peak_mb()}
    return figures


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _timed(given: dict[str, Any], design: str, loop: Loop, jobs: int, replication: int = REPLICATION) -> Timed:
    scenario = Scenario.parse(given | {"jobs": jobs})
    state = build_state(
        scenario, design, replication, trace=None, drawn=None, rows=recorded_of(None, None), drains=True
    )
    began = time.perf_counter()
    while (status := loop(state.machine, BUDGET)) != layout.DONE:
        if status == layout.GROW:
            state.grow()
        elif status == layout.UNFIT:
            raise AssertionError("the single-station loop did not fit its queue")
    elapsed = time.perf_counter() - began
    m = state.machine[0]
    settled = sum(
        int(m["counts"][place])
        for place in (
            layout.C_COMPLETED,
            layout.C_FAILED,
            layout.C_TIMED_OUT,
            layout.C_REJECTED,
            layout.C_DEAD,
            layout.C_UNDELIVERED,
        )
    )
    if not settled == int(m["counts"][layout.C_OFFERED]) == jobs:
        raise AssertionError(f"{design}: {settled:,} of {jobs:,} jobs settled")
    return Timed(jobs / elapsed, int(m["events"]), int(m["counts"][layout.C_CALLS]) / jobs)
