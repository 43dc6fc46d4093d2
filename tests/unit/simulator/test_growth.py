"""Growth is seen in levels of the backlog, and nothing else is taken for it."""

from collections.abc import Callable

import numpy as np
import pytest

from simulator.experiment import simulate
from simulator.growth import Rise, growing, rise_of
from simulator.scenario import Scenario
from simulator.trace_columns import Floats

SAMPLES = 1024


def walk(drift: float, seed: int, steps: int = 20_000) -> Floats:
    """Levels of a queue to which each job adds the drift and noise of variance 2, from an empty start."""
    noise = np.random.default_rng(seed).normal(drift, np.sqrt(2), steps)
    free = np.cumsum(noise)
    waiting = free - np.minimum(0, np.minimum.accumulate(free))
    return levels_of(waiting[:: steps // SAMPLES])


def levels_of(waiting: Floats) -> Floats:
    return np.stack([np.arange(len(waiting), dtype=float), waiting], axis=1)


def rises(make: Callable[[int], Floats], replications: int, run: int = 0) -> list[Rise]:
    seen = [rise_of(make(1000 * run + one), since_s=0, outages=[], period_s=None) for one in range(1, replications + 1)]
    return [rise for rise in seen if rise is not None]


@pytest.mark.parametrize("replications", [1, 10])
@pytest.mark.parametrize("drift", [-0.1, -0.03, 0.0])
def test_a_queue_that_keeps_up_or_only_just_is_not_taken_for_a_growing_one(drift: float, replications: int) -> None:
    """Fewer than 1 in 200 runs: of 150 hardly one."""
    runs = 150 // replications
    assert sum(bool(growing(rises(lambda seed: walk(drift, seed), replications, run))) for run in range(runs)) <= 1


def test_a_load_of_103_percent_is_seen_in_80000_jobs_and_in_ten_runs_of_20000() -> None:
    alone = [bool(growing(rises(lambda seed: walk(0.03, seed, 80_000), 1, run))) for run in range(20)]
    assert sum(alone) >= 18
    assert growing(rises(lambda seed: walk(0.03, seed), 10))


def test_one_replication_that_grows_is_found_among_nine_that_do_not() -> None:
    seen = rises(lambda seed: walk(0.2 if seed == 4 else -0.1, seed), 10)
    assert growing(seen) == [seen[3]]
    assert seen[3].per_min == pytest.approx(60 * 0.2 * 20_000 / SAMPLES, rel=0.2)


def test_a_backlog_that_fills_and_then_stays_does_not_grow() -> None:
    filled = np.minimum(np.arange(SAMPLES) * 0.1, 50) + np.random.default_rng(1).normal(0, 2, SAMPLES)
    assert not growing(rises(lambda _: levels_of(filled), 1))


def test_a_backlog_that_comes_and_goes_does_not_grow() -> None:
    """Batches that are worked off, the last one just arrived."""
    saw = np.tile(np.linspace(500, 0, 93), 12)[:SAMPLES]
    assert not growing(rises(lambda _: levels_of(saw), 1))


def test_a_steady_growth_without_noise_is_seen() -> None:
    assert growing(rises(lambda _: levels_of(np.arange(float(SAMPLES))), 1))


def test_an_outage_is_no_growth_and_what_grows_after_it_is_seen() -> None:
    before = np.random.default_rng(1).normal(5, 1, SAMPLES)
    during = before + np.where(np.arange(SAMPLES) > 400, np.arange(SAMPLES) - 400.0, 0)
    assert growing(rises(lambda _: levels_of(during), 1))
    seen = rise_of(levels_of(during), since_s=0, outages=[(400, 1100)], period_s=None)
    assert seen is not None and not growing([seen])
    stays = before + np.where(np.arange(SAMPLES) > 300, np.arange(SAMPLES) - 300.0, 0)
    seen = rise_of(levels_of(stays), since_s=0, outages=[(250, 300)], period_s=None)
    assert seen is not None and growing([seen])
    assert (
        rise_of(levels_of(before), since_s=0, outages=[(100 * n, 100 * n + 50) for n in range(11)], period_s=None)
        is None
    )


def test_peaks_are_compared_cycle_by_cycle() -> None:
    places = np.arange(SAMPLES)
    peaks = 100 * (np.sin(2 * np.pi * places / 200 - 1) + 1)
    steady = rise_of(levels_of(peaks), since_s=0, outages=[], period_s=200)
    growth = rise_of(levels_of(peaks + places), since_s=0, outages=[], period_s=200)
    assert steady is not None and not growing([steady])
    assert growth is not None and growing([growth]) and growth.per_min == pytest.approx(60, rel=0.05)
    assert rise_of(levels_of(peaks), since_s=0, outages=[], period_s=300) is None


@pytest.mark.parametrize(("peak_to_mean", "left"), [(50, False), (40, True)])
def test_what_a_peak_leaves_has_the_rest_of_its_cycle_to_drain(peak_to_mean: float, left: bool) -> None:
    """All jobs in the peak: the consumer is free again long before the next one. With jobs after it, the cycle ends with a backlog."""
    peaks = {"process": "bursts", "rate_per_s": 2, "peak_to_mean": peak_to_mean, "peak_s": 20, "every_s": 1000}
    scenario = Scenario.parse(
        {
            "jobs": 2000,
            "arrivals": peaks,
            "service": {"distribution": "exponential", "mean_s": 0.45},
            "event_driven": {"consumers": 1, "queues": {"standard": 100}},
        }
    )
    seen = simulate(scenario, replications=4, windows=False).event_driven
    assert seen.stable
    assert (seen.jobs_to_settle is not None) == left
