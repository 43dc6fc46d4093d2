"""The bench's two models in SimPy, written as its users would, so that the kernel's speed has something to be held against.

SimPy is no dependency of Crossover's; where it is not installed the bench says so.
"""

import math
import random
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import simpy

Steps = Generator[Any, Any, None]


@dataclass
class Counted:
    settled: int = 0
    completed: int = 0
    attempts: int = 0
    waits_s: list[float] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)


@dataclass
class Quota:
    """A bucket that refills continuously: `unit_s` a unit, up to `size` units (GCRA, as in the kernel)."""

    unit_s: float
    size: float
    full_s: float = -math.inf

    def pause_s(self, now: float, wanted: float) -> float:
        opens = max(now, self.full_s - (self.size - wanted) * self.unit_s)
        self.full_s = max(self.full_s, opens) + wanted * self.unit_s
        return opens - now


def plain(given: Mapping[str, Any], jobs: int, seed: int = 1) -> Counted:
    environment, draws, counted = simpy.Environment(), random.Random(seed), Counted()  # noqa: S311
    servers = simpy.Resource(environment, given["synchronous"]["workers"])
    rate, mean_s = given["arrivals"]["rate_per_s"], given["service"]["mean_s"]

    def job() -> Steps:
        arrived = environment.now
        with servers.request() as turn:
            yield turn
            counted.waits_s.append(environment.now - arrived)
            yield environment.timeout(draws.expovariate(1 / mean_s))
        counted.latencies_s.append(environment.now - arrived)
        counted.settled += 1
        counted.completed += 1

    def arrivals() -> Steps:
        for _ in range(jobs):
            yield environment.timeout(draws.expovariate(rate))
            environment.process(job())

    environment.process(arrivals())
    environment.run()
    return counted


class Full:
    def __init__(self, given: Mapping[str, Any], seed: int) -> None:
        self.given = given
        self.environment = simpy.Environment()
        self.draws = random.Random(seed)  # noqa: S311
        self.counted = Counted()
        self.transient: float = given["failures"]["transient_percent"] / 100
        self.poison: float = given["failures"]["poison_percent"] / 100
        provider = given["provider"]
        self.calls = simpy.Resource(self.environment, provider["max_concurrency"])
        self.quotas = (
            (Quota(60 / provider["requests_per_minute"], provider["burst_requests"]), 1.0),
            (
                Quota(60 / provider["input_tokens_per_minute"], provider["input_tokens_per_minute"]),
                float(provider["input_tokens"]),
            ),
        )

    def call(self, poison: bool) -> Generator[Any, Any, bool]:
        with self.calls.request() as turn:
            yield turn
            pause = max(quota.pause_s(self.environment.now, wanted) for quota, wanted in self.quotas)
            if pause > 0:
                yield self.environment.timeout(pause)
            self.counted.attempts += 1
            yield self.environment.timeout(self.draws.expovariate(1 / self.given["service"]["mean_s"]))
        return not poison and self.draws.random() >= self.transient

    def backoff_s(self, attempt: int) -> float:
        retries = self.given["retries"]
        cap_s, base_s = float(retries["cap_s"]), float(retries["base_s"])
        return self.draws.random() * min(cap_s, math.ldexp(base_s, attempt))

    def is_poison(self) -> bool:
        return self.draws.random() < self.poison

    def run(self, jobs: int) -> Counted:
        def arrivals() -> Steps:
            for _ in range(jobs):
                yield self.environment.timeout(self.draws.expovariate(self.given["arrivals"]["rate_per_s"]))
                self.environment.process(self.job())

        self.environment.process(arrivals())
        self.environment.run()
        return self.counted

    def job(self) -> Steps:
        raise NotImplementedError


class EventDriven(Full):
    def __init__(self, given: Mapping[str, Any], seed: int) -> None:
        super().__init__(given, seed)
        design = given["event_driven"]
        self.consumers = simpy.PriorityResource(self.environment, design["consumers"])
        self.shares = list(np.cumsum(list(design["queues"].values())) / 100)

    def job(self) -> Steps:
        environment, counted = self.environment, self.counted
        arrived, waited = environment.now, 0.0
        draw, poison = self.draws.random(), self.is_poison()
        place = next(place for place, upto in enumerate(self.shares) if draw < upto)
        retries, expires_s = self.given["retries"]["max"], self.given["event_driven"]["expires_s"]
        for attempt in range(retries + 1):
            queued = environment.now
            with self.consumers.request(priority=place) as turn:
                yield turn
                waited += environment.now - queued
                succeeded = environment.now <= arrived + expires_s and (yield from self.call(poison))
            if succeeded or environment.now > arrived + expires_s:
                break
            if attempt < retries:
                yield environment.timeout(self.backoff_s(attempt))
        counted.settled += 1
        counted.waits_s.append(waited)
        if succeeded:
            interval = self.given["event_driven"]["delivery"]["interval_s"]
            first = arrived + interval * self.draws.random()
            polls = max(0, math.ceil((environment.now - first) / interval))
            counted.latencies_s.append(first + polls * interval - arrived)
            counted.completed += 1


class Synchronous(Full):
    def __init__(self, given: Mapping[str, Any], seed: int) -> None:
        super().__init__(given, seed)
        self.workers = simpy.Resource(self.environment, given["synchronous"]["workers"])

    def job(self) -> Steps:
        environment, counted, design = self.environment, self.counted, self.given["synchronous"]
        arrived, poison = environment.now, self.is_poison()
        for call in range(design["client_retries"] + 1):
            if call:
                yield environment.timeout(design["client_backoff_s"])
            if self.workers.count == self.workers.capacity and len(self.workers.queue) >= design["backlog"]:
                continue
            answer = environment.process(self.serve(poison))
            patience = environment.timeout(design["client_timeout_s"])
            yield answer | patience
            if answer.triggered and answer.value is not None:
                counted.waits_s.append(answer.value)
                counted.latencies_s.append(environment.now - arrived)
                counted.completed += 1
                break
        counted.settled += 1

    def serve(self, poison: bool) -> Generator[Any, Any, float | None]:
        environment, asked = self.environment, self.environment.now
        with self.workers.request() as turn:
            yield turn
            waited = environment.now - asked
            for attempt in range(self.given["retries"]["max"] + 1):
                if attempt:
                    yield environment.timeout(self.backoff_s(attempt - 1))
                if (yield from self.call(poison)):
                    return waited
        return None


def peer_figures(
    plain_given: Mapping[str, Any], full_given: Mapping[str, Any], jobs: int = 40_000
) -> Iterator[tuple[str, float, Counted]]:
    runs: Mapping[str, Callable[[], Counted]] = {
        "plain": lambda: plain(plain_given, jobs),
        "full_event_driven": lambda: EventDriven(full_given, 1).run(jobs),
        "full_synchronous": lambda: Synchronous(full_given, 1).run(jobs),
    }
    for name, run in runs.items():
        began = perf_counter()
        counted = run()
        yield name, jobs / (perf_counter() - began), counted
