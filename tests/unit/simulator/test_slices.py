"""A run hears a cancel within a quarter of a second, whatever its events cost: its slices are that short from the first one on."""

from collections.abc import Callable
from typing import Any

import pytest

from simulator import replications
from simulator.kernel.layout import DONE, GROW, MORE
from simulator.plan import EVENT_DRIVEN
from simulator.replications import LOOPS, Runner
from simulator.scenario import Scenario

EVENTS = 3_000_000


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def perf_counter(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    "cost_s",
    [
        lambda done: 50e-9,
        lambda done: 100e-6,
        lambda done: 150e-9 if done > EVENTS * 0.97 else 50e-9,
    ],
    ids=["cheap", "dear", "dearer in the end"],
)
@pytest.mark.parametrize("first", [MORE, GROW])
def test_no_slice_is_longer_than_a_quarter_of_a_second(
    cost_s: Callable[[int], float], first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, slices = Clock(), list[float]()
    monkeypatch.setattr(replications, "time", clock)
    scenario = Scenario.parse(
        {
            "arrivals": {"process": "poisson", "rate_per_s": 1},
            "service": {"distribution": "exponential", "mean_s": 1},
        }
    )

    def loop(machine: Any, budget: int) -> int:
        m = machine[0]
        done = int(m["events"])
        took_s = sum(cost_s(done + event) for event in range(0, budget, 100)) * 100
        clock.now_s += took_s
        slices.append(took_s)
        m["events"], m["next_job"] = done + budget, m["jobs"]
        if m["events"] >= EVENTS:
            return DONE
        return first if len(slices) == 1 else MORE

    runner = Runner(scenario, None, None, dict.fromkeys(LOOPS, True))
    assert runner._slices(EVENT_DRIVEN, 0, runner.build_state(EVENT_DRIVEN, 0), loop)
    assert max(slices) <= 0.25
    assert len(slices) < 100 + 1.1 * EVENTS * cost_s(EVENTS) / replications.SLICE_S


def test_subscribers_attempts_count_against_a_slice() -> None:
    scenario = Scenario.parse(
        {
            "jobs": 500,
            "arrivals": {"process": "poisson", "rate_per_s": 1},
            "service": {"distribution": "exponential", "mean_s": 1},
            "retries": {"max": 9, "base_s": 1, "cap_s": 1},
            "subscribers": {"count": 100, "failure_percent": 99.9},
        }
    )
    runner = Runner(scenario, None, None, dict.fromkeys(LOOPS, True))
    for design, loop in LOOPS.items():
        state = runner.build_state(design, 0)
        assert loop(state.machine, 5000) == MORE
        assert 5000 <= state.machine[0]["events"] < 5000 + 99 * 10 + 1
