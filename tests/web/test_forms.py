"""The bridge between fields and Answers."""

from copy import copy
from functools import cache
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from advisor.advice.answers import answers_from
from advisor.advice.templates import TEMPLATES
from advisor.reports.document.answers import QUESTIONS, TRACE
from advisor.web.forms import typed_numbers
from advisor.web.forms.fields import best_written, errors_by_field, groups_of, reading
from advisor.web.forms.posts import apply_certainty_choices, given_from
from advisor.web.forms.questions import owner_of
from advisor.web.templatetags import words
from core.errors import InvalidInput, Problem


@cache
def posted(template: str) -> QueryDict:
    """Every field of a page as a browser sends it when nothing was touched. Shared: copy it to change it."""
    post = QueryDict(mutable=True)
    for group in groups_of(TEMPLATES[template].answers):
        for field in group.fields:
            path = field.question.path
            if path != TRACE:
                texts = ["", *field.chosen] if field.question.kind == "hops" else [field.text]
                post.setlist(path, texts)
                post.setlist(f"unit:{path}", [field.unit])
    return post


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_untouched_page_changes_nothing(template: str) -> None:
    answers = TEMPLATES[template].answers
    assert answers_from(given_from(posted(template), answers)) == answers


NUMBERS = [question.path for question in QUESTIONS.values() if question.uncertain]


@given(st.floats(min_value=0.001, max_value=31_536_000), st.sampled_from(["processing.p95_s", "caller.deadline_s"]))
def test_a_number_reads_back_as_it_was_written(value: float, path: str) -> None:
    text, unit = best_written(QUESTIONS[path], value)
    assert typed_numbers.parse_answer(text, False, QUESTIONS[path].unit, QUESTIONS[path].factor(unit)) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [(1800, ("30", "min")), (60, ("60", "s")), (1.962, ("1.962", "s")), (5400, ("90", "min")), (86_400, ("24", "h"))],
)
def test_a_time_is_written_in_the_unit_people_use(value: float, written: tuple[str, str]) -> None:
    assert best_written(QUESTIONS["caller.deadline_s"], value) == written


TYPED: list[tuple[str, str, Any]] = [
    ("8", "s", 8),
    ("20 min", "s", 1200),
    ("340 ms", "s", 0.34),
    ("3 min 20 s", "s", 200),
    ("1h30m", "s", 5400),
    ("2 d", "h", 48),
    ("1.5 h", "min", 90),
    ("1h30", "s", 5400),
    ("1 h 30", "s", 5400),
    ("1h05", "s", 3900),
    ("2m30", "s", 150),
    ("1d12", "h", 36),
    ("1d12h30", "h", 36.5),
    ("1w3", "h", 240),
    ("2s500", "s", 2.5),
    ("2m30.5", "s", 150.5),
    ("1 h 90 min", "s", 9000),
    ("90min", "s", 5400),
    ("1.5h", "s", 5400),
    ("1H30M", "s", 5400),
    ("5M", "s", 300),
    ("1h30-2h", "s", {"low": 5400, "high": 7200}),
    ("1-1h30", "s", {"low": 3600, "high": 5400}),
    ("30 min to 1h30", "min", {"low": 30, "high": 90}),
    ("20 s - 30", "s", {"low": 20, "high": 30}),
    ("5-10/day", "/s", {"low": 5 / 86_400, "high": 10 / 86_400}),
    ("5%-10%", "%", {"low": 5, "high": 10}),
    ("5000/day", "/s", 5000 / 86_400),
    ("5k requests a day", "/s", 5000 / 86_400),
    ("300 per hour", "/s", 300 / 3600),
    ("10/s", "/min", 600),
    ("600 rpm", "/min", 600),
    ("400k/min", "tokens/min", 400_000),
    ("1/week", "a day", 1 / 7),
    ("2k", "tokens", 2000),
    ("2M tokens", "tokens", 2_000_000),
    ("8x", "x", 8),
    ("5 %", "%", 5),
    ("1e-3", "s", 0.001),
    ("2-8", "s", {"low": 2, "high": 8}),
    ("2 to 8", "s", {"low": 2, "high": 8}),
    ("2..8", "s", {"low": 2, "high": 8}),
    ("2 – 8 min", "s", {"low": 120, "high": 480}),
    ("between 500 ms and 2 s", "s", {"low": 0.5, "high": 2}),
    ("1e-3-5e-3", "s", {"low": 0.001, "high": 0.005}),
    ("2-8k", "tokens", {"low": 2000, "high": 8000}),
    ("500-2k", "tokens", {"low": 500, "high": 2000}),
    ("?", "s", {"unknown": True}),
    ("Don’t know", "s", {"unknown": True}),
]


@pytest.mark.parametrize(("text", "unit", "value"), TYPED)
def test_numbers_are_taken_as_people_type_them(text: str, unit: str, value: Any) -> None:
    whole = unit == "tokens"
    assert typed_numbers.parse_answer(text, whole, unit) == value
    assert typed_numbers.parse_answer(f"  {text} ", whole, unit) == value


