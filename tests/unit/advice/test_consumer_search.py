"""The consumers of the plan: what is advised is what is simulated, and it keeps what the table of queues promises."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from advisor.advice.answers import answers_from
from advisor.advice.consumer_search import advised_scenario
from advisor.advice.contract import Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.advice.recommendation import advise
from advisor.advice.scenario import scenario_of
from simulator.experiment import simulate
from simulator.result import ClassResult, DesignResult
from simulator.scenario import Scenario
from simulator.traces import Trace

BATCH_EVALUATIONS: Mapping[str, Any] = {
    "template": "batch_enrichment",
    "caller": {"kind": "nobody", "deadline_s": 14_400},
    "volume": {"mean_rate_per_s": 0.23, "peak_to_mean": 24, "peak_minutes": 59, "peaks_per_day": 1},
    "processing": {"p50_s": 5, "p95_s": 12, "input_tokens": 3000, "output_tokens": 300},
    "operations": {"max_workers": 50},
    "synchronous": {"workers": 50},
}
"""A night's list with 4 hours of time, of which a class may wait 6."""
TRANSLATION: Mapping[str, Any] = {
    "template": "batch_enrichment",
    "caller": {"kind": "internal", "deadline_s": 86_400},
    "volume": {"mean_rate_per_s": 0.0165, "peak_to_mean": 80, "peak_minutes": 120, "peaks_per_day": 0.14},
    "processing": {"p50_s": 4, "p95_s": 10, "input_tokens": 600, "output_tokens": 600},
}
QUICK_AND_LONG: Mapping[str, Any] = {
    "template": "speech_transcription",
    "caller": {"deadline_s": 7_200},
    "volume": {"mean_rate_per_s": 0.05, "peak_to_mean": 1},
    "priorities": {
        "urgent": {"share_percent": 50, "max_wait_s": 5, "p50_s": 1, "p95_s": 2},
        "standard": {"share_percent": 0, "max_wait_s": 60},
        "batch": {"share_percent": 50, "max_wait_s": 3_600, "p50_s": 60, "p95_s": 120},
    },
    "operations": {"max_workers": 3},
    "provider": {"max_concurrency": 3},
}
"""Jobs of a second that wait for jobs of a minute, if these may hold every consumer."""
SHEETS: Mapping[str, Mapping[str, Any]] = {
    **{name: {"template": name} for name in ("document_extraction", "email_triage", "retrieval_ingestion")},
    **{name: {"template": name} for name in ("image_moderation", "speech_transcription", "batch_enrichment")},
    "agent_loops": {"template": "agent_loops"},
    "batch evaluations": BATCH_EVALUATIONS,
    "translation": TRANSLATION,
    "quick and long": QUICK_AND_LONG,
}


def simulated_classes(given: Mapping[str, Any], recommendation: Recommendation) -> Mapping[str, ClassResult]:
    """Of the plan, in a longer run of other draws."""
    scenario = scenario_of(Evaluation.from_answers(answers_from(given)), recommendation.plan)
    shorter = scenario.model_copy(update={"seed": 7, "jobs": 60_000})
    result = simulate(shorter, replications=1, windows=False)
    assert result.event_driven.good_share >= 1 - scenario.tolerated_miss_percent / 100
    return result.event_driven.classes


@pytest.mark.slow
@pytest.mark.parametrize("name", SHEETS)
def test_the_consumers_of_the_table_keep_the_waits_of_the_table_or_it_says_which_class_waits_longer(name: str) -> None:
    advice = advise(answers_from(SHEETS[name]), flips=False)
    warned = " ".join(warning.text for warning in advice.warnings if warning.code == "targets_need_more_consumers")
    classes = simulated_classes(SHEETS[name], advice)
    for queue in advice.queues:
        waited = classes[queue.name].wait_s.p95
        assert waited is not None
        assert waited <= queue.max_wait_s or f"{queue.name} requests wait" in warned, queue


def test_a_list_that_must_be_done_in_four_hours_takes_seven_consumers_and_six_are_too_few() -> None:
    """By arithmetic 5.5 /s arrive for 59 minutes, and each takes 6 s: six consumers need 5.4 hours for all of them."""
    evaluation = Evaluation.from_answers(answers_from(BATCH_EVALUATIONS))
    advice = advise(evaluation.answers, flips=False)
    assert [queue.consumers for queue in advice.queues] == [7]
    assert advice.plan is not None and advice.evidence is not None
    assert advice.evidence.styles["event_driven"].conclusion == "meets"
    fewer = scenario_of(evaluation, advice.plan.model_copy(update={"consumers": 6}))
    result = simulate(fewer.model_copy(update={"jobs": 20_000}), replications=1, windows=False)
    assert result.event_driven.good_share < 0.98


def test_quick_jobs_have_consumers_of_their_own_if_long_ones_may_hold_all_that_are_shared() -> None:
    advice = advise(answers_from(QUICK_AND_LONG), flips=False)
    assert advice.plan is not None and advice.plan.queue_consumers is not None
    assert {queue.name: queue.consumers for queue in advice.queues} == advice.plan.queue_consumers
    urgent = advice.queues[0]
    assert urgent.wait_p95_s is not None and urgent.wait_p95_s <= urgent.max_wait_s


def test_a_class_that_may_wait_past_the_deadline_has_its_wait_shortened() -> None:
    advice = advise(answers_from(BATCH_EVALUATIONS), flips=False)
    assert [queue.max_wait_s for queue in advice.queues] == [14_400 - 12]
    assert "class_waits_past_deadline" in [warning.code for warning in advice.warnings]


