"""The interval of one run covers what is true as often as it claims, however long the backlog's memory is."""

from math import exp

import numpy as np
import pytest

from simulator.batch_means import autocorrelation_time, interval_of_one_run, joined, memory_in_jobs
from simulator.kernel import layout
from simulator.kernel.single_station import run_single_station
from simulator.plan import SYNCHRONOUS, build_state, recorded_of
from simulator.scenario import Scenario
from simulator.tally import Tally, tally_of
from tests.theory.formulas import erlang_c


def late(servers: int, load: float, within_s: float) -> float:
    """The share of jobs of an M/M/c queue of mean service 1 s that take longer: waiting is exponential if there is any."""
    spare = servers * (1 - load) - 1
    waits = erlang_c(servers, servers * load)
    return exp(-within_s) * (1 + waits * (1 - exp(-within_s * spare)) / spare)


def deadline(servers: int, load: float, missed: float) -> float:
    low, high = 0.0, 500.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if late(servers, load, middle) > missed else (low, middle)
    return high


def station(servers: int, load: float, missed: float, jobs: int, seed: int) -> Tally:
    scenario = Scenario.parse(
        {
            "seed": seed,
            "jobs": jobs,
            "warmup_jobs": jobs // 20,
            "deadline_s": deadline(servers, load, missed),
            "arrivals": {"process": "poisson", "rate_per_s": servers * load},
            "service": {"distribution": "exponential", "mean_s": 1.0},
            "synchronous": {"workers": servers},
        }
    )
    state = build_state(scenario, SYNCHRONOUS, 1, trace=None, drawn=None, rows=recorded_of(None, None), drains=True)
    assert run_single_station(state.machine, 10**12) == layout.DONE
    return tally_of(state.machine[0])


@pytest.mark.parametrize(("load", "jobs"), [(0.5, 20_000), (0.8, 20_000), (0.9, 50_000), (0.95, 200_000)])
def test_the_interval_of_one_run_covers_the_true_share_near_the_threshold(load: float, jobs: int) -> None:
    """Of 40 runs 34 at least: 38 are expected, and fewer than 34 come in 1 of 100 such tests. Longer studies: benchmarks/coverage.py."""
    covered, widths = 0, []
    for seed in range(1, 41):
        low, high = interval_of_one_run(station(8, load, 0.01, jobs, seed))
        covered += low <= 0.99 <= high
        widths.append(high - low)
    assert covered >= 34
    assert np.median(widths) < 0.04


def test_no_miss_in_a_congested_run_shows_less_than_in_one_of_independent_jobs() -> None:
    congested = station(8, 0.95, 0.0001, 20_000, 1)
    assert congested.counts["good"] == congested.counts["offered"]
    low, high = interval_of_one_run(congested)
    assert low < 0.99 and high == 1
    low, high = interval_of_one_run(station(8, 0.2, 1e-12, 20_000, 1))
    assert low == pytest.approx(0.05 ** (1 / 19_000)) and high == 1


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.98])
def test_the_autocorrelation_time_is_that_of_an_autoregressive_series(kept: float) -> None:
    """(1 + a) / (1 - a) for x' = a x + noise."""
    noise = np.random.default_rng(1).normal(size=50_000)
    series = np.zeros_like(noise)
    for place in range(1, len(noise)):
        series[place] = kept * series[place - 1] + noise[place]
    assert autocorrelation_time(series) == pytest.approx((1 + kept) / (1 - kept), rel=0.2)


def test_a_series_that_never_changes_or_hardly_began_has_no_memory() -> None:
    assert autocorrelation_time(np.ones(100)) == autocorrelation_time(np.array([1.0, 2.0])) == 1


def test_the_memory_of_a_queue_is_that_of_theory() -> None:
    """Of a single server's queue: about (1 + load) / (1 - load)^2 jobs. Source: D. Daley, J. Appl. Prob. 5 (1968)."""
    measured = [memory_in_jobs(station(1, 0.95, 0.01, 100_000, seed)) for seed in range(1, 11)]
    assert np.mean(measured) == pytest.approx(1.95 / 0.05**2, rel=0.35)


def test_batches_are_joined_without_losing_a_job() -> None:
    batches = np.arange(40).reshape(20, 2)
    assert joined(batches, 7).sum(axis=0).tolist() == batches.sum(axis=0).tolist()
    assert len(joined(batches, 7)) == 7
