"""Which Scenarios a live run refuses, and what one takes at most. Pages ask, so no process of a run is imported here."""

from collections.abc import Mapping

from core.closed_sets import complete_table
from core.errors import InvalidInput, Problem
from simulator.arrivals import ClosedArrivals, TraceArrivals
from simulator.deliveries import PollingDelivery
from simulator.experiment import Estimate
from simulator.experiment import check as check_for_kernel
from simulator.live.run.machine_capacity import current
from simulator.live.run.run_plan import LONGEST_DEFAULT_S
from simulator.live.run.window import starting_backlog_of
from simulator.live.system.config import MOST_HANDLERS
from simulator.memory import memory_bytes
from simulator.plan import called_subscribers
from simulator.result import WorkerKind
from simulator.scenario import Scenario
from simulator.trace_columns import Floats
from simulator.traces import Trace

MOST_WORKERS = 200
MOST_CONSUMERS: Mapping[WorkerKind, int] = complete_table(
    WorkerKind, {"threads": 200, "simple": 60, "forking": 60, "stock": 60}
)
"""A process each, but for threads."""
PLAYED: Mapping[str, tuple[str, ...]] = {
    "arrivals": ("regular", "poisson", "gamma", "bursts", "daily", "trace", "backlog", "closed"),
    "service": ("deterministic", "exponential", "lognormal", "gamma", "tokens", "empirical"),
    "event_driven.delivery": ("none", "polling", "webhook", "sse", "websocket"),
    "event_driven.discipline": ("strict", "dedicated", "weighted"),
    "retries.jitter": ("none", "full", "equal", "decorrelated"),
}
"""What a live run supports, by field. Every other case is refused by name."""
MOST_BACKLOG = 2_000
"""All of them are sent at once."""
STOCK_TICKS_S = (0.0, 1.0)
"""rq's own scheduler looks once a second; 0 asks for no tick."""


def check_live(
    scenario: Scenario, trace: Trace | None, durations_s: Floats | None = None, workers: WorkerKind = "threads"
) -> None:
    """Refuse what cannot be run live.

    Raises:
        InvalidInput: with a problem for each reason.
    """
    if problems := find_unsupported(scenario, workers):
        raise InvalidInput(problems)
    check_for_kernel(scenario, trace, durations_s)


def estimate_live(
    scenario: Scenario,
    trace: Trace | None = None,
    replications: int | None = None,
    *,
    seconds: float | None = None,
    workers: WorkerKind = "threads",
) -> Estimate:
    """What the run will take at most: a window of jobs through each design, and the memory of the recording that it is cut from."""
    trace = trace if isinstance(scenario.arrivals, TraceArrivals) else None
    jobs = round(2 * (seconds or LONGEST_DEFAULT_S) * current(workers).jobs_per_s)
    return Estimate(jobs, memory_bytes(scenario, trace))


def find_unsupported(scenario: Scenario, workers: WorkerKind = "threads") -> tuple[Problem, ...]:
    events, most, stock = scenario.event_driven, MOST_CONSUMERS[workers], workers == "stock"
    if workers == "threads":
        too_many = f"a live run has at most {most} of them; use the kernel"
    else:
        too_many = f"{workers} workers are at most {most}, a process each; use threads, or the kernel"
    cases = {
        "arrivals": scenario.arrivals.process,
        "service": scenario.service.distribution,
        "event_driven.delivery": events.delivery.method,
        "event_driven.discipline": events.discipline,
        "retries.jitter": scenario.retries.jitter,
    }
    problems = [
        Problem(path, f"a live run has no {case}; use the kernel")
        for path, case in cases.items()
        if case not in PLAYED[path]
    ]
    reasons: dict[str, str | None] = {
        "backlog_jobs": _reason_against_backlog(scenario),
        "hybrid": "a live run has the two designs, and no hybrid; use the kernel" if scenario.hybrid else None,
        "autoscaling": "a live run has a fixed number of workers; use the kernel" if scenario.autoscaling else None,
        "synchronous.workers": f"a live run has at most {MOST_WORKERS} of them; use the kernel"
        if scenario.synchronous.workers > MOST_WORKERS
        else None,
        "event_driven.consumers": too_many if events.consumers > most else None,
        "event_driven.retry_tick_s": "stock workers have rq's own scheduler, which looks once a second,"
        f" not every {events.retry_tick_s:g} s; use other workers"
        if stock and events.retry_tick_s not in STOCK_TICKS_S
        else None,
        "subscribers.consumers": f"a live run has at most {MOST_HANDLERS} consumers of all subscribers together; use the kernel"
        if (scenario.subscribers.consumers or 0) * called_subscribers(scenario) > MOST_HANDLERS
        else None,
        "event_driven.delivery.retention_s": "a live run has no results that expire; use the kernel"
        if isinstance(events.delivery, PollingDelivery) and events.delivery.retention_s is not None
        else None,
        "event_driven.discipline": "rq's own workers have no weighted order of their queues; use other workers"
        if stock and len(events.queues) > 1 and events.discipline == "weighted"
        else None,
    }
    return (*problems, *(Problem(path, reason) for path, reason in reasons.items() if reason is not None))


def _reason_against_backlog(scenario: Scenario) -> str | None:
    if isinstance(scenario.arrivals, ClosedArrivals):
        return (
            "a live run's fixed number of clients begins without waiting jobs; use the kernel"
            if scenario.backlog_jobs
            else None
        )
    if starting_backlog_of(scenario) > MOST_BACKLOG:
        return f"a live run begins with at most {MOST_BACKLOG:,} jobs, which are all sent at once; use the kernel"
    return None
