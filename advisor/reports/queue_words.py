"""What was observed of a running queue, in words: the same on the page and on the command line."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from core.numbers import count, duration, exactly, number, percent, rate
from simulator.trace_columns import Floats

if TYPE_CHECKING:
    from simulator.live.observe_rq import QueueObservation


def spread(sample: Floats) -> dict[str, Any]:
    if not len(sample):
        return {"p50": None, "p95": None, "max": None}
    p50, p95 = np.percentile(sample, (50, 95))
    return {"p50": p50, "p95": p95, "max": sample.max()}


def queue_facts(one: "QueueObservation", needed: int | None, wait_s: float) -> Iterator[tuple[str, str]]:
    """Pairs of a title and what was seen. `needed` are workers, for 95 % of the waits to be at most `wait_s`."""
    cv = one.interarrival_cv
    uneven = "" if cv is None else f"; coefficient of variation of the gaps {number(round(cv, 2))}"
    yield "arrivals", f"{count(one.arrivals)}, {rate(one.rate_per_s)}{uneven}"
    if one.attempts:
        yield "waits", _words(one.wait_s)
        yield (
            "work",
            f"{_words(one.service_s)}, mean {duration(one.mean_service_s)}; {percent(100 * one.failed_share)} of the attempts failed",
        )
    if one.is_sampled:
        seen = f"of {count(one.executions, 'execution')} {count(len(one.attempts))} left a trace (a result_ttl of 0 leaves none)"
        yield "", f"{seen}: waits and quantiles are those of these"
    depths = f"{number(round(float(one.depths.mean()), 1))} on average, {count(int(one.depths.max()))} at most"
    yield "waiting", f"{depths}, {count(int(one.depths[-1]))} at the end"
    if not one.workers:
        yield "workers", "none listens on this queue"
        return
    yield "workers", f"{count(one.workers)}, working {percent(round(100 * one.busy_share))} of the time"
    if not one.executions:
        return
    growing = ", so that the backlog grows" if one.load >= 1 else ""
    yield "load", f"{number(round(one.load, 2))} of what the workers can do{growing}"
    if one.depths[-1]:
        yield "drains in", f"{'never, as it is' if one.drain_s is None else exactly(round(one.drain_s, 1), duration)}"
    answer = "more than can be simulated" if needed is None else count(needed, "worker")
    yield (
        "needed",
        f"{answer}, for 95 % of the jobs to wait at most {exactly(wait_s, duration)} (simulated with these times and gaps)",
    )


def _words(sample: Floats) -> str:
    times = spread(sample)
    return f"p50 {duration(times['p50'])}, p95 {duration(times['p95'])}, at most {duration(times['max'])}"
