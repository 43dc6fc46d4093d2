"""Jobs that are all there at the start, and a fixed number of clients, in closed form."""

from math import ceil
from typing import Any

import numpy as np
import pytest

from simulator.experiment import simulate
from simulator.replications import LOOPS, Runner
from simulator.result import DesignResult, Result
from simulator.scenario import Scenario
from simulator.statistics import half_width
from simulator.traces import Trace

DESIGNS = ("synchronous", "event_driven", "hybrid")


def run(servers: int, given: dict[str, Any], replications: int = 10, trace: Trace | None = None) -> Result:
    designs = {"synchronous": {"workers": servers}, "event_driven": {"consumers": servers}}
    scenario = Scenario.parse({"deadline_s": 1e9, "hybrid": {"inline_wait_s": 1e9}, **designs, **given})
    return simulate(scenario, replications=replications, trace=trace)


def designs_of(result: Result) -> list[DesignResult]:
    return [getattr(result, design) for design in DESIGNS]


def holds(result: DesignResult, metric: str, expected: float, factor: float = 1.0) -> None:
    """The 95 % interval, half as wide again, holds the value: three of ten thousand would not."""
    low, high = (factor * bound for bound in result.intervals[metric])
    middle, half = (low + high) / 2, 0.75 * (high - low)
    assert middle - half <= expected <= middle + half, (metric, low, high, expected)