def test_the_scenario_of_answers_has_the_consumers_of_the_advice() -> None:
    answers = answers_from({"template": "speech_transcription"})
    advice, scenario = advise(answers, flips=False), advised_scenario(Evaluation.from_answers(answers))
    assert {queue.consumers for queue in advice.queues} == {scenario.event_driven.consumers}
    assert scenario.event_driven.consumers < answers.operations.max_workers


def test_a_hybrid_that_answers_in_line_plans_the_consumers_of_its_events_and_not_of_the_models_work() -> None:
    """In the peak 320 /s come; an event takes 28 ms (lognormal, median 25 ms, p95 50 ms), so 9 of 64 are busy with it."""
    given = {
        "template": "form_classification",
        "caller": {
            "kind": "internal",
            "deadline_s": 0.5,
            "tolerated_miss_percent": 0.1,
            "needs_immediate_response": True,
        },
        "volume": {
            "mean_rate_per_s": 80,
            "peak_to_mean": 4,
            "peak_minutes": 60,
            "peaks_per_day": 2,
            "interarrival_cv": 1.2,
        },
        "processing": {"p50_s": 0.08, "p95_s": 0.16, "input_tokens": 0, "output_tokens": 0},
        "provider": {"profile": "self_hosted", "max_concurrency": 64},
        "failures": {
            "transient_percent": 0.1,
            "poison_percent": 0,
            "max_retries": 1,
            "backoff_base_s": 0.01,
            "backoff_cap_s": 0.05,
        },
        "synchronous": {"workers": 64, "backlog": 200, "client_timeout_s": 0.5, "hops": ["aws_alb"]},
        "subscribers": {"count": 2, "independent_releases": True, "handling_p95_s": 0.05},
        "operations": {"runs_a_broker_today": True, "min_workers": 16, "max_workers": 64},
    }
    evaluation = Evaluation.from_answers(answers_from(given))
    advice = advise(evaluation.answers, flips=False)
    assert (advice.style, advice.delivery.method) == ("hybrid", "inline")
    (queue,) = advice.queues
    assert queue.name == "events" and 9 <= queue.consumers <= 12
    scenario = scenario_of(evaluation, advice.plan)
    assert scenario.subscribers.consumers == queue.consumers
    assert scenario.event_driven.consumers == 64
    assert advice.evidence is not None
    handled_s = advice.evidence.styles["hybrid"].subscribers_p95_s
    assert handled_s is not None and handled_s < 0.16 + 0.05 + 0.05


def of_hybrid(scenario: Scenario) -> DesignResult:
    result = simulate(scenario.model_copy(update={"seed": 7, "jobs": 170_000}), replications=2, windows=False)
    assert result.hybrid is not None
    return result.hybrid


def test_a_hybrid_has_the_fewest_consumers_that_keep_its_promises() -> None:
    """In the peak 1.5 /s come, and each takes 10.7 s: 16 consumers are busy then, 5.4 on average, of 100 that are allowed."""
    given = {
        "template": "document_extraction",
        "caller": {"kind": "end_user", "deadline_s": 60, "needs_immediate_response": True, "streams_response": False},
        "volume": {"mean_rate_per_s": 0.5, "peak_to_mean": 3},
        "processing": {"p50_s": 9, "p95_s": 24},
        "provider": {"max_concurrency": 100, "requests_per_minute": 1000},
        "failures": {"max_retries": 1, "backoff_cap_s": 2},
        "synchronous": {"workers": 100, "client_timeout_s": 60, "hops": ["aws_api_gateway_rest"]},
        "operations": {"max_workers": 100},
    }
    evaluation = Evaluation.from_answers(answers_from(given))
    advice = advise(evaluation.answers, flips=False)
    assert advice.style == "hybrid" and advice.plan is not None and advice.plan.consumers is not None
    assert {queue.consumers for queue in advice.queues} == {advice.plan.consumers}
    planned = of_hybrid(scenario_of(evaluation, advice.plan))
    assert planned.good_share >= 0.99
    for queue in advice.queues:
        waited_s = planned.classes[queue.name].wait_s.p95
        assert waited_s is not None and waited_s <= queue.max_wait_s
    fewer = advice.plan.model_copy(update={"consumers": advice.plan.consumers - 2, "expiry": None})
    assert of_hybrid(scenario_of(evaluation, fewer)).good_share < 0.99


def test_a_recording_has_the_fewest_consumers_that_keep_its_promises() -> None:
    """0.5 /s that take 9.3 s each keep 4.7 of the 20 busy that are allowed; the answers say ten times as much arrives."""
    arrivals_s = np.cumsum(np.random.default_rng(3).exponential(2.0, 9_000))
    trace = Trace(arrivals_s - arrivals_s[0])
    answers = answers_from(
        {"template": "document_extraction", "volume": {"trace": "calm.csv", "mean_rate_per_s": 5, "peak_to_mean": 1}}
    )
    advice = advise(answers, trace=trace, flips=False)
    assert advice.plan is not None and advice.plan.consumers is not None and 5 <= advice.plan.consumers <= 8
    scenario = advised_scenario(Evaluation.from_answers(answers), trace)
    assert scenario.event_driven.consumers == advice.plan.consumers
    assert advice.evidence is not None
    outcome = advice.evidence.styles["event_driven"]
    assert outcome.conclusion == "meets"
    waits_s = {name: one.wait_p95_s or 0.0 for name, one in outcome.classes.items()}
    assert all(waits_s[queue.name] <= queue.max_wait_s for queue in advice.queues)
    fewer = scenario_of(
        Evaluation.from_answers(answers), advice.plan.model_copy(update={"consumers": advice.plan.consumers - 1})
    )
    urgent = simulate(fewer, trace=trace, replications=1, windows=False).event_driven.classes["urgent"].wait_s.p95
    assert urgent is None or urgent > 0.9 * advice.queues[0].max_wait_s
