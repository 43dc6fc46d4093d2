"""Both designs' own traits against peers: priority queues with retries in Ciw and SimPy, impatient clients and retries in line in SimPy.

Service is constant, because a job here keeps its time over its attempts, and a peer's visit draws a new one.
"""

import random
from collections.abc import Callable, Generator
from math import sqrt
from typing import Any

import ciw
import pytest
import simpy

from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.replications import LOOPS, Runner
from simulator.scenario import Scenario
from simulator.statistics import half_width
from simulator.tally import MIDDLES_S, Tally

RATE, SERVERS, FAILS, PAUSE_S, URGENT = 3.2, 5, 0.15, 2.0, 0.3
TIMEOUT_S, CLIENT_RETRIES, CLIENT_PAUSE_S, BACKLOG, IN_LINE = 4.0, 2, 1.5, 12, 2
SYNCHRONOUS_RATE = 4.2
JOBS, REPLICATIONS = 4000, 16
QUEUES = {"urgent": 100 * URGENT, "standard": 100 * (1 - URGENT)}
Figures = dict[str, float]
Steps = Generator[Any, Any, None]

SCENARIO = Scenario.parse(
    {
        "seed": 21,
        "jobs": JOBS,
        "arrivals": {"process": "poisson", "rate_per_s": RATE},
        "service": {"distribution": "deterministic", "mean_s": 1},
        "failures": {"transient_percent": 100 * FAILS},
        "retries": {"max": 40, "flat_s": PAUSE_S},
        "event_driven": {"consumers": SERVERS, "queues": QUEUES, "discipline": "strict"},
        "synchronous": {
            "workers": SERVERS,
            "backlog": BACKLOG,
            "client_timeout_s": TIMEOUT_S,
            "client_retries": CLIENT_RETRIES,
            "client_backoff_s": CLIENT_PAUSE_S,
            "inline_retries": IN_LINE,
        },
    }
)


def kernel(design: str, rate: float) -> list[Tally]:
    given = SCENARIO.model_copy(update={"arrivals": SCENARIO.arrivals.model_copy(update={"rate_per_s": rate})})
    runner = Runner(given, None, None, dict.fromkeys(LOOPS, True))
    runner.run(10 * REPLICATIONS)
    return runner.tallies[design]


def queued_figures() -> list[Figures]:
    return [
        {
            "urgent wait": float(tally.classes[0].wait.sum_s / tally.classes[0].counts["offered"]),
            "standard wait": float(tally.classes[1].wait.sum_s / tally.classes[1].counts["offered"]),
            "attempts": tally.attempts_per_job,
            "latency": tally.latency["mean"],
        }
        for tally in kernel(EVENT_DRIVEN, RATE)
    ]


def summed(waits: dict[str, list[float]], attempts: int, latencies: list[float]) -> Figures:
    return {
        "urgent wait": sum(waits["urgent"]) / len(waits["urgent"]),
        "standard wait": sum(waits["standard"]) / len(waits["standard"]),
        "attempts": attempts / len(latencies),
        "latency": sum(latencies) / len(latencies),
    }


def queues_in_ciw(seed: int) -> Figures:
    """A node of servers that fails some to a node of pauses, and from there back."""
    names = {"urgent": URGENT, "standard": 1 - URGENT}
    network = ciw.create_network(
        arrival_distributions={name: [ciw.dists.Exponential(RATE * share), None] for name, share in names.items()},
        service_distributions={
            name: [ciw.dists.Deterministic(1.0), ciw.dists.Deterministic(PAUSE_S)] for name in names
        },
        routing={name: [[0.0, FAILS], [1.0, 0.0]] for name in names},
        number_of_servers=[SERVERS, float("inf")],
        priority_classes={"urgent": 0, "standard": 1},
    )
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(JOBS, method="Finish")
    waits: dict[str, list[float]] = {name: [] for name in names}
    attempts, latencies = 0, []
    for customer in simulation.nodes[-1].all_individuals:
        records = [record for record in customer.data_records if record.node == 1]
        attempts += len(records)
        waits[customer.customer_class].append(sum(record.waiting_time for record in records))
        latencies.append(records[-1].exit_date - records[0].arrival_date)
    return summed(waits, attempts, latencies)