@pytest.mark.parametrize(("jobs", "servers"), [(1, 1), (10, 3), (5000, 7)])
def test_a_batch_of_equal_jobs_is_worked_off_in_rounds(jobs: int, servers: int) -> None:
    result = run(
        servers,
        {
            "arrivals": {"process": "backlog", "jobs": jobs},
            "service": {"distribution": "deterministic", "mean_s": 2.0},
        },
        replications=2,
    )
    rounds = ceil(jobs / servers)
    for design in designs_of(result):
        assert (design.offered, design.completed, design.stable) == (2 * jobs, 2 * jobs, True)
        assert design.latency_s.max == pytest.approx(2 * rounds)
        assert design.wait_s.mean == pytest.approx(2 * np.mean(np.arange(jobs) // servers))
        assert design.queue_depth.max == jobs - min(jobs, servers)
        assert sum(design.series.arrivals) == jobs


def test_a_batch_of_exponential_jobs_takes_as_long_as_theory_says() -> None:
    """While all c servers work, a job ends every 1 / (c mu); the last c end as the maximum of c exponentials."""
    jobs, servers, mean_s = 400, 5, 3.0
    given = {
        "arrivals": {"process": "backlog", "jobs": jobs},
        "service": {"distribution": "exponential", "mean_s": mean_s},
    }
    drain_s = mean_s * ((jobs - servers) / servers + sum(1 / busy for busy in range(1, servers + 1)))
    wait_s = sum(mean_s * (place - servers + 1) / servers for place in range(servers, jobs)) / jobs
    scenario = Scenario.parse(given | {"synchronous": {"workers": servers}, "event_driven": {"consumers": servers}})
    runner = Runner(scenario, None, None, dict.fromkeys(LOOPS, True))
    runner.run(40)
    for tallies in runner.tallies.values():
        for values, expected in (
            ([tally.latency["max"] for tally in tallies], drain_s),
            ([tally.wait["mean"] for tally in tallies], wait_s),
        ):
            assert abs(np.mean(values) - expected) <= half_width(values, 0.999)


def test_a_recording_of_one_instant_is_the_same_batch() -> None:
    service = {"service": {"distribution": "exponential", "mean_s": 3.0}}
    trace = Trace(np.zeros(300))
    recorded = run(4, {"arrivals": {"process": "trace", "trace": "batch"}, **service}, trace=trace)
    batch = run(4, {"arrivals": {"process": "backlog", "jobs": 300}, **service})
    for one, other in zip(designs_of(recorded), designs_of(batch), strict=True):
        assert (one.wait_s, one.latency_s, one.good) == (other.wait_s, other.latency_s, other.good)


def test_a_backlog_before_regular_arrivals_drains_at_the_spare_rate() -> None:
    """Job n of all of them begins n service times after the start, or when it arrives if that is later."""
    backlog, jobs, rate, service_s = 50, 400, 0.25, 3.0
    arrives = np.concatenate([np.zeros(backlog), np.arange(jobs) / rate])
    begins = np.maximum(arrives, service_s * np.arange(backlog + jobs))
    drained = int(np.flatnonzero(begins == arrives)[1])
    assert arrives[drained] == pytest.approx(backlog * service_s / (1 - rate * service_s), abs=1 / rate)
    given = {
        "jobs": jobs,
        "backlog_jobs": backlog,
        "arrivals": {"process": "regular", "rate_per_s": rate},
        "service": {"distribution": "deterministic", "mean_s": service_s},
    }
    for design in designs_of(run(1, given, replications=2)):
        assert design.offered == 2 * (backlog + jobs)
        assert design.wait_s.mean == pytest.approx((begins - arrives).mean())
        assert design.wait_s.max == pytest.approx((begins - arrives).max())


def machine_repairman(clients: int, servers: int, think_s: float, service_s: float) -> tuple[float, float]:
    """Throughput and mean response time of M/M/c//N, from its balance equations; R = N / X - Z.

    The think time's distribution makes no difference. Source: Gross et al., Fundamentals of Queueing Theory, 4th ed., section 2.7; BCMP, 1975.
    """
    weights = [1.0]
    for waiting in range(1, clients + 1):
        weights.append(weights[-1] * (clients - waiting + 1) / think_s * service_s / min(waiting, servers))
    shares = np.array(weights) / sum(weights)
    throughput = float(sum(share * min(there, servers) / service_s for there, share in enumerate(shares)))
    return throughput, clients / throughput - think_s


@pytest.mark.parametrize("think", ["exponential", "deterministic"])
@pytest.mark.parametrize(("clients", "servers", "think_s"), [(1, 1, 4.0), (6, 1, 4.0), (20, 4, 3.0), (30, 4, 1.0)])
def test_closed_clients_are_the_machine_repairman(clients: int, servers: int, think_s: float, think: str) -> None:
    service_s = 1.5
    given = {
        "jobs": 12_000,
        "warmup_jobs": 1_000,
        "arrivals": {"process": "closed", "clients": clients, "think_s": think_s, "think": think},
        "service": {"distribution": "exponential", "mean_s": service_s},
    }
    throughput, response_s = machine_repairman(clients, servers, think_s, service_s)
    for design in designs_of(run(servers, given, replications=8)):
        assert design.queue_depth.max <= max(0, clients - servers)
        holds(design, "latency_mean_s", response_s)
        drained = 1 + 2 * clients / 12_000  # the end, at which servers have run out of requests
        low, high = (bound * servers / service_s for bound in design.intervals["utilisation"])
        assert low - (high - low) / 4 <= throughput <= high * drained + (high - low) / 4


def test_a_client_waits_for_its_delivered_result_or_its_failure() -> None:
    """One client and one constant time: how many requests fit into the run. The first comes within the first think time."""
    delivery = {"method": "websocket", "latency_s": 0.5}
    given: dict[str, Any] = {
        "duration_s": 1000.3,
        "arrivals": {"process": "closed", "clients": 1, "think_s": 2.0, "think": "deterministic"},
        "service": {"distribution": "deterministic", "mean_s": 1.5},
        "event_driven": {"consumers": 1, "delivery": delivery},
    }
    result = run(1, given, replications=6)
    assert result.synchronous.offered == pytest.approx(6 * 1000.3 / 3.5, abs=6)
    assert result.event_driven.offered == pytest.approx(6 * 1000.3 / 4.0, abs=6)
    assert result.hybrid is not None and result.hybrid.offered == result.synchronous.offered
    failing = run(1, given | {"failures": {"transient_percent": 100}}, replications=6)
    assert failing.synchronous.failed == pytest.approx(6 * 1000.3 / 3.5, abs=12)
    assert failing.event_driven.dead_lettered == pytest.approx(6 * 1000.3 / 4.0, abs=12)


def test_a_client_that_is_refused_at_once_sends_a_thousand_requests_a_second_at_most() -> None:
    given = {
        "duration_s": 2.0,
        "arrivals": {"process": "closed", "clients": 2, "think_s": 0},
        "service": {"distribution": "deterministic", "mean_s": 5.0},
        "synchronous": {"workers": 1, "backlog": 0},
        "event_driven": {"consumers": 1, "max_queue": 1},
    }
    result = run(1, given, replications=1)
    assert result.synchronous.offered == pytest.approx(2001, abs=2)
    assert result.event_driven.offered == 2


def test_a_fixed_number_of_clients_is_named_among_the_inequalities() -> None:
    given = {"arrivals": {"process": "closed", "clients": 2}, "service": {"distribution": "deterministic", "mean_s": 1}}
    result = run(1, {"jobs": 10, **given}, replications=1)
    assert any("number of clients is fixed" in sentence for sentence in result.inequalities)
