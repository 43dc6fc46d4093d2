"""The questionnaire asks for every answer once, in plain words, with the bounds of the schema."""

from typing import Any

import pytest

from advisor.advice import library
from advisor.advice.answers import LEAVES, Answers, answers_from
from advisor.advice.questionnaire import SECTIONS
from advisor.advice.ranges import template_range
from advisor.advice.templates import TEMPLATES
from advisor.advice.variations import changed
from core.paths import value_at
from tests.rules_alone import advise_by_rules

QUESTIONNAIRE = {section.id: section for section in SECTIONS}
QUESTIONS = {question.path: question for section in SECTIONS for question in section.questions}


def test_every_answer_is_asked_for_exactly_once() -> None:
    assert set(QUESTIONS) == set(LEAVES) - {"schema", "template"}
    assert len(QUESTIONS) == sum(len(section.questions) for section in SECTIONS)


UNITLESS = {"volume.interarrival_cv"}
"""A coefficient of variation is a pure number."""


def ends_of(template: str, path: str) -> tuple[float, float]:
    documented = template_range(library.sheets()[template], path)
    return documented.low, documented.high


@pytest.mark.parametrize("path", QUESTIONS)
def test_every_question_is_plain_and_says_what_it_changes(path: str) -> None:
    question = QUESTIONS[path]
    assert question.label.endswith("?")
    assert len(question.help) > 15
    assert question.help.endswith(".")
    assert question.help != question.label


@pytest.mark.parametrize("path", [path for path, question in QUESTIONS.items() if question.uncertain])
def test_every_number_has_a_unit_an_example_bounds_and_a_range_where_it_is_not_known(path: str) -> None:
    question = QUESTIONS[path]
    assert question.unit or path in UNITLESS
    assert LEAVES[path].fault(float(question.example)) is None
    assert question.low is not None
    assert question.high is not None
    assert question.low < question.high
    for unit in question.units:
        assert question.factor(unit) > 0
    for template in TEMPLATES.values():
        low, high = ends_of(template.name, path)
        assert question.low <= low <= high <= question.high


def test_the_sections_come_in_the_order_in_which_an_architect_knows_them() -> None:
    assert [section.id for section in SECTIONS] == ["caller", "load", "limits", "failure", "coupling", "operations"]


def test_every_choice_of_the_schema_has_its_words() -> None:
    for question in QUESTIONS.values():
        if question.kind == "choice":
            assert [value for value, _ in question.choices] == list(LEAVES[question.path].choices)


CALLER = "caller.needs_immediate_response caller.streams_response caller.bidirectional"
SERVICE = "caller.accepts_webhooks caller.wants_live_updates"
RETRIES = "failures.backoff_cap_s failures.jitter failures.retry_intervals_s operations.retry_tick_s"
CLIENT = "synchronous.client_timeout_s synchronous.client_retries synchronous.hops resilience.result_retention_h"
LOAD = "volume.mean_rate_per_s volume.peak_to_mean volume.peak_minutes volume.peaks_per_day volume.interarrival_cv"
OTHERS, FIRST, SENDER = "subscribers.handling_p95_s", "caller.first_token_s", "caller.acknowledge_within_s"
CLASS_TIMES = {f"priorities.{name}.p95_s" for name in ("urgent", "standard", "batch")}
USUALLY_NOT_ASKED = CLASS_TIMES | set(
    f"{OTHERS} {FIRST} volume.think_s processing.high_in_flight processing.measured_in_flight provider.retry_after subscribers.keys "
    "operations.lease_ends operations.acknowledges operations.max_deliveries operations.broker caller.acknowledge_within_s".split()
)