@pytest.mark.parametrize(
    ("text", "unit", "reason"),
    [
        ("8 to 2", "s", "low must be less than high"),
        ("4 parsecs", "s", "there is no unit 'parsecs' here: give ms, s, min, h or d"),
        ("20 s 3 min", "s", "one number"),
        ("20 5", "s", "one number"),
        ("1,5", "s", "a point for decimals"),
        ("abc", "s", "such as 20, 20 s, 2-8 or \\?"),
        ("~5", "/s", "such as 20, 5000/day, 2-8 or \\?"),
        ("<2", "workers", "such as 20, 2-8 or \\?"),
        ("1h90", "s", "would be 1 h 90 min, and 60 min are 1 h: write 2h30 or 150 min"),
        ("3m500", "s", "would be 3 m 500 s, and 60 s are 1 m: write 11m20 or 680 s"),
        ("1d24", "h", "write 2d00 or 48 h"),
        ("500ms20", "s", "give 20 a unit, too"),
        ("1.5h30", "s", "give 30 a unit, too"),
        ("1h.5", "s", "give .5 a unit, too"),
        ("1d12h90", "s", "write it with its own unit"),
        ("1:30", "s", "could be hours or minutes: write 1h30 or 1 min 30 s"),
        ("30 1h", "s", "one number"),
        ("30-1h", "s", "give 30 a unit, too"),
        ("1 min-90", "s", "give 90 a unit, too"),
        ("10/day-20", "/s", "give 20 a unit, too"),
        ("2 million", "s", "no unit 'million' here"),
        ("1h30", "/s", "must be one number|no unit"),
        ("1.5", "workers", "whole number"),
        ("3 s", "", "without a unit"),
        ("5/day", "s", "no unit"),
    ],
)
def test_what_is_no_number_gets_a_reason_that_helps(text: str, unit: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        typed_numbers.parse_answer(text, unit == "workers", unit)


@given(st.data())
def test_what_a_number_reads_as_is_what_is_taken(data: st.DataObject) -> None:
    """Typed in any way, with any unit: the reading next to it, typed in its place, is the same answer."""
    question = QUESTIONS[
        data.draw(st.sampled_from(["processing.p95_s", "resilience.outage_minutes", "resilience.result_retention_h"]))
    ]
    units = [("d", 3, 24), ("h", 24, 60), ("m", 60, 60), ("s", 60, 1000)]
    above, most, below = data.draw(st.sampled_from(units))
    text = f"{data.draw(st.integers(1, most - 1))}{above}"
    if data.draw(st.booleans()):
        text += str(data.draw(st.integers(0, below - 1)))
    value = typed_numbers.parse_answer(text, False, question.unit)
    answers = TEMPLATES["document_extraction"].answers
    words = reading(question, value, answers, text, question.unit)
    assert words.startswith("= ") or words == ""
    if words:
        assert typed_numbers.parse_answer(words.removeprefix("= "), False, question.unit) == pytest.approx(
            value, rel=1e-9
        )


@pytest.mark.parametrize("path", NUMBERS)
@pytest.mark.parametrize("choice", ["range", "unknown"])
def test_any_number_of_any_template_may_become_a_range_or_unknown_and_a_number_again(path: str, choice: str) -> None:
    for template in TEMPLATES.values():
        post, changed = apply_certainty_choices(chosen(path, posted(template.name), "number", choice), template.answers)
        if path not in changed:
            continue
        try:
            uncertain = answers_from(given_from(post, template.answers))
        except InvalidInput as error:
            assert "shares of the classes" in str(error), "a share alone may not fit the two others"
            continue
        assert uncertain.uncertain[path].unknown == (choice == "unknown")
        back, changed = apply_certainty_choices(chosen(path, post, choice, "number"), uncertain)
        assert changed == {path}
        assert not answers_from(given_from(back, uncertain)).uncertain


def chosen(path: str, post: QueryDict, was: str, now: str) -> QueryDict:
    result = copy(post)
    result[f"was:{path}"], result[f"as:{path}"] = was, now
    return result


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_field_says_why_the_template_has_its_value_or_what_the_template_has_instead(name: str) -> None:
    template = TEMPLATES[name]
    for answers in (template.answers, answers_from({"template": name, "caller": {"tolerated_miss_percent": 7}})):
        fields = [field for group in groups_of(answers) for field in group.fields if field.question.path != "name"]
        assert all(field.hints.why.endswith(".") for field in fields)
        own = {field.question.path for field in fields if not field.hints.why.startswith("From the template: ")}
        assert own == (set() if answers == template.answers else {"caller.tolerated_miss_percent"})


def test_a_changed_answer_is_compared_with_the_template_in_peoples_units() -> None:
    [deadline] = [
        field
        for group in groups_of(answers_from({"template": "document_extraction", "caller": {"deadline_s": 60}}))
        for field in group.fields
        if field.question.path == "caller.deadline_s"
    ]
    assert deadline.hints.why == "Your answer. The template has 30 min."
    assert deadline.example == "30 min"


@pytest.mark.parametrize("text", ["", "none", "unlimited", "Never"])
def test_an_optional_number_may_be_nothing(text: str) -> None:
    before = TEMPLATES["document_extraction"].answers
    post = QueryDict(mutable=True)
    post["synchronous.client_timeout_s"] = text
    assert answers_from(given_from(post, before)).synchronous.client_timeout_s is None


@given(st.text(max_size=60))
def test_any_text_is_a_number_or_a_reason(text: str) -> None:
    try:
        typed_numbers.parse_answer(text, whole=True)
    except ValueError as error:
        assert str(error)


@given(st.sampled_from(sorted(set(QUESTIONS) - {TRACE})), st.text(max_size=200))
def test_any_text_in_any_field_is_an_answer_or_a_problem_of_a_field(path: str, text: str) -> None:
    post = QueryDict(mutable=True)
    post.setlist(path, [text])
    before = TEMPLATES["document_extraction"].answers
    try:
        answers_from(given_from(post, before))
    except InvalidInput as error:
        errors = errors_by_field(error.problems)
        assert "" not in errors
        groups_of(before, post, error.problems)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("processing.p95_s", "processing.p95_s"),
        ("synchronous.hops.1.limit_s", "synchronous.hops"),
        ("priorities", "priorities.urgent.share_percent"),
        ("priorities.batch", "priorities.batch.share_percent"),
        ("jobs", ""),
        ("", ""),
    ],
)
def test_a_problem_is_shown_next_to_the_field_that_can_mend_it(path: str, owner: str) -> None:
    assert owner_of(path) == owner


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("there is no such trace; upload it first", "There is no such trace; upload it first."),
        ("is required", "This is required."),
    ],
)
def test_a_reason_becomes_a_sentence(reason: str, sentence: str) -> None:
    assert errors_by_field([Problem("processing.p95_s", reason)]) == {"processing.p95_s": sentence}


