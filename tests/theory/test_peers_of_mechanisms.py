"""Mechanisms of AI systems against independent models in SimPy: agreement within the intervals.

A model that slows as calls are in flight, calls that hang until a timeout, a fixed number of clients, leases shorter than the work, and service
times of each class. A job keeps its time at each attempt and delivery, here as there.
"""

import random
from collections.abc import Callable, Generator
from math import log
from typing import Any

import simpy

from simulator.plan import EVENT_DRIVEN, SYNCHRONOUS
from simulator.replications import Runner
from simulator.scenario import Scenario
from simulator.tally import MIDDLES_S, Tally
from tests.theory.test_peers_of_designs import Figures, Steps, check

JOBS, REPLICATIONS = 1500, 12
SERVERS = 6
MU, SIGMA = log(1.0), log(3.0) / 1.6448536269514722
LOGNORMAL = {"distribution": "lognormal", "p50_s": 1.0, "p95_s": 3.0}


def kernel(design: str, given: dict[str, Any]) -> list[Tally]:
    shared = {
        "seed": 31,
        "jobs": JOBS,
        "synchronous": {"workers": SERVERS},
        "event_driven": {"consumers": SERVERS},
    }
    scenario = Scenario.parse(shared | given)
    runner = Runner(scenario, None, None, {SYNCHRONOUS: True, EVENT_DRIVEN: True})
    runner.run(6 * REPLICATIONS)
    return runner.tallies[design]


def mean_latency(tally: Tally) -> float:
    return float(tally.latencies.histogram @ MIDDLES_S) / tally.counts["completed"]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def peers(
    model: Callable[[simpy.Environment, random.Random], Callable[[], Figures]], replications: int = REPLICATIONS
) -> list[Figures]:
    figures = []
    for seed in range(replications):
        environment = simpy.Environment()
        results = model(environment, random.Random(seed))
        environment.run()
        figures.append(results())
    return figures


def arrive(
    environment: simpy.Environment, draws: random.Random, rate: float, job: Callable[[], Generator[Any, Any, None]]
) -> None:
    def arrivals() -> Steps:
        for _ in range(JOBS):
            yield environment.timeout(draws.expovariate(rate))
            environment.process(job())

    environment.process(arrivals())


class SharedModel:
    """Calls in flight at one speed: with n of them a second of work takes (a + b n) / (a + b) seconds."""

    def __init__(self, environment: simpy.Environment, each: float) -> None:
        self.environment, self.each = environment, each
        self.left: dict[simpy.Event, float] = {}
        self.since = 0.0
        self.version = 0

    def work(self, amount: float) -> simpy.Event:
        self.advance()
        done = self.environment.event()
        self.left[done] = amount
        self.await_first()
        return done

    def slowness(self) -> float:
        return 1 + self.each * (len(self.left) - 1)

    def advance(self) -> None:
        passed = self.environment.now - self.since
        self.since = self.environment.now
        if self.left:
            done = passed / self.slowness()
            self.left = {call: left - done for call, left in self.left.items()}

    def await_first(self) -> None:
        self.version += 1
        if self.left:
            self.environment.process(self.end_first(self.version, min(self.left.values()) * self.slowness()))

    def end_first(self, version: int, after: float) -> Steps:
        yield self.environment.timeout(max(0.0, after))
        if version == self.version:
            self.advance()
            first = min(self.left, key=self.left.__getitem__)
            del self.left[first]
            first.succeed()
            self.await_first()


