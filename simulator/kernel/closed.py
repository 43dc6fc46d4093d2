# mypy: disable-error-code="no-any-return"
"""A fixed number of clients: a heap, in memory of its own, of the instants at which those who think will send their next requests.

The first of them is the next arrival, `m.arrival`, until the last job.
"""

import math

import numpy as np

from simulator.kernel.access import event
from simulator.kernel.compiled import compiled
from simulator.kernel.heap import pop, push
from simulator.kernel.layout import U_GAP, Machine
from simulator.kernel.random_numbers import uniform

FASTEST_S = 1e-3
"""A client's requests are at least this far apart, so that one that is refused at once, and does not think, comes to an end."""
THINK_AFTER_JOB, THINK_FIRST = 0, 1


@compiled
def draw_think_s(m: Machine, number: int, when: int) -> float:
    """The pause after job `number`, or before the first request of client `number`: exponential, or as long as `arrival_a`."""
    draw = uniform(m.key, number, U_GAP, when)
    if m.arrival_b > 0.0:
        return -m.arrival_a * math.log(draw)
    return m.arrival_a * draw if when == THINK_FIRST else m.arrival_a


@compiled
def start_clients(m: Machine) -> None:
    for client in range(m.client_count):
        push(m.clients, client, draw_think_s(m, client, THINK_FIRST), client)
    m.thinking = m.client_count


@compiled
def first_request_at(m: Machine) -> float:
    return event(m.clients, 0).at if m.thinking > 0 else np.inf


@compiled
def closed_instant(m: Machine, job: int) -> float:
    """The next request's instant. The request before, if it was a client's, has just arrived."""
    if job > m.backlog:
        pop(m.clients, m.thinking)
        m.thinking -= 1
    return first_request_at(m)


@compiled
def resume_thinking(m: Machine, job: int, arrived: float, at: float) -> None:
    """The client of a job that is settled has its result at the instant `at`, or learns that there is none at `client_learns`."""
    learns = max(at, m.client_learns)
    m.client_learns = -np.inf
    if job < m.backlog or m.next_job >= m.jobs:
        return
    sends = max(learns + draw_think_s(m, job, THINK_AFTER_JOB), arrived + FASTEST_S)
    push(m.clients, m.thinking, sends, job)
    m.thinking += 1
    if m.next_job >= m.backlog:
        m.arrival = first_request_at(m)
