"""Peers on one shared scenario: five servers, ten places to wait, lognormal service. Ciw, SimPy and the kernel agree within their intervals."""

import random
from collections.abc import Callable, Generator
from math import log, sqrt
from typing import Any

import ciw
import pytest
import simpy

from simulator.kernel import layout
from simulator.plan import SYNCHRONOUS
from simulator.replications import LOOPS, Runner
from simulator.scenario import Scenario
from simulator.statistics import half_width

RATE, P50, P95, SERVERS, PLACES, JOBS, REPLICATIONS = 5.2, 0.7, 2.5, 5, 10, 6000, 12
SIGMA = log(P95 / P50) / 1.6448536269514722

Figures = list[tuple[float, float]]
"""Of each replication: the mean wait of those admitted, and the share that was turned away."""


def kernel() -> Figures:
    scenario = Scenario.parse(
        {
            "seed": 11,
            "jobs": JOBS * 10,
            "arrivals": {"process": "poisson", "rate_per_s": RATE},
            "service": {"distribution": "lognormal", "p50_s": P50, "p95_s": P95},
            "synchronous": {"workers": SERVERS, "backlog": PLACES},
        }
    )
    runner = Runner(scenario, None, None, dict.fromkeys(LOOPS, True))
    runner.run(REPLICATIONS)
    return [
        (tally.wait["mean"], tally.counts["rejected"] / tally.counts["offered"])
        for tally in runner.tallies[SYNCHRONOUS]
    ]


def with_ciw() -> Figures:
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(RATE)],
        service_distributions=[ciw.dists.Lognormal(log(P50), SIGMA)],
        number_of_servers=[SERVERS],
        queue_capacities=[PLACES],
    )
    collected = []
    for seed in range(REPLICATIONS):
        ciw.seed(seed)
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_customers(JOBS, method="Arrive")
        records = simulation.get_all_records()
        waits = [record.waiting_time for record in records if record.record_type == "service"]
        turned_away = sum(record.record_type == "rejection" for record in records)
        collected.append((sum(waits) / len(waits), turned_away / (turned_away + len(waits))))
    return collected


def with_simpy() -> Figures:
    return [_simpy_once(random.Random(seed)) for seed in range(REPLICATIONS)]


def _simpy_once(generator: random.Random) -> tuple[float, float]:
    environment = simpy.Environment()
    servers = simpy.Resource(environment, SERVERS)
    waits: list[float] = []
    turned_away = 0

    def job() -> Generator[Any, Any, None]:
        arrived = environment.now
        with servers.request() as request:
            yield request
            waits.append(environment.now - arrived)
            yield environment.timeout(generator.lognormvariate(log(P50), SIGMA))

    def arrivals() -> Generator[Any, Any, None]:
        nonlocal turned_away
        for _ in range(JOBS):
            yield environment.timeout(generator.expovariate(RATE))
            if len(servers.queue) < PLACES:
                environment.process(job())
            else:
                turned_away += 1

    environment.process(arrivals())
    environment.run()
    return sum(waits) / len(waits), turned_away / JOBS


@pytest.mark.parametrize("peer", [with_ciw, with_simpy], ids=["Ciw", "SimPy"])
def test_a_peer_agrees(peer: Callable[[], Figures]) -> None:
    for ours, theirs in zip(zip(*kernel(), strict=True), zip(*peer(), strict=True), strict=True):
        mean, other = sum(ours) / len(ours), sum(theirs) / len(theirs)
        half, other_half = half_width(ours, 0.999), half_width(theirs, 0.999)
        assert other_half < 0.2 * other, "the peer's interval proves nothing"
        assert abs(mean - other) <= sqrt(half**2 + other_half**2), (mean, half, other, other_half)


def test_the_kernel_counts_two_events_a_job_as_a_peer_would() -> None:
    """An arrival and an end of service for each job admitted, an arrival alone for each turned away."""
    scenario = Scenario.parse(
        {
            "jobs": 1000,
            "arrivals": {"process": "poisson", "rate_per_s": RATE},
            "service": {"distribution": "exponential", "mean_s": 1},
            "synchronous": {"workers": SERVERS, "backlog": 0},
        }
    )
    runner = Runner(scenario, None, None, dict.fromkeys(LOOPS, True))
    state = runner.build_state(SYNCHRONOUS, 0)
    assert LOOPS[SYNCHRONOUS](state.machine, 10_000) == layout.DONE
    m = state.machine[0]
    assert int(m["events"]) == 2000 - int(m["counts"][layout.C_REJECTED])
