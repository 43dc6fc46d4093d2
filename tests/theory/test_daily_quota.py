"""A provider's quota of calls a day."""

from typing import Any

import pytest

from core.units import DAY_S
from simulator.experiment import simulate
from simulator.result import DesignResult
from simulator.scenario import Scenario


def run(given: dict[str, Any]) -> list[DesignResult]:
    designs = {"synchronous": {"workers": 50}, "event_driven": {"consumers": 50}, "hybrid": {"inline_wait_s": 60}}
    result = simulate(Scenario.parse(designs | given), replications=1)
    assert result.hybrid is not None
    return [result.synchronous, result.event_driven, result.hybrid]


def test_ten_of_thirty_jobs_wait_for_the_next_day_if_twenty_calls_a_day_are_allowed() -> None:
    given = {
        "deadline_s": 60,
        "arrivals": {"process": "backlog", "jobs": 30},
        "service": {"distribution": "deterministic", "mean_s": 5},
        "provider": {"requests_per_day": 20},
    }
    for design in run(given):
        assert (design.completed, design.good, design.late) == (30, 20, 10)
        assert design.wait_s.mean == pytest.approx(10 * DAY_S / 30)
        assert design.latency_s.max == pytest.approx(DAY_S + 5)


@pytest.mark.parametrize(("counted", "good"), [(True, 10), (False, 20)])
def test_failed_calls_use_the_quota_only_if_they_count(counted: bool, good: int) -> None:
    """The first 20 calls all fail, in an outage; the second attempts of the same jobs come in the same day."""
    given = {
        "deadline_s": 3600,
        "arrivals": {"process": "backlog", "jobs": 20},
        "service": {"distribution": "deterministic", "mean_s": 5},
        "provider": {
            "requests_per_day": 30,
            "failed_calls_count": counted,
            "outages": [{"start_s": 0, "length_s": 60}],
        },
        "retries": {"max": 1, "flat_s": 120},
    }
    for design in run(given):
        assert (design.completed, design.good) == (20, good)


def test_fewer_calls_a_day_than_jobs_are_no_steady_state() -> None:
    given = {
        "jobs": 100,
        "arrivals": {"process": "poisson", "rate_per_s": 40 / DAY_S},
        "service": {"distribution": "deterministic", "mean_s": 5},
    }
    for quota, stable in ((30, False), (60, True)):
        assert [design.stable for design in run(given | {"provider": {"requests_per_day": quota}})] == [stable] * 3
