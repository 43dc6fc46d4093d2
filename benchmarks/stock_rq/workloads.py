"""The workloads: a model whose calls take a lognormal time and sometimes fail, and Poisson arrivals at a share of what the workers can serve."""

import math
from dataclasses import dataclass
from random import Random
from typing import Any

WORKERS = 8
P50_S, P95_S = 0.8, 2.0
FAILURE_PERCENT = 5.0
RETRY_INTERVALS_S = (2, 4, 8)
BACKLOG = 50
CLIENT_TIMEOUT_S = 30.0
DEADLINE_S = 5.0

_SIGMA = math.log(P95_S / P50_S) / 1.6448536269514722
MEAN_S = P50_S * math.exp(_SIGMA**2 / 2)
CAPACITY_PER_S = WORKERS / MEAN_S


@dataclass(frozen=True)
class Call:
    sleep_s: float
    fails: bool


def draw_call(seed: int, job: int, call: int) -> Call:
    """The job's call number `call` (0 first); the same in every system, in whatever order the calls come."""
    random = Random(f"{seed}/{job}/{call}")  # noqa: S311  a simulation, no secret
    return Call(random.lognormvariate(math.log(P50_S), _SIGMA), 100 * random.random() < FAILURE_PERCENT)


@dataclass(frozen=True)
class Workload:
    """Poisson arrivals for `length_s`, at `load` of the workers' capacity; at `burst_load` for `burst_s` in the middle."""

    name: str
    length_s: float
    load: float
    burst_load: float = 0.0
    burst_s: float = 0.0

    def arrivals_s(self, seed: int) -> list[float]:
        random = Random(f"{seed}/{self.name}")  # noqa: S311
        rest_s = (self.length_s - self.burst_s) / 2
        phases = ((rest_s, self.load), (self.burst_s, self.burst_load), (rest_s, self.load))
        arrivals, begin_s = [], 0.0
        for length_s, load in phases:
            now_s = begin_s
            while length_s and (now_s := now_s + random.expovariate(load * CAPACITY_PER_S)) < begin_s + length_s:
                arrivals.append(now_s)
            begin_s += length_s
        return arrivals

    def arrival_process(self) -> dict[str, Any]:
        if not self.burst_s:
            return {"process": "poisson", "rate_per_s": self.load * CAPACITY_PER_S}
        rest_s = self.length_s - self.burst_s
        mean_load = (self.load * rest_s + self.burst_load * self.burst_s) / self.length_s
        return {
            "process": "bursts",
            "rate_per_s": mean_load * CAPACITY_PER_S,
            "peak_to_mean": self.burst_load / mean_load,
            "peak_s": self.burst_s,
            "every_s": self.length_s,
        }


def workloads(minutes: float) -> tuple[Workload, ...]:
    """The three workloads; their arrivals take five sixths of `minutes`, which leaves the rest to drain and to predict."""
    unit_s = 60 * minutes / 12
    return (
        Workload("load 0.6", 3 * unit_s, 0.6),
        Workload("load 0.85", 3 * unit_s, 0.85),
        Workload(f"burst of {1.2 * unit_s:.0f} s at 1.5", 4 * unit_s, 0.45, burst_load=1.5, burst_s=1.2 * unit_s),
    )