def pauses(text: str) -> QueryDict:
    post = QueryDict(mutable=True)
    post["failures.retry_intervals_s"] = text
    return post


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("2, 5, 10", (2, 5, 10)),
        ("2,5s,1m30", (2, 5, 90)),
        (" 500 ms ", (0.5,)),
        ("0", (0,)),
        ("", None),
        ("none", None),
    ],
)
def test_a_list_of_durations_is_taken_as_people_type_it(text: str, values: Any) -> None:
    before = TEMPLATES["document_extraction"].answers
    after = answers_from(given_from(pauses(text), before))
    assert after.failures.retry_intervals_s == values
    again = pauses(typed_numbers.written(values))
    assert answers_from(given_from(again, before)) == after


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2, x, 10", "number 2 of the list must be a number such as 20 or 20 s"),
        ("2 5 10", "number 1 of the list must be"),
        ("2, ", "number 2 of the list must be"),
        ("1-2, 5", "number 1 of the list must be"),
        ("2, 2 tons", "number 2 of the list: there is no unit"),
        ("2, -5", "must be durations between 0 s and 365 days"),
        ("2, 400 d", "must be durations between 0 s and 365 days"),
        (", ".join("1" * 21), "must be at most 20 durations, not 21"),
    ],
)
def test_what_is_no_list_of_durations_gets_a_reason_at_its_question(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        given_from(pauses(text), TEMPLATES["document_extraction"].answers)
    [problem] = refused.value.problems
    assert problem.path == "failures.retry_intervals_s" and problem.reason.startswith(reason)


def test_a_hop_of_ones_own_is_added_once_it_is_whole() -> None:
    before = TEMPLATES["document_extraction"].answers
    post = QueryDict(mutable=True)
    post.setlist("synchronous.hops", ["", "nginx"])
    post["own-hop:name"] = "Our mesh"
    assert answers_from(given_from(post, before)).synchronous.hops == ("nginx",)
    post["own-hop:limit_s"] = "12.5"
    hops = answers_from(given_from(post, before)).model_dump()["synchronous"]["hops"]
    assert hops[1] == {"name": "Our mesh", "limit_s": 12.5, "kind": "total", "adjustable": False}
    post["own-hop:adjustable"] = "on"
    hops = answers_from(given_from(post, before)).model_dump()["synchronous"]["hops"]
    assert hops[1]["adjustable"] is True


def test_numbers_and_units_stay_on_one_line() -> None:
    assert (
        words.glued("p95 28 s, past 29 s of 3 min 20 s") == "p95 28\u00a0s, past 29\u00a0s of 3\u00a0min\u00a020\u00a0s"
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(2, "a few seconds"), (23, "about 25 s"), (200, "about 3 min"), (4000, "about 1 h 7 min")]
)
def test_a_remaining_time_is_not_more_exact_than_it_is(seconds: float, text: str) -> None:
    assert words.coarse(seconds) == text
