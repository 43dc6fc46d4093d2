"""What the plan says of peaks, outages and alarms, put to runs of the plan of other draws, and to arithmetic."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.contract import Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.advice.outage_scenario import build_outage_scenario
from advisor.advice.peak_and_outage import outage_of
from advisor.advice.recommendation import advise
from advisor.advice.scenario import scenario_of
from simulator.experiment import simulate
from simulator.result import DesignResult
from simulator.scenario import Scenario
from tests.unit.advice.test_consumer_search import BATCH_EVALUATIONS, TRANSLATION

VIDEO: Mapping[str, Any] = {
    "template": "image_moderation",
    "caller": {"deadline_s": 3_600, "needs_immediate_response": False, "wants_live_updates": True},
    "volume": {"mean_rate_per_s": 0.03, "peak_to_mean": 6, "peak_minutes": 60},
    "processing": {"p50_s": 150, "p95_s": 420, "input_tokens": 0, "output_tokens": 0},
    "provider": {"profile": "self_hosted", "max_concurrency": 12},
    "synchronous": {"workers": 12},
    "operations": {"max_workers": 12},
}
WATCHED: Mapping[str, Mapping[str, Any]] = {
    **{
        name: {"template": name} for name in ("email_triage", "image_moderation", "speech_transcription", "agent_loops")
    },
    "batch evaluations": BATCH_EVALUATIONS,
    "translation": TRANSLATION,
}


def advised(given: Mapping[str, Any]) -> tuple[Recommendation, Scenario]:
    evaluation = Evaluation.from_answers(answers_from(given))
    advice = advise(evaluation.answers, flips=False)
    return advice, scenario_of(evaluation, advice.plan)


def of_one_run(scenario: Scenario, *, windows: bool = False) -> DesignResult:
    return simulate(scenario, replications=1, windows=windows).event_driven


@pytest.mark.slow
@pytest.mark.parametrize("name", WATCHED)
def test_no_alarm_of_a_queue_sounds_on_an_ordinary_day(name: str) -> None:
    advice, scenario = advised(WATCHED[name])
    run = of_one_run(scenario.model_copy(update={"seed": 11, "jobs": 60_000}))
    assert run.lag_s.max < max(queue.alarm_lag_s for queue in advice.queues)
    assert run.queue_depth.max < sum(queue.alarm_depth for queue in advice.queues)


@pytest.mark.slow
@pytest.mark.parametrize("name", WATCHED)
def test_an_alarm_sounds_before_the_first_deadline_is_missed_in_the_stated_outage(name: str) -> None:
    advice, scenario = advised(WATCHED[name])
    hit = build_outage_scenario(scenario.model_copy(update={"seed": 11}), answers_from(WATCHED[name]))
    assert hit is not None and isinstance(hit.deadline_s, float)
    (outage,) = hit.provider.outages
    run, least_s = of_one_run(hit, windows=True), min(queue.alarm_lag_s for queue in advice.queues)
    depth = sum(queue.alarm_depth for queue in advice.queues)
    sounds_s = [
        at_s
        for series in (run.series, *(fine.series for fine in run.fine))
        for at_s, lag_s, waiting in zip(series.t_s[1:], series.lag_s, series.queue_depth, strict=False)
        if at_s >= outage.start_s and (lag_s >= least_s or waiting >= depth)
    ]
    misses_s = [
        begins_s + hit.deadline_s
        for fine in run.fine
        for place, longest_s in enumerate(fine.latency.longest_s)
        if (begins_s := fine.start_s + place * fine.latency.width_s) >= outage.start_s
        and (longest_s or 0.0) > hit.deadline_s
    ]
    assert not misses_s or min(sounds_s) <= min(misses_s)
    assert all(queue.alarm_depth > 1 and queue.alarm_lag_s < hit.deadline_s for queue in advice.queues)


def test_a_peak_drains_as_its_backlog_does_at_the_rate_of_the_planned_consumers() -> None:
    """59 minutes at 24 times 0.23 /s come, and seven consumers take 6.2 s each (lognormal through 5 and 12 s, 2 % tried again)."""
    advice, _ = advised(BATCH_EVALUATIONS)
    assert advice.evidence is not None and advice.evidence.drain_after_peak_s is not None
    work_s = 5 * math.exp((math.log(12 / 5) / 1.6449) ** 2 / 2) * 1.02
    served = 7 / work_s
    backlog = (24 * 0.23 - served) * 59 * 60
    assert advice.evidence.drain_after_peak_s == pytest.approx(backlog / served, rel=0.08)
    assert any(
        monitor.metric == "time to drain after a peak" and monitor.threshold.startswith("3 h")
        for monitor in advice.monitors
    )


def test_a_circuit_breaker_is_planned_if_an_outage_would_use_up_the_retries() -> None:
    evaluation = Evaluation.from_answers(answers_from(TRANSLATION))
    advice = advise(evaluation.answers, flips=False)
    assert advice.plan is not None and advice.plan.breaker is not None and advice.evidence is not None
    without = outage_of(evaluation, advice.plan.model_copy(update={"breaker": None}))
    assert advice.evidence.outage is not None and without is not None
    assert advice.evidence.outage.given_up_share < 0.002
    assert without.given_up_share > 0.1
    assert scenario_of(evaluation, advice.plan).event_driven.circuit_breaker


def test_no_outage_needs_no_circuit_breaker() -> None:
    advice, _ = advised({**TRANSLATION, "resilience": {"outage_minutes": 0}})
    assert advice.plan is not None and advice.plan.breaker is None
    assert advice.evidence is not None and advice.evidence.outage is None


def test_a_list_of_hours_is_asked_for_every_few_minutes_and_the_calls_are_those_of_the_simulation() -> None:
    advice, scenario = advised(TRANSLATION)
    parameters = advice.delivery.parameters
    assert 60 <= parameters["interval_s"] <= 300
    assert parameters["each_call_asks_for"] == "all open jobs"
    run = of_one_run(scenario.model_copy(update={"seed": 5, "jobs": 20_000}))
    assert run.delivery_calls / run.offered == pytest.approx(parameters["calls_per_job"], rel=0.1)


def test_open_connections_are_those_of_the_calls_in_service_and_of_the_waiting_ones() -> None:
    """Ten videos a minute come for an hour, twelve at once take 190 s on average: seven a minute are left waiting."""
    advice, _ = advised(VIDEO)
    assert advice.delivery.parameters["open_connections_at_peak"] == pytest.approx(12 + 453, rel=0.08)


def test_more_consumers_are_planned_if_they_recover_from_the_outage_in_the_time_that_it_may_take() -> None:
    """Without retries of the outage's jobs 900 s of arrivals wait at its end: as many consumers as do them and what comes in ten minutes."""
    given = {"template": "speech_transcription", "resilience": {"recover_within_minutes": 10}}
    usual, _ = advised({"template": "speech_transcription"})
    evaluation = Evaluation.from_answers(answers_from(given))
    advice, scenario = advised(given)
    assert usual.plan is not None and advice.plan is not None and advice.plan.consumers is not None
    assert advice.plan.recovery_consumers == advice.plan.consumers - (usual.plan.consumers or 0) > 0
    assert scenario.event_driven.consumers == advice.plan.consumers == advice.queues[0].consumers
    assert advice.evidence is not None and advice.evidence.outage is not None
    assert advice.evidence.outage.recovery_s is not None and advice.evidence.outage.recovery_s <= 600
    fewer = outage_of(evaluation, advice.plan.model_copy(update={"consumers": advice.plan.consumers - 1}))
    assert fewer is not None and (fewer.recovery_s or math.inf) > 600


def test_if_no_number_of_consumers_recovers_in_time_the_plan_stays_and_a_warning_says_so() -> None:
    usual, _ = advised({"template": "retrieval_ingestion"})
    advice, _ = advised({"template": "retrieval_ingestion", "resilience": {"recover_within_minutes": 5}})
    assert usual.plan is not None and advice.plan is not None
    assert advice.plan.consumers == usual.plan.consumers
    (warning,) = [one for one in advice.warnings if one.code == "recovery_too_slow"]
    assert "more consumers do not help" in warning.text
