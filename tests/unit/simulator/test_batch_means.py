"""The interval of one run covers what is true as often as it claims, however long the backlog's memory is."""

import numpy as np
import pytest

from benchmarks.coverage import deadline_of, queue, replicate, waiting_share
from simulator.batch_means import autocorrelation_time, interval_of_one_run, joined, memory_in_jobs
from simulator.tally import Tally
from tests.theory.formulas import erlang_c


def station(servers: int, load: float, missed: float, jobs: int, seed: int) -> Tally:
    return replicate(queue(servers, load, jobs, deadline_of(servers, load, missed), seed))


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


def test_the_study_of_coverage_waits_by_the_formula_of_erlang() -> None:
    assert waiting_share(10, 0.75) == pytest.approx(erlang_c(10, 7.5))
