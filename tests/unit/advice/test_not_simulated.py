"""Every answer has an effect in the Scenario or the outage's, or is listed with a reason, or is a force or a target."""

from typing import Any

import pytest

from advisor.advice.answers import LEAVES, Answers, answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.not_simulated import REASONS_NOT_SIMULATED, not_simulated
from advisor.advice.outage_scenario import build_outage_scenario
from advisor.advice.recommendation import advise
from advisor.advice.scenario import scenario_of
from advisor.advice.template_merge import merge_mappings
from core.paths import nested
from simulator.scenario import Scenario

FORCES: dict[str, str] = {
    "schema": "It names the kind of file.",
    "template": "It only fills in other answers.",
    "name": "It is a title.",
    "caller.needs_immediate_response": "A force: whether the caller can go on without the result is no number of a run.",
    "provider.profile": "It only fills in other answers.",
    "caller.accepts_webhooks": "It chooses the delivery, which is simulated.",
    "caller.wants_live_updates": "It chooses the delivery, which is simulated.",
    "caller.bidirectional": "It chooses the delivery, which is simulated.",
    "failures.idempotent": "A force: what a second run of a request costs is outside the model.",
    "subscribers.independent_releases": "A force: how teams release is no number of a run.",
    "processing.request_kb": "It chooses the broker: how large a request is takes no time in the model.",
    "subscribers.replays": "A force: whether old results are read again is no number of a run.",
    "operations.broker": "It chooses the broker, whose costs are answers of their own.",
    "operations.runs_a_broker_today": "A force: what a broker costs to run is no number of a run.",
    "resilience.max_lost_jobs": "A target: the lost requests of the simulated outage are compared with it.",
    "resilience.recover_within_minutes": "A target: the time to drain after the simulated outage is compared with it.",
    **{
        f"priorities.{name}.max_wait_s": "A target: the plan of consumers is compared with it."
        for name in ("urgent", "standard", "batch")
    },
}
"""Answers that are forces or targets by nature, or are simulated by what they choose. They are not listed for a reader."""

BASE: dict[str, Any] = {
    "template": "document_extraction",
    "caller": {"kind": "internal", "deadline_s": 600},
    "provider": {"requests_per_minute": 600, "input_tokens_per_minute": 1e6, "output_tokens_per_minute": 1e6},
    "subscribers": {"count": 3, "handling_p95_s": 1},
}
CONTEXTS: dict[str, dict[str, Any]] = {
    "caller.first_token_s": {"caller.streams_response": True, "caller.first_token_s": 1.0},
    "caller.acknowledge_within_s": {"caller.kind": "nobody"},
    "volume.think_s": {"volume.clients": 5},
    "processing.measured_in_flight": {"processing.high_mean_s": 60.0, "processing.measured_in_flight": 2},
    "processing.high_in_flight": {"processing.high_mean_s": 60.0},
    "provider.retry_after": {"provider.pacing": "none"},
    "synchronous.overflow": {"synchronous.backlog": 10},
    "subscribers.keys": {"subscribers.ordering": "per_key", "subscribers.keys": 100},
    "operations.lease_ends": {"operations.lease_s": 60.0},
    "operations.acknowledges": {"operations.crashes_per_hour": 1.0},
    "resilience.result_retention_h": {"resilience.result_retention_h": 0.001, "processing.p50_s": 3000.0},
    **{f"priorities.{name}.p95_s": {f"priorities.{name}.p50_s": 5.0} for name in ("urgent", "standard", "batch")},
}
"""What else is given, so that an answer applies."""
OTHER: dict[str, Any] = {
    "caller.kind": "nobody",
    "volume.trace": "9f2d6f55-2f2f-4b9f-8a90-6e58d5a1b1c3",
    "volume.clients": 7,
    "volume.peaks_per_day": 2,
    "processing.high_mean_s": 60.0,
    "processing.p99_s": 120.0,
    "synchronous.hops": ["nginx"],
    "failures.retry_intervals_s": [1.0, 5.0],
    "provider.max_concurrency": 7,
    "provider.requests_per_day": 7000,
    "provider.call_timeout_s": 77.0,
    "subscribers.keys": 7,
    "operations.max_workers": 3,
    "operations.min_workers": 2,
    "operations.worker_kind": "threads",
    "priorities.urgent.p50_s": 5.0,
    "priorities.standard.p50_s": 5.0,
    "priorities.batch.p50_s": 5.0,
    "processing.p50_s": 7.0,
}
SHARES = [path for path in LEAVES if path.endswith("share_percent") and path.startswith("priorities")]


