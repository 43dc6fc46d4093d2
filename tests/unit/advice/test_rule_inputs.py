"""The answers behind a reason."""

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.evaluation import Evaluation
from advisor.advice.questionnaire import SECTIONS
from advisor.advice.rule_inputs import MOST_INPUTS, rule_inputs
from advisor.advice.rules import RULES
from advisor.advice.templates import TEMPLATES
from tests.rules_alone import advise_by_rules

QUESTIONS = {question.path for section in SECTIONS for question in section.questions}

EXPECTED = [
    # rule, answers that an architect would name
    ("fast_processing", {"processing.p95_s"}),
    ("long_processing", {"processing.p95_s"}),
    ("single_consumer", {"subscribers.count"}),
    ("operational_cost", {"operations.runs_a_broker_today"}),
    ("immediate_response", {"caller.needs_immediate_response", "caller.deadline_s"}),
    ("global_order", {"subscribers.ordering"}),
]


@pytest.mark.parametrize(("rule", "paths"), EXPECTED)
def test_the_answers_that_an_architect_would_name_are_among_them(rule: str, paths: set[str]) -> None:
    if rule not in {known.id for known in RULES}:
        pytest.fail(f"there is no rule {rule}")
    assert paths <= set(rule_inputs(Evaluation.from_answers(answers_from({})), [rule])[rule])


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_reason_has_answers_behind_it_each_of_which_is_asked(name: str) -> None:
    answers = answers_from({"template": name})
    reasons = [reason.rule for reason in advise_by_rules(answers, flips=False).reasons]
    inputs = rule_inputs(Evaluation.from_answers(answers), reasons)
    assert set(inputs) == set(reasons)
    for paths in inputs.values():
        assert 1 <= len(paths) <= MOST_INPUTS
        assert set(paths) <= QUESTIONS


def test_a_list_of_pauses_is_among_the_answers_behind_retries() -> None:
    answers = answers_from({"failures": {"retry_intervals_s": [20, 50]}})
    with_list = [
        rule
        for rule, paths in rule_inputs(Evaluation.from_answers(answers), [rule.id for rule in RULES]).items()
        if "failures.retry_intervals_s" in paths
    ]
    assert with_list
    without = rule_inputs(Evaluation.from_answers(answers_from({})), with_list)
    assert not any("failures.retry_intervals_s" in paths for paths in without.values())


def test_every_rule_has_answers_behind_it() -> None:
    given = {"synchronous": {"hops": ["nginx"]}, "caller": {"streams_response": True}}
    inputs = rule_inputs(Evaluation.from_answers(answers_from(given)), [rule.id for rule in RULES])
    assert all(inputs.values())
