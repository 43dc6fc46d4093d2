"""What an expert would advise, case by case: a name, the few answers that differ from a template, and style, strength and delivery,
and "not feasible" if no design meets the deadline.

Read it as an architect: change a line if you would advise otherwise, and see what else moves.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.recommendation import advise
from core.paths import nested

Case = tuple[str, str, Mapping[str, Any], str]

STEADY = {"volume.peak_to_mean": 1.5}
ROBUST = {"failures.max_retries": 4, "failures.dead_letter": True}
FRAGILE = {
    "failures.max_retries": 0,
    "failures.dead_letter": False,
    "resilience.max_lost_jobs": 100_000,
    "caller.tolerated_miss_percent": 3,
}
"""Without retries 2.1 % of the requests fail in any design: they have to be tolerated."""
FAST = {"processing.p50_s": 0.4, "processing.p95_s": 1.0}
MIDDLING = {"processing.p50_s": 2.5, "processing.p95_s": 5.0}
PERSON = {"caller.kind": "end_user"}
AT_ONCE = {"caller.kind": "end_user", "caller.needs_immediate_response": True}
NO_LIMITS = {"synchronous.hops": [], "synchronous.client_timeout_s": None}

CASES: tuple[Case, ...] = (
    # The templates: the seed's three examples first.
    ("a document arrives: extract its fields", "document_extraction", {}, "event_driven clear polling"),
    ("a person submits a form: classify it", "form_classification", {}, "synchronous clear inline"),
    ("an email comes in: triage it", "email_triage", {}, "event_driven clear none"),
    ("a person chats and reads along", "chat_assistant", {}, "synchronous clear inline"),
    ("documents are indexed for search", "retrieval_ingestion", {}, "event_driven clear none"),
    ("a picture waits for its check", "image_moderation", {}, "event_driven clear sse"),
    ("recordings become text", "speech_transcription", {}, "event_driven clear webhook"),
    ("every record, every night", "batch_enrichment", {}, "event_driven clear none"),
    # The seed: when event-driven.
    ("month end: high volume at a variable rate", "form_classification", {"caller.needs_immediate_response": False,
        "caller.deadline_s": 1800,
        "volume.mean_rate_per_s": 2, "volume.peak_to_mean": 8, **ROBUST}, "event_driven clear sse"),
    ("10 to 30 s of processing block a synchronous caller", "document_extraction", {**STEADY, "processing.p50_s": 15,
        "processing.p95_s": 28},
        "event_driven lean polling"),
    ("long processing and no limit on the way", "document_extraction", {**STEADY, **NO_LIMITS}, "event_driven lean polling"),
    ("CRM, notification and analytics react to one event", "document_extraction", {**STEADY, **MIDDLING, "subscribers.count": 4,
        "subscribers.independent_releases": True}, "event_driven clear polling"),
    ("retries with backoff and dead letters are required", "document_extraction", {**STEADY, **MIDDLING, **ROBUST,
        "operations.runs_a_broker_today": True,
        "subscribers.count": 2}, "event_driven lean polling"),
    ("producers and consumers evolve independently", "document_extraction", {**STEADY, **MIDDLING, "subscribers.count": 2,
        "subscribers.independent_releases": True}, "event_driven lean polling"),
    # The seed: when synchronous.
    ("fast processing, under 2 s", "document_extraction", {**FAST, **STEADY, **FRAGILE}, "synchronous clear inline"),
    ("fast and steady, though failures must be kept", "document_extraction", {**FAST, **STEADY}, "synchronous lean inline"),
    ("moderate, consistent volume", "document_extraction", {**MIDDLING, **STEADY, **FRAGILE}, "synchronous clear inline"),
    ("the client needs an immediate response", "document_extraction", {**MIDDLING, **STEADY, **AT_ONCE, "caller.deadline_s": 30},
        "synchronous clear inline"),
    ("a single consumer, nothing else", "email_triage", {"caller.kind": "internal", "subscribers.count": 1,
        "subscribers.independent_releases": False,
        **STEADY, "volume.interarrival_cv": 1, **FRAGILE}, "synchronous clear inline"),
    ("the cost of a first broker", "document_extraction", {**STEADY, **MIDDLING, "failures.dead_letter": False, "failures.max_retries": 1},
        "synchronous lean inline"),
    # The seed's silence: 2 to 10 s carry no weight.
    ("5 s and the other forces balance", "document_extraction", {**STEADY, **MIDDLING}, "synchronous close inline"),
    ("5 s, a broker runs today: a tie goes to the simpler design", "document_extraction",
        {**STEADY, **MIDDLING, "operations.runs_a_broker_today": True},
        "synchronous close inline"),
    ("9.9 s are not yet long", "document_extraction", {**STEADY, "processing.p50_s": 6, "processing.p95_s": 9.9},
        "synchronous close inline"),
    ("10 s are", "document_extraction", {**STEADY, "processing.p50_s": 6, "processing.p95_s": 10.0}, "event_driven close polling"),
    # Hard constraints come before weights.
    ("p99 past the gateway's 29 s", "document_extraction", {**STEADY, **FRAGILE, "processing.p95_s": 22,
        "synchronous.hops": ["aws_api_gateway_rest"],
        "synchronous.client_timeout_s": None}, "event_driven clear polling"),
    ("the same within a limit that was raised", "document_extraction", {**STEADY, **FRAGILE, "processing.p95_s": 22,
        "synchronous.hops": [{"name": "raised gateway", "limit_s": 120, "kind": "total"}], "synchronous.client_timeout_s": None},
        "synchronous lean inline"),
    ("an idle limit of ours acts as a total one where nothing streams", "chat_assistant", {"caller.streams_response": False, "processing.p95_s": 45,
        "processing.p50_s": 20, "caller.deadline_s": 300}, "event_driven lean sse"),
    ("the client gives up before p99, which a setting changes", "document_extraction", {**STEADY, **FRAGILE, "synchronous.hops": [],
        "synchronous.client_timeout_s": 15},
        "event_driven lean polling"),
    ("minutes of processing, though an answer is wanted at once", "speech_transcription", {"caller.needs_immediate_response": True},
        "event_driven clear webhook"),
    ("a peak waits too long in line for the proxy", "email_triage", {"caller.kind": "internal", "volume.peak_to_mean": 12,
        "caller.deadline_s": 3600,
        "subscribers.count": 1, "subscribers.independent_releases": False}, "event_driven clear polling"),
    ("the slowest 1.1 % are past a limit, and 5 % may be", "document_extraction", {"volume.mean_rate_per_s": 0.05, "volume.peak_to_mean": 1,
        "caller.tolerated_miss_percent": 5, "synchronous.hops": ["aws_api_gateway_rest"], "caller.deadline_s": 60}, "event_driven lean polling"),
    ("a chat app wants its 200 within 3 s", "chat_assistant", {"caller.kind": "partner", "caller.streams_response": False,
        "caller.accepts_webhooks": True, "caller.needs_immediate_response": False, "caller.acknowledge_within_s": 3, "caller.deadline_s": 120,
        "processing.p50_s": 20, "processing.p95_s": 30}, "event_driven clear webhook"),
    ("a sender of webhooks waits for its 2xx alone", "email_triage", {"caller.acknowledge_within_s": 10, "subscribers.count": 1,
        **STEADY, **FRAGILE}, "event_driven clear none"),
    # The streaming exception.
    ("long, but it streams past idle limits alone", "chat_assistant", {"processing.p50_s": 25, "processing.p95_s": 50,
        "provider.max_concurrency": 200,
        "synchronous.workers": 200, "operations.max_workers": 200, "caller.deadline_s": 180}, "synchronous clear inline"),
    ("it streams through a gateway that allows it 15 min", "chat_assistant", {"synchronous.hops": ["aws_api_gateway_rest"]},
        "synchronous clear inline"),
    ("the same without streaming: fast half in line, the tail later", "chat_assistant", {"synchronous.hops": ["aws_api_gateway_rest"],
        "caller.streams_response": False}, "hybrid clear sse"),
    ("it streams past a total limit that a setting raises", "chat_assistant", {"synchronous.hops": ["gcp_backend_service"], "processing.p95_s": 24},
        "event_driven lean sse"),
    ("it streams, but begins after a proxy of ours gave up", "chat_assistant", {"caller.first_token_s": 65.0, "processing.p50_s": 80,
        "processing.p95_s": 120, "caller.deadline_s": 600, "volume.mean_rate_per_s": 0.05},
        "event_driven lean sse"),
    # Hybrid.
    ("an immediate answer, and three others react", "form_classification", {"subscribers.count": 4}, "hybrid clear inline"),
    ("an immediate answer, and two others react", "form_classification", {"subscribers.count": 3}, "hybrid lean inline"),
    ("an immediate answer, and another team reacts", "form_classification", {"subscribers.count": 2,
        "subscribers.independent_releases": True},
        "hybrid lean inline"),
    ("an immediate answer, and two other teams react", "chat_assistant", {"subscribers.count": 3, "subscribers.independent_releases": True},
        "hybrid clear inline"),
    ("one more service of the same team is called in line", "form_classification", {"subscribers.count": 2}, "synchronous clear inline"),
    ("others that are slow in line get an event, the caller its answer", "form_classification", {"subscribers.count": 3,
        "subscribers.handling_p95_s": 12, "caller.deadline_s": 60}, "hybrid clear inline"),
    ("a single other one that is slow in line, too", "form_classification", {"subscribers.count": 2, "subscribers.handling_p95_s": 12,
        "caller.deadline_s": 60}, "hybrid clear inline"),
    ("a moderation whose uploader must wait for it", "image_moderation", {"caller.needs_immediate_response": True}, "hybrid clear inline"),
    ("a partner wants its answer at once, and all fit in line", "form_classification", {"caller.kind": "partner",
        "caller.accepts_webhooks": True,
        "subscribers.count": 3, "subscribers.independent_releases": True}, "hybrid clear inline"),
    # What no style can do: the advice says so, and still leans where the forces lean.
    ("a peak that no queue serves by its deadline", "document_extraction", {"caller.deadline_s": 120}, "event_driven close polling, not feasible"),
    ("more than the provider ever allows", "document_extraction", {"volume.mean_rate_per_s": 5}, "event_driven close polling, not feasible"),
    ("a deadline shorter than the work", "form_classification", {"caller.deadline_s": 0.5}, "synchronous close inline, not feasible"),
    # Who waits decides the delivery.
    ("an internal caller polls", "document_extraction", {}, "event_driven clear polling"),
    ("an internal caller polls, though it could be called back", "document_extraction", {"caller.accepts_webhooks": True},
        "event_driven clear polling"),
    ("an internal caller in a hurry is called back", "image_moderation", {"caller.kind": "internal", "caller.accepts_webhooks": True,
        "caller.wants_live_updates": False, "caller.deadline_s": 20}, "event_driven clear webhook"),
    ("a partner gets webhooks", "document_extraction", {"caller.kind": "partner", "caller.accepts_webhooks": True},
        "event_driven clear webhook"),
    ("a partner that cannot be called polls", "document_extraction", {"caller.kind": "partner"}, "event_driven clear polling"),
    ("a person sees live progress", "document_extraction", {**PERSON, "caller.wants_live_updates": True}, "event_driven clear sse"),
    ("a person talks while it answers", "chat_assistant", {"caller.bidirectional": True}, "synchronous clear websocket"),
    ("agent loops of minutes over a stream", "chat_assistant", {"caller.needs_immediate_response": False, "caller.deadline_s": 900,
        "processing.p50_s": 150, "processing.p95_s": 420, "failures.max_retries": 2, "failures.dead_letter": True, "caller.bidirectional": True,
        "provider.max_concurrency": None, "synchronous.workers": 200, "operations.max_workers": 200, "volume.mean_rate_per_s": 0.1},
        "event_driven lean websocket"),
    ("a person comes back to a page", "document_extraction", PERSON, "event_driven clear sse"),
    ("a person talks back while it runs", "document_extraction", {**PERSON, "caller.bidirectional": True}, "event_driven clear websocket"),
    ("a dashboard of ours watches the work", "document_extraction", {"caller.wants_live_updates": True}, "event_driven clear sse"),
    ("nobody waits", "document_extraction", {"caller.kind": "nobody"}, "event_driven clear none"),
    ("nobody waits: what a caller would have said does not matter", "document_extraction", {"caller.kind": "nobody",
        "caller.needs_immediate_response": True,
        "caller.bidirectional": True, "caller.accepts_webhooks": True}, "event_driven clear none"),
    # Volume.
    ("a high but steady volume within capacity", "form_classification", {"volume.mean_rate_per_s": 40, "synchronous.workers": 100,
        "operations.max_workers": 100, "provider.max_concurrency": 200, "provider.requests_per_minute": 20_000},
        "synchronous clear inline"),
    ("peaks that stay far below capacity", "form_classification", {"volume.peak_to_mean": 3, "volume.mean_rate_per_s": 0.5},
        "synchronous clear inline"),
    ("clumps without peaks, past capacity", "email_triage", {"volume.peak_to_mean": 1, "volume.interarrival_cv": 4,
        "volume.mean_rate_per_s": 5,
        "caller.kind": "internal", "subscribers.count": 1, "subscribers.independent_releases": False}, "event_driven close polling"),
    ("a night's batch at an even pace", "batch_enrichment", STEADY, "event_driven lean none"),
    ("campaign replies in waves, more than is served in a day", "email_triage", {"volume.peak_to_mean": 12},
        "event_driven close none, not feasible"),
    # Extremes.
    ("four documents an hour, long and limited", "document_extraction", {"volume.mean_rate_per_s": 0.001, "volume.peak_to_mean": 1},
        "event_driven lean polling"),
    ("5,000 a second, fast, steady, with the capacity for it", "form_classification", {"volume.mean_rate_per_s": 5000,
        "volume.peak_to_mean": 1.2, "synchronous.workers": 10_000, "operations.max_workers": 10_000, "provider.max_concurrency": 10_000,
        "provider.requests_per_minute": None}, "synchronous clear inline"),
    ("50 ms of processing", "form_classification", {"processing.p50_s": 0.02, "processing.p95_s": 0.05}, "synchronous clear inline"),
    ("an hour of processing for a partner, due in a day", "speech_transcription", {"processing.p50_s": 2400, "processing.p95_s": 3600,
        "caller.deadline_s": 86_400, "volume.mean_rate_per_s": 0.002}, "event_driven clear webhook"),
    ("a second's deadline that processing keeps", "form_classification", {"caller.deadline_s": 1, "processing.p50_s": 0.12,
        "processing.p95_s": 0.3}, "synchronous clear inline"),
    ("a partner that cannot be called wants to watch", "speech_transcription", {"caller.accepts_webhooks": False,
        "caller.wants_live_updates": True}, "event_driven clear sse"),
    ("a partner that talks back, though it could be called", "speech_transcription", {"caller.bidirectional": True},
        "event_driven clear websocket"),
    # Failures and outages.
    ("nothing may be lost in an outage", "email_triage", {"subscribers.count": 1,
        "subscribers.independent_releases": False}, "event_driven lean none"),
    ("everything may be lost, nobody retries", "email_triage", {"subscribers.count": 1,
        "subscribers.independent_releases": False, **FRAGILE},
        "synchronous close inline"),
    # Ordering.
    ("order for each key", "document_extraction", {"subscribers.ordering": "per_key"}, "event_driven clear polling"),
    ("one order for all, slowly", "document_extraction", {"subscribers.ordering": "global", "volume.mean_rate_per_s": 0.02, **STEADY},
        "event_driven lean polling"),
    # Operations.
    ("a team that runs a broker", "image_moderation", {"operations.runs_a_broker_today": True}, "event_driven clear sse"),
    ("a broker alone changes nothing for a form", "form_classification", {"operations.runs_a_broker_today": True},
        "synchronous clear inline"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "template", "differs", "expected"), CASES, ids=[case[0] for case in CASES])
def test_an_expert_would_sign(name: str, template: str, differs: Mapping[str, Any], expected: str) -> None:
    advice = advise(answers_from({"template": template, **nested(differs)}), flips=False)
    feasible = "" if advice.feasible else ", not feasible"
    assert f"{advice.style} {advice.strength} {advice.delivery.method}{feasible}" == expected, advice.evidence


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len({case[0] for case in CASES}) >= 60