def test_a_peer_agrees_on_a_model_that_slows_as_calls_are_in_flight() -> None:
    rate, each, mean_s = 1.45, 0.4, 1.0

    def model(environment: simpy.Environment, draws: random.Random) -> Callable[[], Figures]:
        workers, shared = simpy.Resource(environment, SERVERS), SharedModel(environment, each)
        waits: list[float] = []
        latencies: list[float] = []

        def job() -> Steps:
            arrived = environment.now
            with workers.request() as turn:
                yield turn
                waits.append(environment.now - arrived)
                yield shared.work(draws.expovariate(1 / mean_s))
            latencies.append(environment.now - arrived)

        arrive(environment, draws, rate, job)
        return lambda: {"latency": mean(latencies), "in service": mean(latencies) - mean(waits)}

    slowdown = {"measured_in_flight": 1, "high_in_flight": 11, "high_mean_s": mean_s * (1 + 10 * each)}
    given = {
        "arrivals": {"process": "poisson", "rate_per_s": rate},
        "service": {"distribution": "exponential", "mean_s": mean_s},
        "provider": {"slowdown": slowdown},
    }
    theirs = peers(model)
    assert mean([figures["in service"] for figures in theirs]) > 1.8 * mean_s, "nothing slows"
    for design in (SYNCHRONOUS, EVENT_DRIVEN):
        tallies = kernel(design, given)
        ours = [
            {
                "latency": tally.latency["mean"],
                "in service": tally.latency["mean"] - tally.wait["mean"],
            }
            for tally in tallies
        ]
        check(ours, theirs)


def test_a_peer_agrees_on_calls_that_hang_until_a_timeout() -> None:
    """An outage of a minute; six workers hold their calls until the timeout, and try once more in line."""
    rate, timeout_s, start_s, end_s, pause_s, deadline_s = 2.6, 7.0, 100.0, 160.0, 2.0, 40.0

    def model(environment: simpy.Environment, draws: random.Random) -> Callable[[], Figures]:
        workers = simpy.Resource(environment, SERVERS)
        latencies: list[float] = []
        calls, failed = [0], [0]

        def job() -> Steps:
            arrived, takes = environment.now, draws.lognormvariate(MU, SIGMA)
            with workers.request() as turn:
                yield turn
                for attempt in range(2):
                    if attempt:
                        yield environment.timeout(pause_s)
                    calls[0] += 1
                    if start_s <= environment.now < end_s:
                        yield environment.timeout(min(timeout_s, end_s - environment.now))
                    elif takes > timeout_s:
                        yield environment.timeout(timeout_s)
                    else:
                        yield environment.timeout(takes)
                        latencies.append(environment.now - arrived)
                        return
                failed[0] += 1

        arrive(environment, draws, rate, job)
        return lambda: {
            "in time": sum(latency <= deadline_s for latency in latencies) / JOBS,
            "latency": mean(latencies),
            "calls": calls[0] / JOBS,
            "failed": failed[0] / JOBS,
        }

    given = {
        "deadline_s": deadline_s,
        "arrivals": {"process": "poisson", "rate_per_s": rate},
        "service": LOGNORMAL,
        "provider": {
            "call_timeout_s": timeout_s,
            "outages": [{"start_s": start_s, "length_s": end_s - start_s, "mode": "hang"}],
        },
        "retries": {"max": 1, "flat_s": pause_s},
    }
    ours = [
        {
            "in time": tally.good_share,
            "latency": mean_latency(tally),
            "calls": tally.attempts_per_job,
            "failed": tally.counts["failed"] / JOBS,
        }
        for tally in kernel(SYNCHRONOUS, given)
    ]
    check(ours, peers(model, 24))


def test_a_peer_agrees_on_a_fixed_number_of_clients() -> None:
    clients, think_s = 25, 6.0

    def model(environment: simpy.Environment, draws: random.Random) -> Callable[[], Figures]:
        workers = simpy.Resource(environment, SERVERS)
        latencies: list[float] = []
        waits: list[float] = []
        sent = [0]

        def client() -> Steps:
            while True:
                yield environment.timeout(draws.expovariate(1 / think_s))
                if sent[0] == JOBS:
                    return
                sent[0] += 1
                arrived = environment.now
                with workers.request() as turn:
                    yield turn
                    waits.append(environment.now - arrived)
                    yield environment.timeout(draws.lognormvariate(MU, SIGMA))
                latencies.append(environment.now - arrived)
                ended[0] = environment.now

        ended = [0.0]
        for _ in range(clients):
            environment.process(client())
        return lambda: {"wait": mean(waits), "latency": mean(latencies), "rate": JOBS / ended[0]}

    given = {
        "arrivals": {"process": "closed", "clients": clients, "think_s": think_s},
        "service": LOGNORMAL,
    }
    theirs = peers(model)
    for design in (SYNCHRONOUS, EVENT_DRIVEN):
        ours = [
            {
                "wait": tally.wait["mean"],
                "latency": tally.latency["mean"],
                "rate": tally.utilisation * SERVERS / (tally.latency["mean"] - tally.wait["mean"]),
            }
            for tally in kernel(design, given)
        ]
        check(ours, theirs)


