"""Results that are kept for a time, against a phase that is uniform in the interval of polling."""

import pytest

from simulator.experiment import simulate
from simulator.scenario import Scenario


@pytest.mark.parametrize(("kept_s", "share"), [(None, 1.0), (7.5, 0.75), (1.0, 0.1), (10.0, 1.0)])
def test_the_share_that_is_asked_for_in_time_is_that_of_the_interval(kept_s: float | None, share: float) -> None:
    """The client asks every 10 s at a phase of its own: it comes a uniform time after the result is there."""
    scenario = Scenario.parse(
        {
            "jobs": 40_000,
            "arrivals": {"process": "poisson", "rate_per_s": 1},
            "service": {"distribution": "deterministic", "mean_s": 3},
            "event_driven": {
                "consumers": 100,
                "delivery": {"method": "polling", "interval_s": 10, "retention_s": kept_s},
            },
        }
    )
    result = simulate(scenario, replications=1).event_driven
    assert result.completed / result.offered == pytest.approx(share, abs=0.012)
    assert result.completed + result.undelivered == result.offered
