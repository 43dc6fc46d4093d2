"""Each rule: when it is felt, how strongly, and what it says."""

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.contract import Reason, Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.advice.facts import Facts, PointFacts
from advisor.advice.rules import CONSTRAINTS, RULES, Rule
from advisor.advice.templates import TEMPLATES
from core.paths import nested
from tests.rules_alone import advise_by_rules

FELT: Mapping[str, tuple[str, Mapping[str, Any], tuple[str, ...]]] = {
    "overload": ("document_extraction", {"volume.mean_rate_per_s": 5}, ("5 /s", "2.09 /s")),
    "burst_beyond_deadline": ("document_extraction", {"caller.deadline_s": 60}, ("4 /s", "2.09 /s", "60 s")),
    "impossible_deadline": ("form_classification", {"caller.deadline_s": 1}, ("1 s", "1.4 s", "1 %")),
    "inline_limit": (
        "document_extraction",
        {"synchronous.hops": ["aws_api_gateway_rest"], "volume.peak_to_mean": 1},
        ("29.2 s", "29 s", "AWS API Gateway"),
    ),
    "first_token_limit": (
        "chat_assistant",
        {"caller.first_token_s": 31, "synchronous.hops": ["heroku_router"]},
        ("31 s", "30 s", "no setting changes"),
    ),
    "adjustable_limit": (
        "document_extraction",
        {},
        ("30 s total limit", "gunicorn", "raise the 60 s of nginx", "the 30 s of the client", "2 min 30 s"),
    ),
    "survives_interruption": ("speech_transcription", {}, ("2 min 30 s", "30 s", "server-sent events")),
    "answer_and_publish": ("form_classification", {"subscribers.count": 3}, ("2 other services",)),
    "slow_tail": (
        "chat_assistant",
        {"caller.streams_response": False, "synchronous.hops": ["aws_api_gateway_rest"]},
        ("within 6 s", "10 s", "29.1 s"),
    ),
    "variable_volume": ("document_extraction", {}, ("8x", "4 /s", "2.09 /s", "191 %")),
    "long_processing": ("document_extraction", {}, ("20 s", "10 s")),
    "several_subscribers": ("email_triage", {}, ("3 services", "one")),
    "retries_and_dead_letters": ("document_extraction", {}, ("4 retries", "15 s", "dead letters")),
    "independent_evolution": ("email_triage", {}, ("independently",)),
    "nobody_waits": ("email_triage", {}, ("Nobody",)),
    "durable_intake": ("document_extraction", {}, ("15 min", "450", "none may be lost")),
    "fast_processing": ("form_classification", {}, ("1.4 s", "2 s")),
    "steady_volume": ("form_classification", {}, ("4 /s", "70 %", "2x", "3x")),
    "immediate_response": ("form_classification", {}, ("immediate",)),
    "single_consumer": ("form_classification", {}, ("single consumer", "two")),
    "operational_cost": ("document_extraction", {}, ("No broker",)),
    "streaming": ("chat_assistant", {}, ("streams", "29.")),
    "global_order": ("document_extraction", {"subscribers.ordering": "global"}, ("one order",)),
}


def advised(template: str, differs: Mapping[str, Any]) -> Recommendation:
    return advise_by_rules(answers_from({"template": template, **nested(differs)}), flips=False)


def reasons(template: str, differs: Mapping[str, Any]) -> dict[str, Reason]:
    return {reason.rule: reason for reason in advised(template, differs).reasons}


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_each_rule_is_felt_and_says_so_with_the_users_numbers_and_the_threshold(rule: str) -> None:
    assert rule in FELT, (
        f"add {rule!r} to FELT in tests/unit/advice/test_rules.py: answers in which it is felt, and its words"
    )
    template, differs, expected = FELT[rule]
    evidence = reasons(template, differs)[rule].evidence
    for words in expected:
        assert words in evidence


def others(value: float | bool) -> tuple[float | bool, ...]:
    """Other values of a fact, of its type: larger, none, and a tiny and a huge one."""
    if isinstance(value, bool):
        return (not value,)
    return (1.7 * value + 3 if math.isfinite(value) else 11.0, 0.0, 1e-3, 1e9)


def reads(rule: Rule, point: PointFacts, fact: str) -> bool:
    """Whether the sentence changes, or fails, if this fact alone has another value."""
    part, name = fact.split(".")
    facts, words = getattr(point, part), rule.sentence(point)
    for value in others(getattr(facts, name)):
        try:
            if rule.sentence(replace(point, **{part: replace(facts, **{name: value})})) != words:
                return True
        except (ArithmeticError, ValueError):
            return True
    return False


