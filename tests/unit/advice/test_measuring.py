"""A recording's volume: always answers that the questionnaire takes, and the peak that binds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.measuring import measured
from simulator.traces import Trace
from tests.rules_alone import advise_by_rules


@given(gaps_us=st.lists(st.integers(0, 10**12), min_size=1, max_size=50), cap=st.floats(0, 100))
def test_whatever_was_recorded_gives_answers_that_are_valid(gaps_us: list[int], cap: float) -> None:
    volume = measured(Trace(np.concatenate([[0.0], np.cumsum(gaps_us) / 1e6])), cap)
    assert answers_from({"volume": volume}).volume.trace is None


def test_a_recording_of_one_instant_says_nothing() -> None:
    assert measured(Trace(np.zeros(3))) == {}


def hour(*bursts: tuple[float, int, float]) -> Trace:
    parts = [np.arange(0, 3600, 10.0), *(start + np.linspace(0, length, count) for start, count, length in bursts)]
    return Trace(np.sort(np.concatenate(parts)))


def test_seconds_long_bursts_are_the_peak_where_they_are_what_passes_capacity() -> None:
    volume = measured(hour((600, 200, 4), (2000, 200, 4)), cap_per_s=10)
    assert volume["peak_minutes"] == pytest.approx(5 / 60, rel=0.01)
    assert volume["peak_to_mean"] == pytest.approx(201 / 5 / (760 / 3590), rel=0.02)


def test_a_long_swell_past_capacity_outweighs_a_short_burst() -> None:
    volume = measured(hour((600, 60, 2), (1200, 1500, 600)), cap_per_s=1)
    assert volume["peak_minutes"] in (5, 15)


def test_peaks_are_found_where_even_the_mean_is_past_capacity() -> None:
    """A backlog that grows all the time has no window that gathers most of it but the longest."""
    bursts = hour(*((start, 300, 60) for start in range(300, 3600, 600)))
    assert measured(bursts, cap_per_s=0.1)["peak_minutes"] == 1


def test_peaks_are_counted() -> None:
    """Six bursts in an hour are 144 a day; one that lasts longer than the window is one."""
    assert measured(hour(*((start, 300, 60) for start in range(300, 3600, 600))))["peaks_per_day"] == pytest.approx(
        144, rel=0.01
    )
    assert measured(hour((600, 900, 600)))["peaks_per_day"] == pytest.approx(24, rel=0.01)


def test_counts_have_no_peak_shorter_than_their_interval() -> None:
    bursts = hour((600, 200, 4), (2000, 200, 4))
    assert measured(replace(bursts, interval_s=60.0), cap_per_s=10)["peak_minutes"] >= 1


def test_chance_is_no_peak() -> None:
    """Of a steady hour at one a second the busiest second has five or six: that is no burst past a capacity of three."""
    draws = np.random.default_rng(7).exponential(1.0, 3600)
    steady, low = Trace(np.cumsum(draws)), 3.0
    assert measured(steady, low) == measured(steady)
    assert measured(steady, low)["peak_to_mean"] < 2


def test_the_advice_sees_a_burst_of_seconds_that_it_could_not_see_in_minutes() -> None:
    answers = answers_from({"caller": {"deadline_s": 30}})
    burst = measured(
        hour(*((start, 300, 3) for start in range(300, 3600, 600))), Evaluation.from_answers(answers).point.capacity.cap
    )
    rules = {
        reason.rule
        for reason in advise_by_rules(
            answers_from({"caller": {"deadline_s": 30}, "volume": burst}), flips=False
        ).reasons
    }
    assert "burst_beyond_deadline" in rules
