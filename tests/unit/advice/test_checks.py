"""Each cross-check warns where it should, and only there."""

from collections.abc import Mapping
from typing import Any

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.checks import CHECKS
from core.paths import nested
from tests.rules_alone import advise_by_rules

WARNED: Mapping[str, tuple[str, Mapping[str, Any], tuple[str, ...]]] = {
    "impossible_deadline": ("form_classification", {"caller.deadline_s": 1}, ("1 s", "1 %")),
    "overload": (
        "document_extraction",
        {"volume.mean_rate_per_s": 5},
        ("5 /s", "2.09 /s", "175 jobs a minute", "never"),
    ),
    "peak_past_workers": ("document_extraction", {}, ("4 /s", "20 workers", "115 jobs a minute", "17 min")),
    "workers_past_most": (
        "document_extraction",
        {"synchronous.workers": 30, "operations.max_workers": 10},
        ("30 workers", "10"),
    ),
    "demand_past_provider": ("document_extraction", {}, ("4 /s", "2.09 /s", "more workers cannot help")),
    "targets_need_more_consumers": ("document_extraction", {}, ("37 consumers", "20")),
    "recovery_too_slow": (
        "document_extraction",
        {"resilience.outage_minutes": 300},
        ("outage of 5 h", "1 h", "29 consumers", "more than 20 bring nothing"),
    ),
    "slows_down": (
        "document_extraction",
        {
            "processing.p50_s": 1.9,
            "processing.p95_s": 1.9,
            "processing.measured_in_flight": 8,
            "processing.high_in_flight": 256,
            "processing.high_mean_s": 5.8,
            "provider.max_concurrency": 256,
            "synchronous.workers": 256,
            "operations.max_workers": 256,
        },
        ("256 calls", "5.8 s", "1.9 s", "44.1 /s"),
    ),
    "faster_when_busy": ("document_extraction", {"processing.high_mean_s": 2}, ("64 calls", "2 s", "Measure again")),
    "one_time_for_any_load": (
        "document_extraction",
        {"provider.profile": "self_hosted", "provider.max_concurrency": 20},
        ("20 calls",),
    ),
    "global_order": ("document_extraction", {"subscribers.ordering": "global"}, ("one at a time",)),
    "order_needs_partitions": ("email_triage", {}, ("partition",)),
    "immediate_answer_impossible": ("speech_transcription", {"caller.needs_immediate_response": True}, ("202",)),
    "timeout_under_p99": (
        "form_classification",
        {"synchronous.client_timeout_s": 1.9, "subscribers.count": 3},
        ("1.9 s", "1.99 s"),
    ),
    "past_attention": ("chat_assistant", {"caller.streams_response": False}, ("29.", "10 s")),
    "first_token_unknown": ("chat_assistant", {"caller.first_token_s": None}, ("measure",)),
    "retention_too_short": (
        "document_extraction",
        {"resilience.result_retention_h": 0.001, "processing.p50_s": 60},
        ("3.6 s", "5 s"),
    ),
    "recording_is_not_stationary": (
        "document_extraction",
        {"volume.trace": "arrivals.csv"},
        ("busiest 15 min", "8x the mean", "simulate the recording"),
    ),
    "unchecked_fact": ("form_classification", {"provider.profile": "openai"}, ("OpenAI",)),
    "retry_window_past_deadline": ("document_extraction", {"caller.deadline_s": 30}, ("15 s", "20 s", "30 s")),
    "retries_at_two_layers": (
        "document_extraction",
        {"synchronous.client_retries": 3},
        ("4 times", "5 times", "20 attempts"),
    ),
    "not_idempotent": ("document_extraction", {"failures.idempotent": False}, ("key",)),
    "outage_outlasts_retries": ("document_extraction", {}, ("15 s", "15 min", "circuit breaker")),
    "outage_hangs": (
        "document_extraction",
        {"resilience.outage_mode": "hang"},
        ("as long as it lasts", "after 40 s all 20 workers", "p99"),
    ),
    "call_timeout_too_short": ("document_extraction", {"provider.call_timeout_s": 20}, ("5 %", "20 s")),
    "lease_too_short": (
        "document_extraction",
        {"operations.lease_s": 20, "operations.lease_ends": "discards"},
        ("5 %", "20 s", "without end"),
    ),
    "acknowledged_early": (
        "document_extraction",
        {"operations.acknowledges": "early", "operations.crashes_per_hour": 0.1},
        ("a day", "when they are done"),
    ),
    "refused_calls": ("document_extraction", {"provider.pacing": "none"}, ("4 /s", "2.09 /s", "4 retries")),
    "quota_burnt": ("document_extraction", {"failures.transient_percent": 20}, ("1.25 attempts", "20.2 %")),
    "too_few_retries": (
        "document_extraction",
        {"failures.transient_percent": 50, "failures.max_retries": 2},
        ("12.5 %", "1 %"),
    ),
    "poison_without_dead_letters": ("document_extraction", {"failures.dead_letter": False}, ("43.2 a day",)),
    "no_jitter": ("document_extraction", {"failures.jitter": "none"}, ("full jitter",)),
}


def warnings(template: str, differs: Mapping[str, Any]) -> dict[str, str]:
    advice = advise_by_rules(answers_from({"template": template, **nested(differs)}), flips=False)
    return {warning.code: warning.text for warning in advice.warnings}


@pytest.mark.parametrize("code", [check.code for check in CHECKS])
def test_each_check_warns_in_the_users_numbers(code: str) -> None:
    template, differs, expected = WARNED[code]
    text = warnings(template, differs)[code]
    for words in expected:
        assert words in text


def test_every_check_has_a_title_and_says_what_helps() -> None:
    assert len({check.code for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.title
        assert check.about.endswith((".", ")."))


def test_a_sound_form_gets_no_warning() -> None:
    assert warnings("form_classification", {}) == {}


def test_without_a_waiting_caller_no_client_retries() -> None:
    assert "retries_at_two_layers" not in warnings(
        "document_extraction", {"synchronous.client_retries": 3, "caller.kind": "nobody"}
    )


def test_a_list_of_pauses_brings_back_together_what_failed_together() -> None:
    """Whatever jitter was chosen before there was a list."""
    advice = advise_by_rules(answers_from({"failures": {"retry_intervals_s": [2, 5], "jitter": "full"}}), flips=False)
    assert (
        "A list of pauses is the same for everything"
        in {warning.code: warning.text for warning in advice.warnings}["no_jitter"]
    )
