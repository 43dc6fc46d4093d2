"""Answers that contradict each other are named with both questions; answers that only ask for much are not."""

from collections.abc import Mapping
from typing import Any

import pytest

from advisor.advice.answers import LEAVES, answers_from
from advisor.advice.contract import AdviceWarning
from advisor.advice.contradictions import CONTRADICTIONS
from advisor.advice.templates import TEMPLATES
from core.paths import nested
from tests.rules_alone import advise_by_rules

STREAM = {"caller.streams_response": True}
PARTNER = {"caller.kind": "partner", "caller.accepts_webhooks": True}

Row = tuple[Mapping[str, Any], Mapping[str, Any], tuple[str, ...], tuple[str, ...]]
NAMED: Mapping[str, Row] = {
    # what contradicts, one change after which it no longer does, the questions, words of the sentence
    "first_token_past_deadline": (
        {**STREAM, "caller.first_token_s": 8, "caller.deadline_s": 5},
        {"caller.first_token_s": 2},
        ("caller.first_token_s", "caller.deadline_s"),
        ("8 s", "5 s"),
    ),
    "first_token_past_work": (
        {**STREAM, "caller.first_token_s": 25},
        {"caller.first_token_s": 7},
        ("caller.first_token_s", "processing.p95_s"),
        ("25 s", "20 s"),
    ),
    "one_order_with_classes": (
        {"subscribers.ordering": "global"},
        {"priorities": {"urgent": {"share_percent": 0}, "batch": {"share_percent": 0}}},
        ("subscribers.ordering", "priorities.urgent.share_percent"),
        ("urgent, standard and batch", "one queue and one consumer"),
    ),
    "webhook_outlasts_result": (
        PARTNER,
        {"resilience.result_retention_h": 80},
        ("resilience.result_retention_h", "caller.accepts_webhooks"),
        ("24 h", "75 h 35 min"),
    ),
    "result_gone_before_deadline": (
        {"resilience.result_retention_h": 0.139},
        {"resilience.result_retention_h": 0.6},
        ("resilience.result_retention_h", "caller.deadline_s"),
        ("8 min 20 s", "30 min"),
    ),
    "class_waits_past_deadline": (
        {"priorities.batch.max_wait_s": 21_600},
        {"caller.deadline_s": 21_600},
        ("priorities.batch.max_wait_s", "caller.deadline_s"),
        ("Batch requests may wait 6 h", "30 min"),
    ),
    "urgent_waits_longer": (
        {"priorities.urgent.max_wait_s": 90},
        {"priorities.urgent.max_wait_s": 60},
        ("priorities.urgent.max_wait_s", "priorities.standard.max_wait_s"),
        ("Urgent requests", "90 s", "60 s"),
    ),
    "class_never_in_time": (
        {"priorities.batch.p50_s": 3600},
        {"priorities.batch.p50_s": 60},
        ("priorities.batch.p50_s", "caller.deadline_s"),
        ("Batch requests typically take 1 h", "30 min"),
    ),
    "client_gives_up_first": (
        {"synchronous.client_timeout_s": 5},
        {"synchronous.client_timeout_s": 8},
        ("synchronous.client_timeout_s", "processing.p50_s"),
        ("5 s", "8 s"),
    ),
    "fewer_workers_than_stay_up": (
        {"operations.min_workers": 10, "synchronous.workers": 4},
        {"synchronous.workers": 10},
        ("synchronous.workers", "operations.min_workers"),
        ("10 workers", "4"),
    ),
    "recovery_under_work": (
        {"resilience.recover_within_minutes": 0.1},
        {"resilience.outage_minutes": 0},
        ("resilience.recover_within_minutes", "processing.p95_s"),
        ("6 s", "20 s"),
    ),
    "redelivered_past_deadline": (
        {"operations.crashes_per_hour": 0.1, "operations.lease_s": 3600},
        {"operations.lease_s": 600},
        ("operations.lease_s", "caller.deadline_s"),
        ("1 h", "30 min"),
    ),
    "acknowledged_before_result": (
        {**PARTNER, "caller.needs_immediate_response": True, "caller.acknowledge_within_s": 3},
        {"caller.needs_immediate_response": False},
        ("caller.acknowledge_within_s", "caller.needs_immediate_response"),
        ("3 s", "8 s"),
    ),
    "call_outlives_lease": (
        {"provider.call_timeout_s": 600, "operations.lease_s": 300},
        {"operations.lease_s": 600},
        ("provider.call_timeout_s", "operations.lease_s"),
        ("10 min", "5 min"),
    ),
    "fails_after_timeout": (
        {"failures.failure_s": 60, "provider.call_timeout_s": 45},
        {"failures.failure_s": 30},
        ("failures.failure_s", "provider.call_timeout_s"),
        ("60 s", "45 s"),
    ),
    "poison_past_tolerated": (
        {"failures.poison_percent": 3},
        {"caller.tolerated_miss_percent": 3},
        ("failures.poison_percent", "caller.tolerated_miss_percent"),
        ("3 %", "1 %"),
    ),
    "none_lost_none_kept": (
        {"failures.dead_letter": False},
        {"resilience.max_lost_jobs": 1},
        ("resilience.max_lost_jobs", "failures.dead_letter"),
        ("15 min", "15 s"),
    ),
    "more_pauses_than_retries": (
        {"failures.retry_intervals_s": [1, 2, 3], "failures.max_retries": 2},
        {"failures.max_retries": 3},
        ("failures.retry_intervals_s", "failures.max_retries"),
        ("3 pauses", "2 retries", "last 2 are"),
    ),
}


def contradictions(differs: Mapping[str, Any], template: str = "document_extraction") -> dict[str, AdviceWarning]:
    advice = advise_by_rules(answers_from({"template": template, **nested(differs)}), flips=False)
    return {warning.code: warning for warning in advice.warnings if warning.questions}


@pytest.mark.parametrize("code", [contradiction.code for contradiction in CONTRADICTIONS])
def test_a_contradiction_names_both_questions_until_one_answer_changes(code: str) -> None:
    assert code in NAMED, f"add {code!r} to NAMED in tests/unit/advice/test_contradictions.py"
    differs, mended, questions, words = NAMED[code]
    warning = contradictions(differs)[code]
    assert set(questions) <= set(warning.questions) <= set(LEAVES)
    assert [word for word in words if word not in warning.text] == []
    assert code not in contradictions({**differs, **mended})


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_template_contradicts_itself(template: str) -> None:
    assert contradictions({}, template) == {}


def test_only_the_classes_that_wait_too_long_are_named() -> None:
    """Four hours for every result, and six for bulk work: a batch of evaluations."""
    warning = contradictions({"caller.deadline_s": 14_400, "priorities.batch.max_wait_s": 21_600})
    assert warning["class_waits_past_deadline"].questions == ("priorities.batch.max_wait_s", "caller.deadline_s")
    assert "urgent" not in warning["class_waits_past_deadline"].text


def test_a_class_that_has_no_requests_contradicts_nothing() -> None:
    none = {"priorities": {"batch": {"share_percent": 0, "max_wait_s": 86_400}, "standard": {"share_percent": 90}}}
    assert contradictions(none) == {}


def test_retention_matters_only_if_the_result_is_fetched_or_sent() -> None:
    assert contradictions({"caller.kind": "nobody", "resilience.result_retention_h": 0.001}) == {}
