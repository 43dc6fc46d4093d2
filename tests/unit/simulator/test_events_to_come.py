"""Events come out in the order of their instants, simultaneous ones as they went in, however many there are."""

import heapq
from typing import Any

import numpy as np
import pytest
from numba import njit

from simulator.kernel.heap import SLOT_BITS, next_event_at, put_event, take_event
from simulator.kernel.layout import NEAR
from simulator.plan import SYNCHRONOUS, build_state, recorded_of
from simulator.scenario import Scenario


@njit
def replay(machine: Any, puts: Any, ats: Any, order: Any, instants: Any) -> None:
    """Put the next event where `puts` says so, else take one."""
    m = machine[0]
    put = taken = 0
    for puts_one in puts:
        if puts_one:
            put_event(m, ats[put], (put << SLOT_BITS) | put)
            put += 1
        else:
            instants[taken] = next_event_at(m)
            order[taken] = take_event(m)
            taken += 1


def a_machine() -> Any:
    scenario = Scenario.parse(
        {
            "jobs": 10,
            "arrivals": {"process": "poisson", "rate_per_s": 1},
            "service": {"distribution": "exponential", "mean_s": 1},
        }
    )
    return build_state(scenario, SYNCHRONOUS, 0, trace=None, drawn=None, rows=recorded_of(None, None), drains=True)


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 5, NEAR - 1, NEAR, NEAR + 1, 60, 1000])
@pytest.mark.parametrize("instants_there_are", [3, 1_000_000])
def test_events_come_out_in_order(most: int, instants_there_are: int) -> None:
    generator = np.random.default_rng(most)
    bench, events = a_machine(), 5000
    ats = generator.integers(0, instants_there_are, events).astype(float)
    puts, there, left = [], 0, events
    while left or there:
        puts_one = there == 0 or (left > 0 and there < most and generator.random() < 0.55)
        puts.append(puts_one)
        there += 1 if puts_one else -1
        left -= puts_one
    order, instants = np.empty(events, np.int64), np.empty(events)
    replay(bench.machine, np.array(puts), ats, order, instants)

    calendar: list[tuple[float, int]] = []
    expected, put = [], 0
    for puts_one in puts:
        if puts_one:
            heapq.heappush(calendar, (ats[put], put))
            put += 1
        else:
            expected.append(heapq.heappop(calendar))
    assert list(zip(instants.tolist(), order.tolist(), strict=True)) == expected
    assert bench.machine[0]["near"] == bench.machine[0]["heap_size"] == 0
