"""Draws the jobs of a live run with the kernel's own compiled code: replication 0 of the kernel sees the same ones."""

import math
from typing import Any

import numpy as np

from core.errors import InvalidInput, Problem
from simulator.arrivals import ClosedArrivals, TraceArrivals
from simulator.deliveries import WebhookDelivery
from simulator.kernel import layout
from simulator.kernel.compiled import entry
from simulator.kernel.draws import class_of, service_s
from simulator.kernel.machine import draw_next_arrival, is_poison, tokens_of
from simulator.kernel.random_numbers import normal_quantile, uniform
from simulator.live.system.jobs import Jobs
from simulator.plan import (
    SYNCHRONOUS,
    KernelState,
    build_state,
    called_subscribers,
    client_backoff_s_of,
    client_retries_of,
    dedicated_consumers,
    keys_of,
    recorded_of,
    retries_of,
)
from simulator.scenario import Scenario
from simulator.services import EmpiricalService
from simulator.trace_columns import Floats
from simulator.traces import Trace

MOST_LIVE_JOBS = 1_000_000
CHUNK = 4096


def draw_jobs(
    scenario: Scenario, design: str, *, trace: Trace | None = None, durations_s: Floats | None = None
) -> Jobs:
    """The jobs that replication 0 of the kernel sees, for one design. `trace` and `durations_s` as for `simulate`, which checks them.

    Raises:
        InvalidInput: there are more jobs than a live run holds.
    """
    state = _state(scenario, design, trace if isinstance(scenario.arrivals, TraceArrivals) else None, durations_s)
    m = state.machine[0]
    follow = isinstance(scenario.arrivals, ClosedArrivals)  # from the answers
    arrivals = trace.arrivals_s if follow and trace is not None else _arrivals(state.machine)
    delivery = scenario.event_driven.delivery
    pauses = delivery.pauses_s if isinstance(delivery, WebhookDelivery) else ()
    own = np.zeros(len(arrivals), OWN)
    webhook_u = np.empty((len(arrivals), len(pauses)))
    handling_s = np.empty((len(arrivals), called_subscribers(scenario)))
    _fill(state.machine, own, webhook_u, handling_s)
    retries = retries_of(scenario, design)
    return Jobs(
        key=int(m["key"]),
        arrival_s=arrivals,
        **{name: np.ascontiguousarray(own[name]) for name in OWN.names or ()},
        webhook_u=webhook_u,
        handling_s=handling_s,
        deadlines_s=np.array(m["deadlines"][: len(scenario.event_driven.queues)]),
        consumers=np.array(dedicated_consumers(scenario)),
        webhook_pauses_s=np.array(pauses, dtype=np.float64),
        subscribers=called_subscribers(scenario),
        retries=retries,
        keys=keys_of(scenario),
        client_retries=client_retries_of(scenario, design),
        client_backoff_s=client_backoff_s_of(scenario, design),
        patience_s=scenario.synchronous.patience_s,
        end_s=scenario.duration_s or math.inf,
        transient=scenario.failures.transient_percent / 100,
        refusing=scenario.subscribers.failure_percent / 100,
        retry_policy=scenario.retries.model_copy(update={"max": retries}).model_dump_json(),
    )


OWN = np.dtype(
    [
        ("service_s", "<f8"),
        ("place", "<i1"),
        ("input_tokens", "<f8"),
        ("output_tokens", "<f8"),
        ("poison", "?"),
        ("phase_u", "<f8"),
        ("reconnect_u", "<f8"),
    ]
)


def draw_arrivals(scenario: Scenario, durations_s: Floats | None) -> Floats:
    """The arrival instants that replication 0 of the kernel draws for a scenario that replays no trace.

    Raises:
        InvalidInput: there are more than a live run holds.
    """
    state = _state(scenario, SYNCHRONOUS, None, durations_s)
    return _arrivals(state.machine)


def _state(scenario: Scenario, design: str, trace: Trace | None, durations_s: Floats | None) -> KernelState:
    """The kernel's state before the first arrival. Hold a reference to it as long as its machine is used."""
    drawn = durations_s if isinstance(scenario.service, EmpiricalService) and scenario.service.path else None
    rows = recorded_of(trace, drawn, scenario.backlog_jobs)
    return build_state(scenario, design, 0, trace=trace, drawn=drawn, rows=rows, drains=True)


def _arrivals(machine: Any) -> Floats:
    chunks: list[Floats] = []
    last = float(machine[0]["end"])
    while np.isfinite(machine[0]["arrival"]) and machine[0]["arrival"] <= last:
        if len(chunks) * CHUNK >= MOST_LIVE_JOBS:
            raise InvalidInput([Problem("jobs", f"a live run holds at most {MOST_LIVE_JOBS:,} jobs")])
        chunk = np.empty(CHUNK)
        chunks.append(chunk[: _fill_arrivals(machine, chunk)])
    arrivals = np.concatenate([np.zeros(0), *chunks])
    return arrivals[arrivals <= last]


@entry
def _fill_arrivals(machine: Any, arrivals: Any) -> int:
    m = machine[0]
    count = 0
    while count < len(arrivals) and m.arrival < np.inf:
        arrivals[count] = m.arrival
        count += 1
        m.next_job += 1
        draw_next_arrival(m)
    return count


@entry
def _fill(machine: Any, own: Any, webhook_u: Any, handling_s: Any) -> None:
    m = machine[0]
    for job in range(len(own)):
        tokens_in, tokens_out = tokens_of(m, job)
        own[job].service_s = service_s(m, job, tokens_out)
        own[job].place = class_of(m, job)
        own[job].input_tokens = tokens_in
        own[job].output_tokens = tokens_out
        own[job].poison = is_poison(m, job)
        own[job].phase_u = uniform(m.key, job, layout.U_PHASE, 0)
        own[job].reconnect_u = uniform(m.key, job, layout.U_RECONNECT, 0)
        for call in range(webhook_u.shape[1]):
            webhook_u[job, call] = uniform(m.key, job, layout.U_WEBHOOK, call)
        for subscriber in range(handling_s.shape[1]):
            handling_s[job, subscriber] = 0.0
            if m.handling_mu > -math.inf:
                normal = normal_quantile(uniform(m.key, job, layout.U_HANDLING, subscriber))
                handling_s[job, subscriber] = math.exp(m.handling_mu + m.handling_sigma * normal)
