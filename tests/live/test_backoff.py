"""The sample application's pauses: by hand, by their distributions, and by rq's own arithmetic."""

from math import sqrt
from random import Random
from statistics import mean
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rq.job import Job
from scipy.stats import kstest

from simulator.live.system.jobs import pauses_s
from simulator.retries import Retries

JITTERS = ["none", "full", "equal", "decorrelated"]


def pauses(draw: float, **given: Any) -> list[float]:
    return pauses_s(Retries.model_validate(given), lambda attempt: draw)


@pytest.mark.parametrize(
    ("jitter", "draw", "expected"),
    [
        ("none", 0.3, [1, 2, 4, 8, 10, 10]),
        ("full", 0.5, [0.5, 1, 2, 4, 5, 5]),
        ("equal", 0.5, [0.75, 1.5, 3, 6, 7.5, 7.5]),
        ("decorrelated", 0.5, [2, 3.5, 5.75, 9.125, 10, 10]),
        ("decorrelated", 0.25, [1.5, 1.875, 2.15625, 2.3671875, 2.525390625, 2.64404296875]),
    ],
)
def test_pauses_by_hand(jitter: str, draw: float, expected: list[float]) -> None:
    assert pauses(draw, max=6, base_s=1, cap_s=10, jitter=jitter) == pytest.approx(expected)


def test_each_attempt_has_a_draw_of_its_own() -> None:
    draws = [0.1, 0.9, 0.5]
    assert pauses_s(Retries(max=3, base_s=1, cap_s=60), draws.__getitem__) == pytest.approx([0.1, 1.8, 2.0])


@pytest.mark.parametrize(
    ("jitter", "low", "high"), [("full", 0.0, 1.6), ("equal", 0.8, 1.6), ("decorrelated", 0.8, 2.4)]
)
def test_the_first_pause_is_uniform(jitter: str, low: float, high: float) -> None:
    """Of base 0.8, the second of full and equal jitter; the first of decorrelated jitter is between base and three times base."""
    place, draws = 0 if jitter == "decorrelated" else 1, Random(3)
    retries = Retries.model_validate({"max": 2, "base_s": 0.8, "jitter": jitter})
    samples = [pauses_s(retries, lambda attempt: draws.random())[place] for _ in range(4000)]
    assert kstest(samples, "uniform", (low, high - low)).pvalue > 0.001
    assert mean(samples) == pytest.approx((low + high) / 2, abs=4 * (high - low) / sqrt(12 * len(samples)))


@given(
    st.sampled_from(JITTERS),
    st.integers(0, 100),
    st.floats(0, 1e9),
    st.floats(0, 1e9),
    st.floats(0, 1, exclude_min=True, exclude_max=True),
)
def test_no_pause_is_above_the_cap_and_every_retry_has_one(
    jitter: str, most: int, base_s: float, cap_s: float, draw: float
) -> None:
    computed = pauses(draw, max=most, base_s=base_s, cap_s=cap_s, jitter=jitter)
    assert len(computed) == most
    assert all(0 <= pause_s <= cap_s for pause_s in computed)
    if jitter == "decorrelated":
        assert all(pause_s >= min(base_s, cap_s) for pause_s in computed)


def test_a_flat_pause_is_always_the_same() -> None:
    assert pauses(0.3, max=3, flat_s=2.5, base_s=1, jitter="full") == [2.5, 2.5, 2.5]


@given(st.integers(0, 12), st.lists(st.integers(0, 60), min_size=1, max_size=12))
def test_a_list_is_gone_through_as_rq_does(most: int, intervals_s: list[int]) -> None:
    expected = []
    for left in range(most, 0, -1):
        job: Any = SimpleNamespace(retry_intervals=intervals_s, retries_left=left)
        expected.append(Job.get_retry_interval(job))
    assert pauses(0.3, max=most, intervals_s=intervals_s) == expected