def test_a_peer_agrees_on_leases_shorter_than_the_work() -> None:
    """Work goes on after its lease, and the job is queued again; its first result counts."""
    rate, lease_s = 2.4, 2.5

    def model(environment: simpy.Environment, draws: random.Random) -> Callable[[], Figures]:
        consumers = simpy.Resource(environment, SERVERS)
        latencies: list[float] = []
        deliveries, duplicates = [0], [0]

        def job() -> Steps:
            work = Work(environment.now, draws.lognormvariate(MU, SIGMA))
            yield from deliver(work)

        def deliver(work: "Work") -> Steps:
            with consumers.request() as turn:
                yield turn
                if work.is_done:
                    return
                deliveries[0] += 1
                if work.takes > lease_s:
                    yield environment.timeout(lease_s)
                    if not work.is_done:
                        environment.process(deliver(work))
                    yield environment.timeout(work.takes - lease_s)
                else:
                    yield environment.timeout(work.takes)
            if work.is_done:
                duplicates[0] += 1
            else:
                work.is_done = True
                latencies.append(environment.now - work.arrived)

        arrive(environment, draws, rate, job)
        return lambda: {
            "latency": mean(latencies),
            "deliveries": deliveries[0] / JOBS,
            "duplicates": duplicates[0] / JOBS,
        }

    given = {
        "arrivals": {"process": "poisson", "rate_per_s": rate},
        "service": LOGNORMAL,
        "event_driven": {"consumers": SERVERS, "lease_s": lease_s},
    }
    ours = [
        {
            "latency": tally.latency["mean"],
            "deliveries": tally.attempts_per_job,
            "duplicates": tally.duplicates / JOBS,
        }
        for tally in kernel(EVENT_DRIVEN, given)
    ]
    theirs = peers(model)
    assert mean([figures["duplicates"] for figures in theirs]) > 0.03, "hardly any job is delivered again"
    check(ours, theirs)


class Work:
    def __init__(self, arrived: float, takes: float) -> None:
        self.arrived, self.takes, self.is_done = arrived, takes, False


def test_a_peer_agrees_on_service_times_of_each_class() -> None:
    """Short urgent and long batch jobs, strictly by priority."""
    rate, urgent, batch_s = 2.45, 0.7, 4.0

    def model(environment: simpy.Environment, draws: random.Random) -> Callable[[], Figures]:
        consumers = simpy.PriorityResource(environment, SERVERS)
        latencies: tuple[list[float], list[float]] = ([], [])

        def job() -> Steps:
            arrived, place = environment.now, int(draws.random() >= urgent)
            with consumers.request(priority=place) as turn:
                yield turn
                yield environment.timeout(draws.expovariate(1 / batch_s) if place else draws.lognormvariate(MU, SIGMA))
            latencies[place].append(environment.now - arrived)

        arrive(environment, draws, rate, job)
        return lambda: {
            "urgent latency": mean(latencies[0]),
            "batch latency": mean(latencies[1]),
        }

    queues = {"urgent": 100 * urgent, "batch": 100 * (1 - urgent)}
    given = {
        "arrivals": {"process": "poisson", "rate_per_s": rate},
        "service": LOGNORMAL,
        "service_by_queue": {"batch": {"distribution": "exponential", "mean_s": batch_s}},
        "event_driven": {"consumers": SERVERS, "queues": queues, "discipline": "strict"},
    }
    ours = []
    for tally in kernel(EVENT_DRIVEN, given):
        figures: Figures = {}
        for name, own in zip(queues, tally.classes, strict=True):
            figures[f"{name} latency"] = own.latency.sum_s / own.counts["offered"]
        ours.append(figures)
    check(ours, peers(model))
