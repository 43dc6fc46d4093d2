"""Limits that a setting changes are to be raised, limits that no setting changes rule out; both against the tolerated misses."""

from collections.abc import Mapping
from typing import Any

import pytest

from advisor.advice import library
from advisor.advice.answers import answers_from
from advisor.advice.contract import Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.advice.limits import raised_s
from advisor.advice.scenario import scenario_of
from core.paths import nested
from simulator.theory import lognormal_mean_s
from tests.rules_alone import advise_by_rules

CALM = {"volume.peak_to_mean": 1, "volume.mean_rate_per_s": 0.05, "failures.transient_percent": 0}
NO_CLIENT = {"synchronous.client_timeout_s": None}


def advised(differs: Mapping[str, Any], template: str = "document_extraction") -> Recommendation:
    return advise_by_rules(answers_from({"template": template, **nested(differs)}), flips=False)


def evidence(advice: Recommendation) -> dict[str, str]:
    return {reason.rule: reason.evidence for reason in advice.reasons}


@pytest.mark.parametrize("hop", library.hops().values(), ids=library.hops())
def test_only_a_limit_that_no_setting_changes_rules_out(hop: library.HopFact) -> None:
    work = {
        "processing.p50_s": hop.limit_s,
        "processing.p95_s": 1.2 * hop.limit_s,
        "caller.deadline_s": 10 * hop.limit_s,
    }
    advice = advised({**CALM, **NO_CLIENT, **work, "synchronous.hops": [hop.name]})
    felt = evidence(advice)
    assert ("synchronous" in advice.infeasible) is not hop.adjustable
    assert ("adjustable_limit" in felt) is hop.adjustable
    assert hop.title in felt["adjustable_limit" if hop.adjustable else "inline_limit"]


@pytest.mark.parametrize("adjustable", [True, False])
def test_a_hop_by_its_figures_says_itself_whether_it_can_be_changed(adjustable: bool) -> None:
    hop = {"name": "our mesh", "limit_s": 15, "kind": "total", "adjustable": adjustable}
    advice = advised({**CALM, **NO_CLIENT, "synchronous.hops": [hop]})
    assert ("synchronous" in advice.infeasible) is not adjustable


def test_a_hop_of_before_is_one_that_no_setting_changes() -> None:
    hop = {"name": "our mesh", "limit_s": 15, "kind": "total"}
    assert "synchronous" in advised({**CALM, **NO_CLIENT, "synchronous.hops": [hop]}).infeasible


def test_the_advice_says_what_to_raise_each_limit_to() -> None:
    text = evidence(advised({**CALM, "processing.p50_s": 30, "processing.p95_s": 50}))["adjustable_limit"]
    assert "raise the 60 s of nginx, the 30 s of gunicorn, sync worker and the 30 s of the client to 68 s" in text


def test_raising_as_advised_takes_the_force_away() -> None:
    work = {**CALM, "processing.p50_s": 30, "processing.p95_s": 50}
    raised = [{"name": name, "limit_s": 68, "kind": "total", "adjustable": True} for name in ("proxy", "server")]
    assert "adjustable_limit" not in evidence(
        advised({**work, "synchronous.hops": raised, "synchronous.client_timeout_s": 68})
    )


@pytest.mark.parametrize(("takes_s", "becomes_s"), [(30.3, 34), (61.3, 68), (100, 110), (0.25, 0.28), (123, 140)])
def test_a_raised_limit_has_a_tenth_to_spare_and_two_digits(takes_s: float, becomes_s: float) -> None:
    assert raised_s(takes_s) == pytest.approx(becomes_s)


@pytest.mark.parametrize(("tolerated", "ruled_out"), [(0.5, True), (1, True), (1.3, False), (5, False)])
def test_the_share_past_a_limit_is_held_against_the_tolerated_misses(tolerated: float, ruled_out: bool) -> None:
    """1.1 % of a lognormal with p50 8 s and p95 20 s take longer than 28.5 s."""
    hop = {"name": "gateway", "limit_s": 28.5, "kind": "total"}
    advice = advised({**CALM, **NO_CLIENT, "synchronous.hops": [hop], "caller.tolerated_miss_percent": tolerated})
    assert ("synchronous" in advice.infeasible) is ruled_out


