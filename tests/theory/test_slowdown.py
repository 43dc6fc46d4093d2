"""A model that slows as calls are in flight, against processor sharing's exact results and one published sweep of a real server."""

from itertools import combinations

import pytest

from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.replications import LOOPS, Runner
from simulator.scenario import Scenario
from simulator.slowdown import CallTime
from simulator.stability import load_of
from tests.theory.test_simulator_theory import exponential, inside, poisson, servers, tallies

SERVICES = {
    "exponential": exponential(2.0),
    "constant": {"distribution": "deterministic", "mean_s": 2.0},
    "variable": {"distribution": "gamma", "mean_s": 2.0, "cv": 2.0},
}
MANY = 500
"""Servers: no call waits for one."""
SWEEP = {8: (4.2, 1.9), 32: (14.7, 2.2), 64: (24.1, 2.6), 128: (35.8, 3.6), 192: (40.4, 4.7), 256: (44.3, 5.8)}
"""Calls in flight: calls a second, and the mean time of one. An 8B model on one H100 with continuous batching, published by llm-d."""


def slowdown(measured: int, high: int, high_mean_s: float) -> dict[str, object]:
    return {"measured_in_flight": measured, "high_in_flight": high, "high_mean_s": high_mean_s}


@pytest.mark.parametrize("service", SERVICES)
def test_a_model_shared_equally_takes_the_mean_time_of_its_load_whatever_the_distribution(service: str) -> None:
    """M/G/1 processor sharing: the mean time is E[S] / (1 - rho). Source: Kleinrock, Queueing Systems 2, 1976, section 4.4."""
    rate, mean = 0.3, 2.0
    simulated = tallies(
        600_000,
        arrivals=poisson(rate),
        service=SERVICES[service],
        provider={"slowdown": slowdown(1, MANY, MANY * mean)},
        warmup_jobs=1000,
        **servers(MANY),
    )
    for design in LOOPS:
        inside([tally.latency["mean"] for tally in simulated[design]], mean / (1 - rate * mean), 0.06)
        assert all(tally.wait["max"] == 0 for tally in simulated[design])


def mean_in_system(rate: float, calls_per_s: list[float]) -> tuple[float, float]:
    """Of a queue served at those rates, the last of them for all larger populations: jobs in it, and those over the last."""
    weights = [1.0]
    for per_s in calls_per_s:
        weights.append(weights[-1] * rate / per_s)
    ratio, most = rate / calls_per_s[-1], len(calls_per_s)
    tail = weights[-1] * ratio / (1 - ratio)
    whole = sum(weights) + tail
    over = weights[-1] * ratio / (1 - ratio) ** 2
    return (sum(n * weight for n, weight in enumerate(weights)) + most * tail + over) / whole, over / whole


@pytest.mark.parametrize("service", SERVICES)
def test_a_model_that_slows_by_a_line_is_insensitive_to_the_distribution(service: str) -> None:
    """Equal shares of a speed that depends on the number: its stationary law depends on the mean alone.

    Source: T. Bonald and A. Proutiere, Insensitivity in processor-sharing networks, Performance Evaluation 49, 2002.
    """
    rate = 4.0
    line = CallTime.from_points(4, 2.0, 40, 6.0)
    busy = [line.calls_per_s(n) for n in range(1, MANY + 1)]
    exact, _ = mean_in_system(rate, busy)
    simulated = tallies(
        600_000,
        arrivals=poisson(rate),
        service=SERVICES[service],
        provider={"slowdown": slowdown(4, 40, 6.0)},
        warmup_jobs=1000,
        **servers(MANY),
    )
    for design in LOOPS:
        inside([tally.latency["mean"] for tally in simulated[design]], exact / rate, 0.03)


@pytest.mark.parametrize("limit", ["servers", "provider"])
def test_calls_that_wait_for_a_server_or_for_the_provider_are_those_of_a_markov_chain(limit: str) -> None:
    rate, most = 3.6, 12
    line = CallTime.from_points(2, 2.0, 10, 2.8)
    exact, waiting = mean_in_system(rate, [line.calls_per_s(n) for n in range(1, most + 1)])
    simulated = tallies(
        1_200_000,
        arrivals=poisson(rate),
        service=exponential(2.0),
        provider={"slowdown": slowdown(2, 10, 2.8), "max_concurrency": most if limit == "provider" else None},
        warmup_jobs=1000,
        **servers(most if limit == "servers" else 1000),
    )
    for design in LOOPS:
        inside([tally.latency["mean"] for tally in simulated[design]], exact / rate, 0.06)
        inside([tally.wait["mean"] for tally in simulated[design]], waiting / rate, 0.12)


@pytest.mark.parametrize("in_flight", [8, 64, 128, 192])
def test_a_low_and_a_high_point_of_a_published_sweep_predict_the_others(in_flight: int) -> None:
    scenario = Scenario.parse(
        {
            "duration_s": 600,
            "arrivals": {"process": "regular", "rate_per_s": 60},
            "service": {"distribution": "gamma", "mean_s": SWEEP[32][1], "cv": 0.5},
            "provider": {"slowdown": slowdown(32, 256, SWEEP[256][1])},
            **servers(in_flight),
        }
    )
    runner = Runner(scenario, None, None, dict.fromkeys(LOOPS, True))
    runner.run(1)
    for tallies_of_design in runner.tallies.values():
        per_s = tallies_of_design[0].counts["completed"] / 600
        assert in_flight / per_s == pytest.approx(SWEEP[in_flight][1], rel=0.07)
        assert per_s == pytest.approx(SWEEP[in_flight][0], rel=0.08)


def test_each_pair_of_a_low_and_a_high_point_predicts_the_others() -> None:
    pairs = [(low, high) for low, high in combinations(SWEEP, 2) if low <= 32 and high >= 128]
    for low, high in pairs:
        line = CallTime.from_points(low, SWEEP[low][1], high, SWEEP[high][1])
        assert all(line.mean_s(n) == pytest.approx(mean, rel=0.07) for n, (_, mean) in SWEEP.items()), (low, high)


def test_servers_that_are_never_idle_divide_their_time_between_the_model_and_elsewhere() -> None:
    line = CallTime.from_points(8, 1.9, 256, 5.8)
    assert line.in_flight_of(256, 0.0) == pytest.approx(256)
    at_model = line.in_flight_of(256, 1.5)
    assert at_model + line.calls_per_s(at_model) * 1.5 == pytest.approx(256)


def test_a_design_is_stable_up_to_the_throughput_of_its_servers_and_no_further() -> None:
    given = {
        "jobs": 40_000,
        "service": exponential(1.9),
        "provider": {"slowdown": slowdown(8, 256, 5.8)},
        **servers(64),
    }
    capacity = CallTime.from_points(8, 1.9, 256, 5.8).calls_per_s(64)
    for rate, stable in ((0.97 * capacity, True), (1.03 * capacity, False)):
        scenario = Scenario.parse({**given, "arrivals": poisson(rate)})
        for design in (SYNCHRONOUS, EVENT_DRIVEN):
            assert load_of(scenario, design, None, None).stable is stable