BRANCHES: list[tuple[str, dict[str, Any], str, str]] = [
    # name, what differs from the default template, what is asked no longer, what is asked in addition
    ("nobody waits", {"caller": {"kind": "nobody"}}, f"{CALLER} {SERVICE} {CLIENT}", f"{OTHERS} {SENDER}"),
    ("a caller that can be called back", {"caller": {"accepts_webhooks": True}}, "", SENDER),
    ("a person waits", {"caller": {"kind": "end_user"}}, SERVICE, ""),
    ("a person waits for a stream", {"caller": {"kind": "end_user", "streams_response": True}}, SERVICE, FIRST),
    ("a partner's service waits", {"caller": {"kind": "partner"}}, "", ""),
    ("others react, too", {"subscribers": {"count": 2}}, "", OTHERS),
    ("a recording", {"volume": {"trace": "march.csv"}}, f"{LOAD} volume.clients", ""),
    ("no peaks", {"volume": {"peak_to_mean": 1}}, "volume.peak_minutes volume.peaks_per_day", ""),
    ("no retries", {"failures": {"max_retries": 0}},
     f"failures.backoff_base_s {RETRIES}", ""),
    ("a list of pauses", {"failures": {"retry_intervals_s": [2, 5]}},
     "failures.backoff_base_s failures.backoff_cap_s failures.jitter", ""),
    ("a list of pauses, and the client retries", {"failures": {"retry_intervals_s": [2, 5]}, "synchronous": {"client_retries": 2}},
     "failures.backoff_cap_s failures.jitter", ""),
    ("only the client retries", {"failures": {"max_retries": 0}, "synchronous": {"client_retries": 2}},
     RETRIES, ""),
    ("no quota", {"provider": {"requests_per_minute": None}}, "provider.share_percent", ""),
    ("an unbounded backlog", {"synchronous": {"backlog": None}}, "synchronous.overflow", ""),
    ("no outage", {"resilience": {"outage_minutes": 0}},
     "resilience.recover_within_minutes resilience.max_lost_jobs resilience.outage_mode", ""),
    ("one class", {"priorities": {"urgent": {"share_percent": 0}, "batch": {"share_percent": 0}}},
     "priorities.urgent.max_wait_s priorities.urgent.p50_s priorities.batch.max_wait_s priorities.batch.p50_s", ""),
    ("a fixed number of clients", {"volume": {"clients": 40, "peak_minutes": 0.01, "peaks_per_day": 0.03}}, LOAD, "volume.think_s"),
    ("a model that slows down", {"processing": {"high_mean_s": 60}}, "", "processing.high_in_flight processing.measured_in_flight"),
    ("callers that are refused", {"provider": {"pacing": "none"}}, "", "provider.retry_after"),
    ("no limit", {"provider": {"requests_per_minute": None, "max_concurrency": None}},
     "provider.share_percent provider.pacing", ""),
    ("order for each key", {"subscribers": {"ordering": "per_key"}}, "", "subscribers.keys"),
    ("a class with times of its own", {"priorities": {"batch": {"p50_s": 60}}}, "", "priorities.batch.p95_s"),
    ("a lease", {"operations": {"lease_s": 300}}, "", "operations.lease_ends operations.max_deliveries"),
    ("a team that runs a broker", {"operations": {"runs_a_broker_today": True}}, "", "operations.broker"),
    ("crashes", {"operations": {"crashes_per_hour": 0.1}}, "", "operations.acknowledges operations.max_deliveries"),
]  # fmt: skip
NAMES = [row[0] for row in BRANCHES]


def not_asked(answers: Answers) -> set[str]:
    return {path for path, question in QUESTIONS.items() if not question.applies(answers)}


@pytest.mark.parametrize(("given", "gone", "come"), [row[1:] for row in BRANCHES], ids=NAMES)
def test_what_does_not_apply_is_not_asked(given: dict[str, Any], gone: str, come: str) -> None:
    usual = not_asked(answers_from({}))
    assert usual == USUALLY_NOT_ASKED
    assert not_asked(answers_from(given)) == (usual | set(gone.split())) - set(come.split())


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != "a recording"])
def test_what_is_not_asked_changes_nothing(name: str) -> None:
    """Another value for a hidden question leaves the advice as it is. (A recording fills in the answers that it hides.)"""
    answers = answers_from(next(row[1] for row in BRANCHES if row[0] == name))
    before = advise_by_rules(answers, flips=False)
    for path in not_asked(answers):
        for value in [] if LEAVES[path].kind == "list" else others(path, value_at(answers, path)):
            after = advise_by_rules(changed(answers, path, value), flips=False)
            kept = ("style", "strength", "score", "delivery", "feasible")
            assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept], (path, value)


def others(path: str, now: Any) -> list[Any]:
    leaf = LEAVES[path]
    if leaf.kind == "flag":
        return [not now]
    if leaf.kind == "choice":
        return [choice for choice in leaf.choices if choice != now]
    low, high = ends_of("document_extraction", path)
    return [value for value in (low, high) if value != now]


def test_a_folded_section_says_its_state() -> None:
    states = {section.id: section.state(answers_from({})) for section in SECTIONS}
    assert states["load"] == "0.5 /s, peaks of 8x; p50 8 s, p95 20 s"
    assert "deadline 30 min" in states["caller"]


def test_a_section_says_a_range_as_one() -> None:
    answers = answers_from(
        {"processing": {"p95_s": {"low": 12, "high": 60}}, "caller": {"deadline_s": {"unknown": True}}}
    )
    assert "p95 12 s to 60 s" in QUESTIONNAIRE["load"].state(answers)
    assert "deadline 5 min to 4 h" in QUESTIONNAIRE["caller"].state(answers)


def test_every_template_fills_every_field_with_its_reason() -> None:
    for template in TEMPLATES.values():
        assert set(template.why) == set(LEAVES) - {"schema", "template", "name"}
        assert all(reason.endswith(".") for reason in template.why.values())
        for path, leaf in LEAVES.items():
            if leaf.numeric:
                low, high = ends_of(template.name, path)
                assert leaf.fault(low) is None, path
                assert leaf.fault(high) is None, path