LATE = {"caller.first_token_s": 61}
"""A stream that begins after a proxy of one's own has given up: one sentence reads more facts then."""
SENDER = {"caller.kind": "nobody", "processing.p50_s": 100, "processing.p95_s": 200}
OUTLASTED = {"subscribers.count": 3, "subscribers.handling_p95_s": 40}
"""Others that are called in line take the answer past a limit: one sentence reads more facts then."""
POINTS = [
    (rule, template, differs)
    for rule in (rule.id for rule in RULES if rule.id in FELT)
    for template, differs in [FELT[rule][:2], *((name, {}) for name in TEMPLATES)]
] + [
    ("answer_and_publish", "form_classification", OUTLASTED),
    ("adjustable_limit", "chat_assistant", LATE),
    ("survives_interruption", "document_extraction", SENDER),
]


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "template", "differs"), POINTS)
def test_a_rule_cites_every_fact_that_its_sentence_reads(rule: str, template: str, differs: Mapping[str, Any]) -> None:
    point = Evaluation.from_answers(answers_from({"template": template, **nested(differs)})).point
    cited_rule = next(one for one in RULES if one.id == rule)
    paths = [f"{part.name}.{fact.name}" for part in fields(Facts) for fact in fields(getattr(point, part.name))]
    uncited = [path for path in paths if path not in cited_rule.cited(point) and reads(cited_rule, point, path)]
    assert not uncited, f"add to `cites` of the rule {rule}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_cites_only_facts_that_its_sentence_reads(rule: Rule) -> None:
    points = [
        Evaluation.from_answers(answers_from({"template": template, **nested(differs)})).point
        for name, template, differs in POINTS
        if name == rule.id
    ]
    cited = [(fact, point) for point in points for fact in rule.cited(point)]
    unread = {fact for fact, _ in cited} - {fact for fact, point in cited if reads(rule, point, fact)}
    assert not unread, (
        f"remove from `cites` of the rule {rule.id}, or add answers to FELT of which its sentence reads them"
    )


def test_every_rule_has_its_words_its_source_and_a_weight_between_0_and_1() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.title
        assert rule.about.endswith(".")
        assert rule.source
        template, differs, _ = FELT.get(rule.id, ("document_extraction", {}, ()))
        assert rule.id not in FELT or 0 < reasons(template, differs)[rule.id].weight <= 1


def test_between_2_and_10_s_processing_carries_no_weight() -> None:
    for p95 in (2.0, 4.0, 9.99):
        felt = reasons("document_extraction", {"processing.p50_s": 1.5, "processing.p95_s": p95})
        assert not {"fast_processing", "long_processing"} & set(felt)
    assert "fast_processing" in reasons("document_extraction", {"processing.p50_s": 1, "processing.p95_s": 1.99})
    assert "long_processing" in reasons("document_extraction", {"processing.p50_s": 5, "processing.p95_s": 10.0})


def test_a_broker_that_runs_already_costs_less() -> None:
    first = reasons("document_extraction", {})["operational_cost"].weight
    running = reasons("document_extraction", {"operations.runs_a_broker_today": True})["operational_cost"].weight
    assert 0 < running < first


def test_long_processing_does_not_speak_for_a_queue_where_the_answer_streams() -> None:
    assert "long_processing" not in reasons("chat_assistant", {})
    assert "long_processing" in reasons("chat_assistant", {"caller.streams_response": False})


def test_the_score_is_the_sum_of_the_forces() -> None:
    sound = advised("image_moderation", {})
    signs = {"event_driven": 1, "synchronous": -1, "hybrid": 0, "neither": 0}
    assert sound.score == pytest.approx(
        sum(signs[reason.favours] * reason.weight for reason in sound.reasons), abs=1e-3
    )


def test_reasons_come_with_hard_constraints_first_and_the_strongest_next() -> None:
    rules = [reason.rule for reason in advised("speech_transcription", {}).reasons]
    hard = {rule.id for rule in CONSTRAINTS}
    assert rules[0] in hard
    weights = [reason.weight for reason in advised("speech_transcription", {}).reasons if reason.rule not in hard]
    assert weights == sorted(weights, reverse=True)


def test_what_rules_out_every_style_is_infeasible_and_says_it_for_each() -> None:
    advice = advised("document_extraction", {"caller.deadline_s": 60})
    assert not advice.feasible
    assert set(advice.infeasible) == {"synchronous", "event_driven", "hybrid"}
    assert "capacity comes first" in advice.infeasible["event_driven"][0]
    assert advice.reasons[0].favours == "neither"


def test_a_limit_on_the_way_rules_out_synchronous_alone() -> None:
    advice = advised("speech_transcription", {})
    assert advice.feasible
    assert set(advice.infeasible) == {"synchronous"}
    assert advice.score >= 0.5


def test_a_hybrid_waits_in_line_inside_every_limit() -> None:
    advice = advised("chat_assistant", {"caller.streams_response": False, "synchronous.hops": ["aws_api_gateway_rest"]})
    assert advice.style == "hybrid"
    assert advice.inline_wait_s == 10
    partner = {"caller.kind": "partner", "caller.streams_response": False, "synchronous.hops": ["aws_api_gateway_rest"]}
    assert advised("chat_assistant", partner).inline_wait_s == pytest.approx(0.9 * 29)
