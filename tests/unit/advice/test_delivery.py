"""How results get back: method, reasons, parameters and fallback."""

from collections.abc import Mapping
from itertools import product
from typing import Any, get_args

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.contract import Delivery, Method
from advisor.advice.evaluation import Evaluation
from advisor.advice.scenario import scenario_of
from advisor.reports.wording import recommendation_sentence
from core.numbers import duration
from core.paths import nested
from simulator import theory
from simulator.deliveries import PollingDelivery
from tests.rules_alone import advise_by_rules


def delivery(differs: Mapping[str, Any], template: str = "document_extraction") -> Delivery:
    return advise_by_rules(answers_from({"template": template, **nested(differs)}), flips=False).delivery


@pytest.mark.parametrize(
    ("differs", "method", "fallback"),
    [
        ({}, "polling", None),
        ({"caller.kind": "partner", "caller.accepts_webhooks": True}, "webhook", "polling"),
        ({"caller.kind": "end_user"}, "sse", "polling"),
        ({"caller.kind": "end_user", "caller.bidirectional": True}, "websocket", "sse"),
        ({"caller.kind": "nobody"}, "none", None),
    ],
)
def test_each_method_has_its_fallback_and_says_why_not_the_others(
    differs: Mapping[str, Any], method: str, fallback: str | None
) -> None:
    chosen = delivery(differs)
    assert (chosen.method, chosen.fallback) == (method, fallback)
    assert chosen.why.endswith(".")
    assert set(chosen.why_not) == set(get_args(Method)) - {method}
    assert all(reason.endswith(".") for reason in chosen.why_not.values())


@pytest.mark.parametrize("kind", ["end_user", "internal", "partner", "nobody"])
@pytest.mark.parametrize("template", ["form_classification", "document_extraction"])
def test_no_reason_against_a_method_denies_an_answer(template: str, kind: str) -> None:
    flags = ("bidirectional", "accepts_webhooks", "wants_live_updates")
    for given in product((False, True), repeat=len(flags)):
        asked = dict(zip(flags, given, strict=True))
        chosen = delivery({"caller.kind": kind, **{f"caller.{flag}": value for flag, value in asked.items()}}, template)
        text = " ".join(chosen.why_not.values())
        assert not (asked["bidirectional"] and "Nothing is sent" in text)
        assert not (asked["accepts_webhooks"] and "cannot be called back" in text)
        assert not ((kind == "end_user" or asked["wants_live_updates"]) and "Nobody watches" in text)
        assert not (kind != "nobody" and "Nobody waits" in text)


def test_a_caller_that_sends_meanwhile_has_a_websocket_whatever_the_style() -> None:
    """A voice agent: answers of 120 ms, streamed over one connection."""
    for template in ("chat_assistant", "form_classification", "image_moderation", "agent_loops"):
        chosen = delivery({"caller.bidirectional": True}, template)
        assert chosen.method == "websocket"
        assert "one way alone" in chosen.why_not["inline"] and "one way alone" in chosen.why_not["sse"]


def test_an_answer_that_streams_in_the_response_is_a_stream_of_events() -> None:
    chosen = delivery({}, "chat_assistant")
    assert chosen.method == "inline"
    assert "server-sent events" in chosen.why and "event-stream" in chosen.parameters["stream"]
    assert "itself is the stream" in chosen.why_not["sse"]


def test_a_hybrid_whose_answers_all_fit_in_line_delivers_nothing_later() -> None:
    """A fraud check: 80 ms, half a second's time, and another service that has the event."""
    check = {"subscribers.count": 2, "subscribers.independent_releases": True}
    advice = advise_by_rules(answers_from({"template": "form_classification", **nested(check)}), flips=False)
    assert (advice.style, advice.delivery.method) == ("hybrid", "inline")
    assert recommendation_sentence(advice).endswith(
        "Answer in the response and publish an event for the other services."
    )


def test_a_hybrid_says_what_it_answers_in_line() -> None:
    waits = {"caller.streams_response": False, "synchronous.hops": ["aws_api_gateway_rest"]}
    advice = advise_by_rules(answers_from({"template": "chat_assistant", **nested(waits)}), flips=False)
    assert advice.style == "hybrid" and advice.inline_wait_s is not None
    assert advice.delivery.why_not["inline"] == (
        f"Only what is there within {duration(advice.inline_wait_s)} is answered in the response."
    )


def test_polling_states_its_interval_its_calls_and_the_delay_it_adds() -> None:
    parameters = delivery({"processing.p50_s": 40, "processing.p95_s": 100}).parameters
    interval = parameters["interval_s"]
    assert interval in (1, 2, 5, 10, 20, 50)
    assert parameters["added_delay_mean_s"] == interval / 2
    assert parameters["added_delay_max_s"] == interval
    mean_s, first_s = theory.lognormal_mean_s(40, 100), parameters["first_poll_after_s"]
    assert 1 + (mean_s - first_s) / interval <= parameters["calls_per_job"] <= parameters["calls_per_job_p99"]
    assert first_s < 40


def test_longer_work_is_asked_for_less_often() -> None:
    quick = delivery({}).parameters["interval_s"]
    slow = delivery({"processing.p50_s": 200, "processing.p95_s": 400, "volume.mean_rate_per_s": 0.01}).parameters[
        "interval_s"
    ]
    assert slow > quick


def test_a_webhook_follows_the_published_schedule_of_75_h_35_min() -> None:
    parameters = delivery({"caller.kind": "partner", "caller.accepts_webhooks": True}).parameters
    assert parameters["schedule_s"][:3] == [0, 5, 300]
    assert parameters["gives_up_after_s"] == 75 * 3600 + 35 * 60 + 5
    assert "HMAC" in parameters["signature"]


def test_an_event_stream_resumes_by_its_last_event() -> None:
    parameters = delivery({"caller.kind": "end_user"}).parameters
    assert parameters["resume_header"] == "Last-Event-ID"
    assert parameters["open_connections_at_peak"] == 38  # Little: 4 /s for 9.34 s each


def test_synchronous_advice_answers_in_line() -> None:
    chosen = delivery({}, "form_classification")
    assert (chosen.method, chosen.parameters, chosen.fallback) == ("inline", {}, None)


def test_where_a_peak_makes_them_wait_callers_ask_less_often_and_the_run_asks_alike() -> None:
    answers = answers_from({"template": "document_extraction"})
    advice = advise_by_rules(answers, flips=False)
    calm = delivery({"volume.peak_to_mean": 2}).parameters
    peaks = advice.delivery.parameters
    assert peaks["interval_s"] > calm["interval_s"]
    assert peaks["calls_per_job"] < peaks["calls_per_job_p99"] < 200
    simulated = scenario_of(Evaluation.from_answers(answers)).event_driven.delivery
    assert isinstance(simulated, PollingDelivery)
    assert simulated.interval_s == peaks["interval_s"]


def test_a_deadline_that_leaves_little_asks_more_often() -> None:
    work = {"processing.p50_s": 400, "processing.p95_s": 800, "volume.mean_rate_per_s": 0.01, "volume.peak_to_mean": 1}
    days = delivery({**work, "caller.deadline_s": 200_000}).parameters["interval_s"]
    tight = delivery({**work, "caller.deadline_s": 1150}).parameters["interval_s"]
    assert tight < days