def queues_in_simpy(seed: int) -> Figures:
    environment, draws = simpy.Environment(), random.Random(seed)
    consumers = simpy.PriorityResource(environment, SERVERS)
    waits: dict[str, list[float]] = {"urgent": [], "standard": []}
    attempts, latencies = [0], []

    def job() -> Steps:
        arrived, waited = environment.now, 0.0
        place = 0 if draws.random() < URGENT else 1
        while True:
            queued = environment.now
            with consumers.request(priority=place) as turn:
                yield turn
                waited += environment.now - queued
                attempts[0] += 1
                yield environment.timeout(1.0)
            if draws.random() >= FAILS:
                break
            yield environment.timeout(PAUSE_S)
        waits["standard" if place else "urgent"].append(waited)
        latencies.append(environment.now - arrived)

    run(environment, draws, RATE, job)
    return summed(waits, attempts[0], latencies)


def run(environment: simpy.Environment, draws: random.Random, rate: float, job: Callable[[], Steps]) -> None:
    def arrivals() -> Steps:
        for _ in range(JOBS):
            yield environment.timeout(draws.expovariate(rate))
            environment.process(job())

    environment.process(arrivals())
    environment.run()


def clients_in_simpy(seed: int) -> Figures:
    environment, draws = simpy.Environment(), random.Random(seed)
    workers = simpy.Resource(environment, SERVERS)
    latencies: list[float] = []
    calls, attempts = [0], [0]

    def serve() -> Generator[Any, Any, bool]:
        with workers.request() as turn:
            yield turn
            for attempt in range(IN_LINE + 1):
                if attempt:
                    yield environment.timeout(PAUSE_S)
                attempts[0] += 1
                yield environment.timeout(1.0)
                if draws.random() >= FAILS:
                    return True
        return False

    def job() -> Steps:
        arrived = environment.now
        for call in range(CLIENT_RETRIES + 1):
            if call:
                yield environment.timeout(CLIENT_PAUSE_S)
            calls[0] += 1
            if workers.count == SERVERS and len(workers.queue) >= BACKLOG:
                continue
            answer = environment.process(serve())
            yield answer | environment.timeout(TIMEOUT_S)
            if answer.triggered and answer.value:
                latencies.append(environment.now - arrived)
                return

    run(environment, draws, SYNCHRONOUS_RATE, job)
    return {
        "completed": len(latencies) / JOBS,
        "latency": sum(latencies) / len(latencies),
        "calls": calls[0] / JOBS,
        "attempts": attempts[0] / JOBS,
    }


def client_figures() -> list[Figures]:
    results = []
    for tally in kernel(SYNCHRONOUS, SYNCHRONOUS_RATE):
        offered, completed = tally.counts["offered"], tally.counts["completed"]
        results.append(
            {
                "completed": completed / offered,
                "latency": float(tally.latencies.histogram @ MIDDLES_S) / completed,
                "calls": tally.client_calls / offered,
                "attempts": tally.attempts_per_job,
            }
        )
    return results


def check(ours: list[Figures], theirs: list[Figures]) -> None:
    for name in theirs[0]:
        mine, others = ([figures[name] for figures in results] for results in (ours, theirs))
        mean, other = sum(mine) / len(mine), sum(others) / len(others)
        half, other_half = half_width(mine, 0.999), half_width(others, 0.999)
        assert other_half < 0.2 * other, f"the peer's interval of {name} proves nothing"
        assert abs(mean - other) <= sqrt(half**2 + other_half**2), (name, mean, half, other, other_half)


@pytest.mark.parametrize("peer", [queues_in_ciw, queues_in_simpy], ids=["Ciw", "SimPy"])
def test_a_peer_agrees_on_priority_queues_with_retries(peer: Callable[[int], Figures]) -> None:
    check(queued_figures(), [peer(seed) for seed in range(REPLICATIONS)])


def test_a_peer_agrees_on_clients_that_give_up_and_call_again() -> None:
    figures = client_figures()
    assert sum(each["calls"] for each in figures) / len(figures) > 1.3, "no caller calls again"
    check(figures, [clients_in_simpy(seed) for seed in range(REPLICATIONS)])
