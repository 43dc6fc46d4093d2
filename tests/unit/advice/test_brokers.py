"""The broker that a practitioner would take, with the reason that decides; and a runner-up that wins when the advice says so."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from advisor.advice import library
from advisor.advice.answers import LEAVES, answers_from
from advisor.advice.brokers import BrokerNeeds, _changes, broker_needs, choose_broker, weigh
from advisor.advice.contract import BrokerChoice
from advisor.advice.evaluation import Evaluation
from core.paths import nested
from tests.rules_alone import advise_by_rules


def needs(differs: Mapping[str, Any]) -> BrokerNeeds:
    evaluation = Evaluation.from_answers(answers_from(nested(differs)))
    return broker_needs(evaluation.answers, evaluation.point, "event_driven")


def choice(differs: Mapping[str, Any]) -> BrokerChoice:
    evaluation = Evaluation.from_answers(answers_from(nested(differs)))
    chosen = choose_broker(evaluation.answers, evaluation.point, "event_driven")
    assert chosen is not None
    return chosen


LOSES_SOME = {"resilience.max_lost_jobs": 1000}
LONG = {"processing.p50_s": 150, "processing.p95_s": 420, "caller.deadline_s": 3600}

PRACTITIONER: list[tuple[str, Mapping[str, Any], str, str]] = [
    ("a first broker, moderate volume, none lost", {}, "database", "there already"),
    ("Python workers, and a few may be lost", LOSES_SOME, "rq", "built in"),
    ("three teams react", {"subscribers.count": 4}, "rabbitmq", "3 services react"),
    ("past events are read again by new services", {"subscribers.count": 4, "subscribers.replays": True}, "kafka", "read again"),
    ("thousands a second for several teams", {"subscribers.count": 4, "volume.mean_rate_per_s": 4000}, "kafka", "no burden"),
    ("loops of minutes that must not run twice", {**LONG, "failures.idempotent": False}, "temporal", "last step"),
    ("a few an hour", {"volume.mean_rate_per_s": 0.001, "volume.peak_to_mean": 1}, "database", "nothing more is needed"),
    ("behind the vendor's balancer already", {"synchronous.hops": ["aws_alb"], "subscribers.ordering": "per_key"}, "sqs", "order of each key"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("differs", "name", "words"), [row[1:] for row in PRACTITIONER], ids=[row[0] for row in PRACTITIONER]
)
def test_a_practitioner_would_take_it(differs: Mapping[str, Any], name: str, words: str) -> None:
    first = choice(differs).first
    assert (first.name, words in " ".join(first.reasons)) == (name, True), first


@pytest.mark.parametrize("name", library.brokers())
def test_what_the_team_runs_today_weighs_most_in_an_ordinary_workload(name: str) -> None:
    first = choice({"operations.runs_a_broker_today": True, "operations.broker": name}).first
    assert first.name == name
    assert "The team runs it today." in first.reasons


LIMITS: list[tuple[str, Mapping[str, Any], str]] = [
    # the broker that the team runs, what goes past a documented limit of it, and the limit's words
    ("sqs", {"failures.backoff_base_s": 1800, "failures.backoff_cap_s": 3600}, "15 min"),
    ("sqs", {"processing.p50_s": 40_000, "processing.p95_s": 50_000, "caller.deadline_s": 86_400}, "12 h"),
    ("sqs", {"caller.deadline_s": None, "priorities.batch.max_wait_s": 2_000_000}, "14 d"),
    ("sqs", {"processing.request_kb": 1200}, "1.05 MB"),
    ("sqs", {"operations.max_workers": 100_000, "volume.mean_rate_per_s": 400, "subscribers.ordering": "per_key"}, "300 /s"),
    ("rabbitmq", {"processing.p50_s": 1200, "processing.p95_s": 1800, "caller.deadline_s": 86_400}, "30 min"),
    ("kafka", {**LONG, "subscribers.count": 4}, "5 min"),
    ("rq", {**LONG, "volume.mean_rate_per_s": 0.05}, "3 min"),
    ("temporal", {"processing.request_kb": 2500}, "2.1 MB"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "differs", "words"), LIMITS)
def test_a_documented_limit_is_said_in_the_users_numbers(name: str, differs: Mapping[str, Any], words: str) -> None:
    limits = [point.text for point in weigh(needs(differs))[name] if point.points <= 0]
    assert words in " ".join(limits)


@pytest.mark.parametrize("differs", [row[1] for row in PRACTITIONER])
def test_the_runner_up_wins_when_the_advice_says_so(differs: Mapping[str, Any]) -> None:
    chosen, given = choice(differs), needs(differs)
    sentence = chosen.runner_up.wins_if
    assert sentence
    changed = dict(_changes(given, chosen.runner_up.name))
    assert sentence.removeprefix("It would be the first choice if ").rstrip(".") in changed
    assert len({option.name for option in (chosen.first, chosen.runner_up)}) == 2
    assert len(chosen.others) == len(library.brokers()) - 2


def test_a_condition_is_a_change_that_makes_a_difference() -> None:
    for condition, changed in _changes(needs({}), "kafka"):
        assert changed != needs({}), condition


def test_every_need_changes_the_weights_of_some_broker() -> None:
    from advisor.advice.brokers import weigh

    given = replace(needs({"subscribers.ordering": "per_key", **LONG}), few_jobs=False)
    others = {
        "order": "none", "replays": True, "reacting": 3, "peak_per_s": 1e6, "longest_pause_s": 3600.0, "kept_s": 1e8, "backlog_bytes": 1e12,
        "message_bytes": 1e10, "work_p99_s": 1e6, "work_p95_s": 1.0, "in_flight": 10**7, "classes": 1, "dead_letters": False,
        "loses_none": False, "is_one_step": False, "few_jobs": True, "today": "kafka", "near": frozenset({"sqs"}),
    }  # fmt: skip
    assert set(others) == {field.name for field in fields(BrokerNeeds)}
    base = replace(given, longest_pause_s=0.0) if not given.dead_letters else given
    for name, value in others.items():
        start = replace(base, longest_pause_s=0.0) if name == "dead_letters" else base
        assert weigh(replace(start, **{name: value})) != weigh(start), name


def test_the_synchronous_style_needs_no_broker() -> None:
    assert advise_by_rules(answers_from({"template": "form_classification"}), flips=False).broker is None


def test_a_question_offers_each_broker_of_the_data_file() -> None:
    assert set(LEAVES["operations.broker"].choices) == {"unknown", *library.brokers()}


def test_hops_that_speak_for_a_vendor_exist() -> None:
    for broker in library.brokers().values():
        assert set(broker.near_hops) <= set(library.hops())