def test_the_quantile_that_is_held_against_a_limit_is_named() -> None:
    text = evidence(advised({**CALM, "caller.tolerated_miss_percent": 0.1}))["adjustable_limit"]
    assert "at p99.9 (processing 29.2 s at p99)" in text


SENDER = {
    "caller.kind": "nobody",
    "subscribers.count": 1,
    "failures.dead_letter": False,
    "resilience.max_lost_jobs": 10_000,
}


def test_a_sender_that_wants_no_result_still_waits_for_its_2xx() -> None:
    free, bound = advised({**CALM, **SENDER}), advised({**CALM, **SENDER, "caller.acknowledge_within_s": 10})
    assert free.infeasible == {} and set(bound.infeasible) == {"synchronous"}
    assert "the 10 s within which the sender must have its 2xx" in bound.infeasible["synchronous"][0]
    assert "acknowledge_first" in {practice.id for practice in bound.practices}


def test_work_that_is_done_within_the_acknowledgement_may_be_done_before_it() -> None:
    fast = {"processing.p50_s": 0.5, "processing.p95_s": 1, "caller.acknowledge_within_s": 10}
    assert advised({**CALM, **SENDER, **fast}).infeasible == {}


def test_a_sender_that_gives_up_gives_up_in_the_simulation_too() -> None:
    answers = answers_from(nested({**SENDER, "caller.acknowledge_within_s": 3}))
    made = scenario_of(Evaluation.from_answers(answers))
    assert made.synchronous.client_timeout_s == 3
    waits = answers_from(nested({"caller.kind": "end_user", "caller.acknowledge_within_s": 3}))
    assert Evaluation.from_answers(waits).point.caller.acknowledge_s == float("inf")


def test_one_order_or_a_few_jobs_have_one_queue_in_the_plan_and_in_the_simulation() -> None:
    few = {"volume.mean_rate_per_s": 0.001, "volume.peak_to_mean": 1}
    for differs in ({"subscribers.ordering": "global", "volume.mean_rate_per_s": 0.02}, few):
        answers = answers_from(nested(differs))
        advice = advise_by_rules(answers, flips=False)
        (queue,) = advice.queues
        made = scenario_of(Evaluation.from_answers(answers))
        assert (queue.share_percent, queue.consumers, list(made.event_driven.queues)) == (100, 1, [queue.name])


def test_work_of_minutes_speaks_for_events_although_it_streams() -> None:
    """Loops of an agent: the connection would have to live for seven minutes, deployments included."""
    loops = {"processing.p50_s": 150, "processing.p95_s": 420, "caller.deadline_s": 900}
    assert lognormal_mean_s(150, 420) > 60
    advice = advised(loops, "chat_assistant")
    assert "long_processing" not in evidence(advice)
    assert "7 min" in evidence(advice)["survives_interruption"]
    assert "survives_interruption" not in evidence(advised({}, "chat_assistant"))


def test_kept_steps_are_advised_with_progress_where_the_caller_looks() -> None:
    texts = {
        practice.id: practice.text for practice in advised({"caller.bidirectional": True}, "agent_loops").practices
    }
    assert "Temporal, or a table of steps" in texts["durable_execution"]
    assert "over the WebSocket" in texts["durable_execution"]
    assert "durable_execution" not in {practice.id for practice in advised({}).practices}


def test_raising_limits_is_advised_where_synchronous_is() -> None:
    """A client that gives up after 15 s, and work of which one in twenty takes 20 s."""
    fragile = {"failures.max_retries": 0, "failures.dead_letter": False, "resilience.max_lost_jobs": 100_000}
    advice = advised(
        {**fragile, "volume.peak_to_mean": 1.5, "synchronous.hops": [], "synchronous.client_timeout_s": 15}
    )
    assert advice.style == "synchronous"
    text = {practice.id: practice.text for practice in advice.practices}["raise_limits"]
    assert "raise the 15 s of the client to" in text