def sheet(**more: Any) -> Answers:
    return answers_from(merge_mappings(BASE, nested(more)))


def simulated(answers: Answers) -> tuple[Scenario, Scenario | None]:
    scenario = scenario_of(Evaluation.from_answers(answers))
    return scenario, build_outage_scenario(scenario, answers)


def other_value(path: str, now: Any) -> Any:
    leaf = LEAVES[path]
    if path in OTHER:
        return OTHER[path]
    if leaf.kind == "flag":
        return not now
    if leaf.kind == "choice":
        return next(choice for choice in leaf.choices if choice != now)
    return 7 if now is None else now + 1 if leaf.kind == "integer" else now * 0.9 + 0.02


@pytest.mark.parametrize("path", [path for path in LEAVES if path not in FORCES])
def test_each_answer_changes_what_is_simulated_or_is_listed(path: str) -> None:
    before = sheet(**CONTEXTS.get(path, {}))
    now: Any = before
    for step in path.split("."):
        now = getattr(now, step)
    value = other_value(path, now)
    assert value != now
    changed = {path: value}
    if path in SHARES:
        last = next(share for share in SHARES if share != path)
        changed[last] = (
            100
            - value
            - before.priorities.shares()["standard" if "standard" not in (path + last) else "batch"].share_percent
        )
    after = sheet(**{**CONTEXTS.get(path, {}), **changed})
    listed = {one.field for answers in (before, after) for one in not_simulated(answers)}
    assert path in listed or simulated(after) != simulated(before), (
        f"{path}: from {now} to {value} changes nothing: simulate it (advisor/advice/scenario.py), or list it with its reason"
    )


def test_forces_and_reasons_are_answers_and_none_is_both() -> None:
    assert FORCES.keys() <= LEAVES.keys()
    assert list(REASONS_NOT_SIMULATED) == [path for path in LEAVES if path in REASONS_NOT_SIMULATED]
    assert not FORCES.keys() & REASONS_NOT_SIMULATED.keys()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"caller.streams_response": True, "caller.first_token_s": None}, "caller.first_token_s"),
        ({"volume.peaks_per_day": 1e-6}, "volume.peak_to_mean"),
        ({"processing.high_mean_s": 1.0}, "processing.high_mean_s"),
        ({"subscribers.ordering": "per_key"}, "subscribers.ordering"),
        ({"subscribers.ordering": "per_key", "subscribers.keys": 5}, "subscribers.ordering"),
        ({"volume.trace": OTHER["volume.trace"]}, "resilience.outage_minutes"),
        ({"operations.min_workers": 1}, "operations.min_workers"),
        (
            {"operations.lease_s": 60.0, "operations.crashes_per_hour": 1.0, "operations.acknowledges": "early"},
            "operations.lease_s",
        ),
    ],
)
def test_what_a_sheet_gives_without_an_effect_is_listed_with_its_reason(given: dict[str, Any], field: str) -> None:
    usual = {one.field for one in not_simulated(sheet(**{"operations.min_workers": 20, "operations.max_workers": 20}))}
    assert usual == set()
    listed = {one.field: one.reason for one in not_simulated(sheet(**given))}
    assert listed[field].endswith(".")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"template": "email_triage", "volume": {"mean_rate_per_s": 10, "peaks_per_day": 0.05, "peak_to_mean": 30}},
            "Not simulated: with a peak every 20 d a run has 17,280,000 requests, and the advice simulates at most 4,000,000 at each change; "
            "Simulate runs all of them.",
        ),
        (
            {"template": "self_hosted_model", "operations": {"max_deliveries": 5}},
            "Not simulated: a job that is given up after a number of deliveries cannot be simulated yet with a model that is slower when it "
            "is busy.",
        ),
    ],
)
def test_why_there_is_no_evidence_is_said_in_one_sentence_without_names_of_fields(
    given: dict[str, Any], sentence: str
) -> None:
    assert advise(answers_from(given), flips=False).unsimulated == sentence
