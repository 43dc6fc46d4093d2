"""The stated outage as a Scenario: in the peak, of the stated length, with time to drain."""

from typing import Any

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.outage_scenario import build_outage_scenario
from advisor.advice.scenario import scenario_of
from advisor.advice.template_merge import merge_mappings
from core.paths import nested
from simulator.experiment import simulate
from simulator.scenario import Scenario

SHEET: dict[str, Any] = {
    "volume": {"mean_rate_per_s": 0.5, "peak_to_mean": 4, "peak_minutes": 60, "peaks_per_day": 2},
    "processing": {"p50_s": 2, "p95_s": 5},
    "resilience": {"outage_minutes": 30, "recover_within_minutes": 90, "outage_mode": "hang"},
}


def outage_of(**more: Any) -> tuple[Scenario, Scenario | None]:
    answers = answers_from(merge_mappings(SHEET, nested(more)))
    scenario = scenario_of(Evaluation.from_answers(answers))
    return scenario, build_outage_scenario(scenario, answers)


def test_the_outage_begins_with_the_peak_and_the_ordinary_run_has_none() -> None:
    ordinary, hit = outage_of()
    assert ordinary.provider.outages == ()
    assert hit is not None
    (outage,) = hit.provider.outages
    assert (outage.start_s, outage.length_s, outage.mode) == (43_200 / 2 - 1800, 1800, "hang")
    assert hit.warmup_jobs == 0
    assert Scenario.parse(hit.model_dump(by_alias=True)) == hit


def test_what_arrives_in_the_outage_misses_and_all_is_served_in_the_time_that_is_simulated() -> None:
    """Four times the mean rate for 30 min: 3,600 requests meet the outage, and calls that hang hold them for up to 30 min."""
    _, hit = outage_of(**{"failures.max_retries": 10, "failures.transient_percent": 0, "failures.poison_percent": 0})
    assert hit is not None
    run = simulate(hit, replications=2).event_driven
    assert run.in_system == 0
    assert run.queue_depth.max == pytest.approx(3600, rel=0.1)


def test_without_peaks_the_outage_comes_mid_run_and_arrivals_outlast_it() -> None:
    _, hit = outage_of(**{"volume.peak_to_mean": 1, "resilience.outage_minutes": 10_000})
    assert hit is not None
    assert hit.jobs is not None
    (outage,) = hit.provider.outages
    assert outage.start_s == 4000
    assert hit.jobs / 0.5 - (outage.start_s + outage.length_s) >= 600_000


def test_clients_of_a_fixed_number_are_watched_for_as_long() -> None:
    _, hit = outage_of(**{"volume.clients": 5, "volume.think_s": 10})
    assert hit is not None
    assert hit.jobs is None
    assert (hit.duration_s or 0) - hit.provider.outages[0].start_s == pytest.approx(1800 + 5400)


def test_no_outage_is_made_up() -> None:
    assert outage_of(**{"resilience.outage_minutes": 0})[1] is None
    assert outage_of(**{"volume.trace": "9f2d6f55-2f2f-4b9f-8a90-6e58d5a1b1c3"})[1] is None
